// What the units of this room that touch tensors share: an exception of LibTorch becomes an Error,
// and a tensor in a message is its shape and type. Internal to trainer-hook/defenses.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/util/Exception.h>

#include <sstream>
#include <string>

#include "monitor/base/result.h"

namespace phaseguard::defenses {

[[nodiscard]] inline std::string shape_text(const at::Tensor& tensor) {
  if (!tensor.defined()) return "an undefined tensor";
  std::ostringstream out;
  out << tensor.sizes() << " of " << tensor.scalar_type();
  return out.str();
}

// body() returns a Result; an exception of LibTorch is returned in its place.
template <class F>
auto guarded(F&& body) -> decltype(body()) {
  try {
    return body();
  } catch (const c10::Error& error) {
    return fail(Errc::kInvalidArgument, std::string("LibTorch: ") + error.what_without_backtrace());
  }
}

}  // namespace phaseguard::defenses
