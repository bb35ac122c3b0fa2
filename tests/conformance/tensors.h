// Tensors of a vector file's nested lists, for the operations that LibTorch runs.
#pragma once

#include <ATen/core/Tensor.h>

#include "tests/conformance/operations.h"

namespace phaseguard::conformance {

// Nested lists of numbers -> a tensor. Throws std::invalid_argument for rows of unequal length.
[[nodiscard]] at::Tensor tensor_of(const json& value, at::ScalarType dtype);
[[nodiscard]] json nested(const at::Tensor& tensor);
// d value / d at; zeros when `value` has no graph.
[[nodiscard]] at::Tensor gradient(const at::Tensor& value, const at::Tensor& at);

using Body = json (*)(const json& input, at::ScalarType dtype);
// The same body in float64 and in float32; an exception of LibTorch fails the case.
[[nodiscard]] Operation both_paths(Body body);

}  // namespace phaseguard::conformance
