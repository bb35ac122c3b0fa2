#include "trainer-hook/defenses/penalty/reference.h"

#include <ATen/core/grad_mode.h>

#include <string>
#include <utility>

#include "monitor/tensors/tensor_guard.h"

namespace phaseguard::defenses {

namespace {

// Exchanges the storages of `live` with `other` and back again when it goes.
class Swap {
 public:
  Swap(std::vector<at::Tensor> live, const std::vector<at::Tensor>& other)
      : live_(std::move(live)) {
    for (const at::Tensor& tensor : live_) today_.push_back(tensor.detach());
    for (std::size_t i = 0; i < live_.size(); ++i) live_[i].set_data(other[i]);
  }
  ~Swap() {
    for (std::size_t i = 0; i < live_.size(); ++i) live_[i].set_data(today_[i]);
  }
  Swap(const Swap&) = delete;
  Swap& operator=(const Swap&) = delete;

 private:
  std::vector<at::Tensor> live_, today_;
};

}  // namespace

Result<at::Tensor> reference_pass(const std::function<at::Tensor()>& forward) {
  return guarded([&]() -> Result<at::Tensor> {
    const at::NoGradGuard no_grad;
    const at::Tensor out = forward();
    if (out.defined()) return out.detach();
    return fail(Errc::kInvalidArgument, "reference pass: the forward pass gave no tensor");
  });
}

Result<FrozenCopy> FrozenCopy::of(std::vector<at::Tensor> parameters) {
  return guarded([&]() -> Result<FrozenCopy> {
    std::vector<at::Tensor> kept;
    for (const at::Tensor& parameter : parameters) {
      if (!parameter.defined())
        return fail(Errc::kInvalidArgument, "frozen copy: a parameter is undefined");
      kept.push_back(parameter.detach().clone());
    }
    if (kept.empty()) return fail(Errc::kInvalidArgument, "frozen copy: no parameter was given");
    return FrozenCopy(std::move(parameters), std::move(kept));
  });
}

Result<at::Tensor> FrozenCopy::pass(const std::function<at::Tensor()>& forward) const {
  return guarded([&]() -> Result<at::Tensor> {
    for (std::size_t i = 0; i < live_.size(); ++i) {
      if (live_[i].sizes() == kept_[i].sizes() && live_[i].scalar_type() == kept_[i].scalar_type())
        continue;
      return fail(Errc::kConflict, "frozen copy: a parameter was " + shape_text(kept_[i]) +
                                       " and is now " + shape_text(live_[i]));
    }
    const Swap swap(live_, kept_);
    return reference_pass(forward);
  });
}

std::size_t FrozenCopy::bytes() const {
  std::size_t bytes = 0;
  for (const at::Tensor& tensor : kept_) bytes += tensor.nbytes();
  return bytes;
}

}  // namespace phaseguard::defenses
