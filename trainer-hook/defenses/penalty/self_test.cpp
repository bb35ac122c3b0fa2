#include "trainer-hook/defenses/penalty/self_test.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/autograd.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "monitor/base/text.h"
#include "monitor/tensors/tensor_guard.h"
#include "trainer-hook/defenses/penalty/kl.h"

namespace phaseguard::defenses {

namespace {

const char* const kDoubt =
    ": the penalty would have no effect (detached features, no-grad, or the adapter off in both "
    "passes)";

// Puts parameters back when it goes.
class Restore {
 public:
  explicit Restore(const std::vector<at::Tensor>& parameters) : parameters_(parameters) {
    for (const at::Tensor& p : parameters) saved_.push_back(p.detach().clone());
  }
  ~Restore() {
    const at::NoGradGuard no_grad;
    for (std::size_t i = 0; i < parameters_.size(); ++i) parameters_[i].copy_(saved_[i]);
  }
  Restore(const Restore&) = delete;
  Restore& operator=(const Restore&) = delete;

 private:
  std::vector<at::Tensor> parameters_, saved_;
};

// The same noise each time: sin of a fast phase has no structure a penalty could be blind to, and
// needs no random state of the trainer's.
void perturb(const std::vector<at::Tensor>& parameters, double noise) {
  const at::NoGradGuard no_grad;
  double phase = 1.0;
  for (const at::Tensor& p : parameters) {
    const at::Tensor index = p.new_ones({p.numel()}).cumsum(0);
    p.add_((index * 12.9898 + phase).sin().mul(43758.5453).sin().view(p.sizes()), noise * 1.4142);
    phase += 1.0;
  }
}

Result<std::vector<at::Tensor>> gradients_of(const at::Tensor& penalty,
                                             const std::vector<at::Tensor>& parameters) {
  if (!penalty.defined() || !penalty.requires_grad()) {
    return fail(Errc::kRefused, std::string("gradient check: the penalty has no graph") + kDoubt);
  }
  auto gradients = torch::autograd::grad({penalty}, parameters, {}, true, false, true);
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    if (!gradients[i].defined()) gradients[i] = parameters[i].detach() * 0.0;
  }
  return gradients;
}

double largest_of(const std::vector<at::Tensor>& tensors) {
  double largest = 0.0;
  for (const at::Tensor& t : tensors) {
    const double one = t.abs().max().item<double>();
    largest = std::isnan(one) ? one : std::max(largest, one);
    if (std::isnan(largest)) break;
  }
  return largest;
}

void move(const std::vector<at::Tensor>& parameters, const std::vector<at::Tensor>& direction,
          double step) {
  const at::NoGradGuard no_grad;
  for (std::size_t i = 0; i < parameters.size(); ++i) parameters[i].add_(direction[i], step);
}

// penalty at theta + step * direction, as a number.
Result<double> value_at(const std::function<Result<at::Tensor>()>& penalty,
                        const std::vector<at::Tensor>& parameters,
                        const std::vector<at::Tensor>& direction, double step) {
  const Restore restore(parameters);
  move(parameters, direction, step);
  const auto value = penalty();
  if (!value) return tl::unexpected<Error>(value.error());
  return value->detach().item<double>();
}

}  // namespace

Result<double> check_reference(const at::Tensor& model, const at::Tensor& reference,
                               double tolerance) {
  const auto kl = kl_per_position(model, reference, KlDirection::kModelRef);
  if (!kl) return tl::unexpected<Error>(kl.error());
  const double largest = kl->detach().max().item<double>();
  if (largest <= tolerance) return largest;
  return fail(
      Errc::kRefused,
      "reference check: at step 0 model and reference must agree, the largest KL of a "
      "position is " +
          number_text(largest) + " nats (at most " + number_text(tolerance) +
          " expected): dropout on, another template, another dtype, or an adapter that does "
          "not start at 0");
}

Result<double> check_gradient(const at::Tensor& penalty, const at::Tensor& parameter) {
  if (!parameter.defined() || !parameter.requires_grad()) {
    return fail(Errc::kRefused,
                std::string("gradient check: the parameter is not trained") + kDoubt);
  }
  return guarded([&]() -> Result<double> {
    const auto gradients = gradients_of(penalty, {parameter});
    if (!gradients) return tl::unexpected<Error>(gradients.error());
    const double largest = largest_of(*gradients);
    if (std::isfinite(largest) && largest > 0.0) return largest;
    return fail(Errc::kRefused,
                "gradient check: the largest gradient is " + number_text(largest) + kDoubt);
  });
}

Result<double> check_effect(const at::Tensor& before, const at::Tensor& after) {
  return guarded([&]() -> Result<double> {
    if (!before.defined() || !after.defined() || before.sizes() != after.sizes()) {
      return fail(Errc::kInvalidArgument,
                  "effect check: expected two tensors of one shape, found " + shape_text(before) +
                      " and " + shape_text(after));
    }
    const double largest =
        (after.detach() - before.detach()).to(at::kDouble).abs().max().item<double>();
    if (std::isfinite(largest) && largest > 0.0) return largest;
    return fail(Errc::kRefused, "effect check: the intervention changes its output by " +
                                    number_text(largest) + ": it would have no effect");
  });
}

Result<PenaltyTest> test_penalty(const std::function<Result<at::Tensor>()>& penalty,
                                 const std::vector<at::Tensor>& parameters, double noise,
                                 double tolerance) {
  if (parameters.empty())
    return fail(Errc::kInvalidArgument, "penalty test: expected at least one parameter");
  return guarded([&]() -> Result<PenaltyTest> {
    const Restore restore(parameters);
    perturb(parameters, noise);
    const auto value = penalty();
    if (!value) return tl::unexpected<Error>(value.error());
    auto gradients = gradients_of(*value, parameters);
    if (!gradients) return tl::unexpected<Error>(gradients.error());
    PenaltyTest out;
    out.largest_gradient = largest_of(*gradients);
    double square = 0.0;
    for (const at::Tensor& g : *gradients)
      square += g.to(at::kDouble).square().sum().item<double>();
    out.slope = std::sqrt(square);
    if (!std::isfinite(out.slope) || out.slope == 0.0) {
      return fail(Errc::kRefused, "penalty test: the gradient after a perturbation of " +
                                      number_text(noise) + " has norm " + number_text(out.slope) +
                                      kDoubt);
    }
    for (at::Tensor& g : *gradients) g = g / out.slope;
    // A central difference errs by its third derivative times h^2 and by rounding over h.
    const bool exact = parameters.front().scalar_type() == at::kDouble;
    const double h = noise * (exact ? 1e-2 : 0.3);
    const auto up = value_at(penalty, parameters, *gradients, h);
    const auto down = value_at(penalty, parameters, *gradients, -h);
    if (!up) return tl::unexpected<Error>(up.error());
    if (!down) return tl::unexpected<Error>(down.error());
    out.slope_by_difference = (*up - *down) / (2.0 * h);
    if (std::abs(out.slope_by_difference - out.slope) <= tolerance * out.slope) return out;
    return fail(Errc::kRefused, "penalty test: the gradient says " + number_text(out.slope) +
                                    " along itself, a difference of the penalty says " +
                                    number_text(out.slope_by_difference) +
                                    ": part of the penalty is outside the graph");
  });
}

Result<double> test_accumulation(
    const std::function<Result<at::Tensor>(std::int64_t first, std::int64_t count)>& part,
    std::int64_t samples, std::int64_t micro, const at::Tensor& parameter, double tolerance) {
  if (samples < 2 || micro < 1) {
    return fail(Errc::kInvalidArgument,
                "accumulation test: expected at least 2 samples and micro-batches of at least 1, "
                "found " +
                    std::to_string(samples) + " and " + std::to_string(micro));
  }
  return guarded([&]() -> Result<double> {
    const auto gradient = [&](std::int64_t first, std::int64_t count) -> Result<at::Tensor> {
      const auto penalty = part(first, count);
      if (!penalty) return tl::unexpected<Error>(penalty.error());
      auto found = gradients_of(*penalty, {parameter});
      if (!found) return tl::unexpected<Error>(found.error());
      return found->front();
    };
    const auto whole = gradient(0, samples);
    if (!whole) return tl::unexpected<Error>(whole.error());
    at::Tensor sum = *whole * 0.0;
    for (std::int64_t first = 0; first < samples; first += micro) {
      const auto one = gradient(first, std::min(micro, samples - first));
      if (!one) return tl::unexpected<Error>(one.error());
      sum = sum + *one;
    }
    const double largest = whole->abs().max().item<double>();
    const double difference = (sum - *whole).abs().max().item<double>();
    if (largest > 0.0 && difference <= tolerance * largest) return difference / largest;
    return fail(Errc::kRefused,
                "accumulation test: one batch has a largest gradient of " + number_text(largest) +
                    ", its micro-batches differ from it by " + number_text(difference) +
                    ": the penalty is divided by the number of micro-batches, or averaged in each");
  });
}

}  // namespace phaseguard::defenses
