#define PHASEGUARD_JS_ROW js_row_portable
#define PHASEGUARD_NORM_ROW norm_row_portable
#define PHASEGUARD_JS_LANES 4
#include "canaries/js/js_rows.inl"
