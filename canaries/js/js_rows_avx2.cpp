// Compiled with -mavx2 -mfma; called only where the processor has both.
#define PHASEGUARD_JS_ROW js_row_avx2
#define PHASEGUARD_NORM_ROW norm_row_avx2
#define PHASEGUARD_JS_LANES 8
#include "canaries/js/js_rows.inl"
