// Canary divergence by ATen operations alone: for logits that live on an accelerator, and the
// second opinion the tests hold the CPU kernel against. The trainer's thread.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstddef>

#include "canaries/js/js.h"
#include "monitor/base/result.h"

namespace phaseguard::canaries {

// As js_divergence of js_tensor.h, on the device the logits are on: only [P] numbers come to the
// host. Elementwise in float32 (float64 when either side is float64 or a logit is beyond 1e37),
// sums in float64. Agrees with the CPU kernel to 2e-7. Errors and BAD values: the same.
[[nodiscard]] Result<JsSummary> js_divergence_aten(const at::Tensor& model,
                                                   const at::Tensor& reference,
                                                   JsVariant variant = JsVariant::kFull,
                                                   std::size_t k = 256);

}  // namespace phaseguard::canaries
