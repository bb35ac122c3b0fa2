// The natural logarithm in + - * / alone, so that decisions are the same bits with every libm.
// Pure; any thread. Used by window_js.
#pragma once

namespace phaseguard::policy {

// ln x, within 1 ulp of the exact value for normal and denormal x > 0. 0 gives -infinity, a
// negative number or NaN gives NaN, infinity itself.
[[nodiscard]] double natural_log(double x);

}  // namespace phaseguard::policy
