// Compiled with -mavx512f; called only where the processor has it.
#define PHASEGUARD_JS_ROW js_row_avx512
#define PHASEGUARD_NORM_ROW norm_row_avx512
#define PHASEGUARD_JS_LANES 16
#include "canaries/js/js_rows.inl"
