#include "tests/conformance/tensors.h"

#include <ATen/ops/from_blob.h>
#include <ATen/ops/zeros_like.h>
#include <c10/util/Exception.h>
#include <torch/csrc/autograd/autograd.h>

#include <stdexcept>
#include <vector>

namespace phaseguard::conformance {

namespace {

void flatten(const json& value, std::vector<double>& out) {
  if (!value.is_array()) {
    out.push_back(number_of(value));
    return;
  }
  for (const json& inner : value) flatten(inner, out);
}

}  // namespace

at::Tensor tensor_of(const json& value, at::ScalarType dtype) {
  std::vector<std::int64_t> shape;
  for (const json* level = &value; level->is_array(); level = &level->at(0)) {
    shape.push_back(static_cast<std::int64_t>(level->size()));
    if (level->empty()) break;
  }
  std::vector<double> flat;
  flatten(value, flat);
  std::int64_t count = 1;
  for (std::int64_t n : shape) count *= n;
  if (count != static_cast<std::int64_t>(flat.size())) {
    throw std::invalid_argument("a nested list whose rows differ in length");
  }
  return at::from_blob(flat.data(), shape, at::kDouble).clone().to(dtype);
}

json nested(const at::Tensor& tensor) {
  if (tensor.dim() == 0) return tensor.item<double>();
  json out = json::array();
  for (std::int64_t i = 0; i < tensor.size(0); ++i) out.push_back(nested(tensor[i]));
  return out;
}

at::Tensor gradient(const at::Tensor& value, const at::Tensor& at) {
  if (!value.defined() || !value.requires_grad()) return at::zeros_like(at);
  return torch::autograd::grad({value}, {at}, {}, true, false, true)[0];
}

Operation both_paths(Body body) {
  const auto at_dtype = [body](at::ScalarType dtype) {
    return [body, dtype](const json& input) -> json {
      try {
        return body(input, dtype);
      } catch (const c10::Error& error) {
        throw std::invalid_argument(error.what_without_backtrace());
      }
    };
  };
  return {at_dtype(at::kDouble), at_dtype(at::kFloat), {}};
}

}  // namespace phaseguard::conformance
