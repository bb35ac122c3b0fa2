#include <c10/util/Exception.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/variable.h>

#include <cmath>
#include <string>

#include "monitor/base/text.h"
#include "trainer-hook/defenses/kl.h"

namespace phaseguard::defenses {

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
  const std::string doubt =
      ": the penalty would have no effect (detached features, no-grad, or the adapter off in both "
      "passes)";
  if (!penalty.defined() || !penalty.requires_grad() || !parameter.requires_grad()) {
    return fail(Errc::kRefused, "gradient check: the penalty has no graph" + doubt);
  }
  try {
    const auto gradients = torch::autograd::grad({penalty}, {parameter}, {}, true, false, true);
    if (gradients.empty() || !gradients[0].defined()) {
      return fail(Errc::kRefused,
                  "gradient check: the parameter is not part of the penalty" + doubt);
    }
    const double largest = gradients[0].abs().max().item<double>();
    if (std::isfinite(largest) && largest > 0.0) return largest;
    return fail(Errc::kRefused, "gradient check: the largest gradient after a perturbation is " +
                                    number_text(largest) + doubt);
  } catch (const c10::Error& error) {
    return fail(Errc::kInvalidArgument, std::string("LibTorch: ") + error.what_without_backtrace());
  }
}

}  // namespace phaseguard::defenses
