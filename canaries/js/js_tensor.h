// Canary divergence of LibTorch tensors: what the hook and the lab call at each measurement. The
// trainer's thread; no gradient is recorded and no random number drawn.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstddef>

#include "canaries/js/js.h"
#include "monitor/base/result.h"

namespace phaseguard::canaries {

// model, reference: [P, V] logits at the last unmasked position of each canary, any floating dtype,
// stride and device (float64 is computed in float64, all others from float32). One value a row. On
// the CPU by the fused kernel; elsewhere by ATen on that device, logits stay there (js_device.h).
// Error, not an exception: not two dimensions, shapes that differ, P = 0 or V = 0, an integer
// dtype, k outside 1..V. Rows that are not finite are BAD values.
[[nodiscard]] Result<JsSummary> js_divergence(const at::Tensor& model, const at::Tensor& reference,
                                              JsVariant variant = JsVariant::kFull,
                                              std::size_t k = 256);

// First-k mode: model, reference [P, K, V], logits at K positions of one greedy continuation of the
// reference, fed to both. A canary's value is the mean over its K positions (its interval
// likewise); one BAD position makes it BAD. The value is another quantity than at one position:
// declare it by first_k_name. Errors as above, and K = 0.
[[nodiscard]] Result<JsSummary> js_divergence_first_k(const at::Tensor& model,
                                                      const at::Tensor& reference,
                                                      JsVariant variant = JsVariant::kFull,
                                                      std::size_t k = 256);

// logits: [P, T, V] (or [P, V], returned as it is), attention: [P, T] of 0/1, padded left or right.
// [P, V]: each row at its last position with attention 1. Error: shapes, or a row with none.
[[nodiscard]] Result<at::Tensor> last_unmasked(const at::Tensor& logits,
                                               const at::Tensor& attention);

}  // namespace phaseguard::canaries
