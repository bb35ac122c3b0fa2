// What every unit that is given tensors shares: an exception of LibTorch becomes an Error, and a
// tensor in a message is its shape and type. For the rooms that link LibTorch; header only.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/util/Exception.h>

#include <exception>
#include <sstream>
#include <string>

#include "monitor/base/result.h"

namespace phaseguard {

[[nodiscard]] inline std::string shape_text(const at::Tensor& tensor) {
  if (!tensor.defined()) return "an undefined tensor";
  std::ostringstream out;
  out << tensor.sizes() << " of " << tensor.scalar_type();
  return out.str();
}

// body() returns a Result; an exception (of LibTorch, of its interpreter, of a full memory) is
// returned in its place.
template <class F>
auto guarded(F&& body) -> decltype(body()) {
  try {
    return body();
  } catch (const c10::Error& error) {
    return fail(Errc::kInvalidArgument, std::string("LibTorch: ") + error.what_without_backtrace());
  } catch (const std::exception& error) {
    return fail(Errc::kInvalidArgument, std::string("LibTorch: ") + error.what());
  }
}

}  // namespace phaseguard
