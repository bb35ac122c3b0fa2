#define PHASEGUARD_JS_ROW js_row_portable
#include "canaries/js_rows.inl"
