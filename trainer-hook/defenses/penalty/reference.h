// The frozen reference's forward pass, two ways. Adapter off: the base weights without adapter,
// valid only when training started from B = 0. A frozen copy: parameters kept as they were at a
// moment of the caller's choosing, swapped in for one pass. Both run without gradient. Trainer's
// thread; the model must be in evaluation mode meanwhile (dropout off), which check_reference of
// self_test.h finds out at step 0.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <functional>
#include <vector>

#include "monitor/base/result.h"

namespace phaseguard::defenses {

// forward() under no-grad, its result cut from any graph. The caller switches the adapter off
// inside. Errors: what LibTorch threw; an undefined result.
[[nodiscard]] Result<at::Tensor> reference_pass(const std::function<at::Tensor()>& forward);

class FrozenCopy {
 public:
  // Copies of `parameters` (adapter, or the whole model) as they are now, on their devices; the
  // tensors themselves must outlive this. Errors: none given, one undefined, out of memory.
  [[nodiscard]] static Result<FrozenCopy> of(std::vector<at::Tensor> parameters);

  // reference_pass with the kept values in place of today's. Nothing is copied: the storages are
  // exchanged and put back, also when forward() throws. Call it before the step's own forward pass,
  // not between that and backward(). Errors: as reference_pass; a parameter that changed shape or
  // type since.
  [[nodiscard]] Result<at::Tensor> pass(const std::function<at::Tensor()>& forward) const;

  [[nodiscard]] std::size_t bytes() const;  // of the copies

 private:
  FrozenCopy(std::vector<at::Tensor> live, std::vector<at::Tensor> kept)
      : live_(std::move(live)), kept_(std::move(kept)) {}
  std::vector<at::Tensor> live_, kept_;
};

}  // namespace phaseguard::defenses
