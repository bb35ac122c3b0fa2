// What the tensor forms of the divergence refuse, in one place. Internal to the canaries room.
#pragma once

#include <ATen/core/Tensor.h>

#include "monitor/base/result.h"

namespace phaseguard::canaries {

// Floating logits [P, V] of one shape, P > 0 and V > 0.
[[nodiscard]] Result<void> check_logits(const at::Tensor& model, const at::Tensor& reference);

}  // namespace phaseguard::canaries
