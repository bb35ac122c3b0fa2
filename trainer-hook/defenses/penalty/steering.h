// Preventive steering (Chen et al., arXiv 2507.21509): during fine-tuning alpha * v is added to the
// residual stream at one layer and every position, v the direction of an undesired trait; nothing
// is added at inference. The optimiser then need not move along v to fit the data. Trainer's
// thread; one object per layer.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "monitor/base/result.h"

namespace phaseguard::defenses {

class Steering {
 public:
  // direction: [H] floating, the raw difference of means, not of unit length (its norm is reported:
  // alpha = 5 along a unit vector is another dose). Errors: another shape, not finite, norm 0.
  [[nodiscard]] static Result<Steering> create(const at::Tensor& direction);

  // hidden: [.., H] floating -> hidden + alpha v of the same shape and type; alpha = 0 (the knob at
  // rest): `hidden` itself. Gradient passes through to `hidden`; v has none. Errors: another width,
  // alpha not finite.
  [[nodiscard]] Result<at::Tensor> apply(const at::Tensor& hidden, double alpha) const;

  [[nodiscard]] double norm() const { return norm_; }  // ||v||, > 0
  [[nodiscard]] std::int64_t width() const { return direction_.size(0); }

 private:
  Steering(at::Tensor direction, double norm) : direction_(std::move(direction)), norm_(norm) {}
  at::Tensor direction_;  // [H] float64
  double norm_;
};

}  // namespace phaseguard::defenses
