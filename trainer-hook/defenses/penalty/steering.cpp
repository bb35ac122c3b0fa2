#include "trainer-hook/defenses/penalty/steering.h"

#include <ATen/ops/add.h>

#include <cmath>
#include <string>

#include "monitor/base/text.h"
#include "monitor/tensors/tensor_guard.h"

namespace phaseguard::defenses {

Result<Steering> Steering::create(const at::Tensor& direction) {
  return guarded([&]() -> Result<Steering> {
    if (!direction.defined() || direction.dim() != 1 || !direction.is_floating_point()) {
      return fail(Errc::kInvalidArgument,
                  "steering: expected a floating direction [H], found " + shape_text(direction));
    }
    at::Tensor v = direction.detach().to(at::kDouble).clone();
    const double norm = v.norm().item<double>();
    if (!std::isfinite(norm) || norm == 0.0) {
      return fail(Errc::kInvalidArgument,
                  "steering: expected a direction of finite length above 0, found length " +
                      number_text(norm));
    }
    return Steering(std::move(v), norm);
  });
}

Result<at::Tensor> Steering::apply(const at::Tensor& hidden, double alpha) const {
  return guarded([&]() -> Result<at::Tensor> {
    const bool fits = hidden.defined() && hidden.dim() >= 1 && hidden.size(-1) == width() &&
                      hidden.is_floating_point();
    if (!fits || !std::isfinite(alpha)) {
      return fail(Errc::kInvalidArgument, "steering: expected floating states [.., " +
                                              std::to_string(width()) +
                                              "] and a finite strength, found " +
                                              shape_text(hidden) + " and " + number_text(alpha));
    }
    if (alpha == 0.0) return hidden;
    return at::add(hidden, direction_.to(hidden.options().requires_grad(false)), alpha);
  });
}

}  // namespace phaseguard::defenses
