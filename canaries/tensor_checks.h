// What the tensor forms of the divergence refuse, in one place. Internal to the canaries room.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/util/Exception.h>

#include <string>

#include "monitor/base/result.h"

namespace phaseguard::canaries {

// "[2, 3] of Float", "an undefined tensor": for "found ...".
[[nodiscard]] std::string shape_text(const at::Tensor& tensor);
[[nodiscard]] tl::unexpected<Error> from_torch(const c10::Error& error);
// Floating logits [P, V] of one shape, P > 0 and V > 0.
[[nodiscard]] Status check_logits(const at::Tensor& model, const at::Tensor& reference);

}  // namespace phaseguard::canaries
