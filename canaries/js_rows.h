// Full-vocabulary divergence of float32 rows, the inner loop of the canary signal. Internal to the
// canaries room: js.cpp calls whichever of the two builds the processor can run. Pure.
#pragma once

#include <cstddef>

namespace phaseguard::canaries::detail {

struct RowResult {
  bool bad = false;  // a NaN or +infinity, or a row all -infinity
  double js = 0.0;   // nats, not yet clamped to ln 2; NaN: logits beyond 1e37, use float64 instead
};

// model, reference: n logits. scratch: room for 2 * scratch_floats(n), reused between rows.
using RowKernel = RowResult (*)(const float* model, const float* reference, std::size_t n,
                                float* scratch);

inline constexpr std::size_t kBlock = 32;
[[nodiscard]] constexpr std::size_t scratch_floats(std::size_t n) {
  return (n + kBlock - 1) / kBlock * kBlock;
}

RowResult js_row_portable(const float* model, const float* reference, std::size_t n,
                          float* scratch);
#if defined(PHASEGUARD_JS_AVX2)
RowResult js_row_avx2(const float* model, const float* reference, std::size_t n, float* scratch);
#endif

}  // namespace phaseguard::canaries::detail
