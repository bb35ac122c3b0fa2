// Self-tests for the start of a run: does an intervention do anything at all? Each costs a few
// forward passes and leaves the parameters as they were. Trainer's thread.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <vector>

#include "monitor/base/result.h"

namespace phaseguard::defenses {

// At step 0 (dropout off) model and reference agree: the largest KL over the positions of logits
// [.., V], nats. Error above `tolerance`: says what is usually wrong.
[[nodiscard]] Result<double> check_reference(const at::Tensor& model, const at::Tensor& reference,
                                             double tolerance = 1e-4);

// The largest |d penalty / d parameter|. Error when it is 0, not finite, or when `parameter` is not
// part of the graph (detached features, no-grad, adapter off in both passes). Penalties are flat at
// theta = theta0: call it away from there, or use test_penalty.
[[nodiscard]] Result<double> check_gradient(const at::Tensor& penalty, const at::Tensor& parameter);

// A structural intervention changes what it touches: the largest |after - before|. Error when it is
// 0 or not finite, or the shapes differ.
[[nodiscard]] Result<double> check_effect(const at::Tensor& before, const at::Tensor& after);

struct PenaltyTest {
  double largest_gradient = 0.0;     // over all parameters
  double slope = 0.0;                // along the gradient, by autograd: its norm
  double slope_by_difference = 0.0;  // the same, by a central difference of the penalty
};
// Adds noise of sd `noise` to every parameter, asks `penalty` for its scalar, and requires a
// gradient that is not 0 and agrees with a central difference along itself to `tolerance`
// (relative). The parameters come back as they were, bit for bit. Use 1e-6 in float64; in float32
// the difference itself is good to about 1e-2.
[[nodiscard]] Result<PenaltyTest> test_penalty(const std::function<Result<at::Tensor>()>& penalty,
                                               const std::vector<at::Tensor>& parameters,
                                               double noise = 1e-3, double tolerance = 5e-2);

// The same samples as one batch and as micro-batches give the same gradient. part(first, count)
// gives the penalty of samples first..first+count-1 with the WHOLE step's normaliser, as the
// trainer computes it. Returns the largest difference relative to the largest gradient; Error above
// `tolerance`: the usual cause is a division by the number of micro-batches, or a mean per
// micro-batch.
[[nodiscard]] Result<double> test_accumulation(
    const std::function<Result<at::Tensor>(std::int64_t first, std::int64_t count)>& part,
    std::int64_t samples, std::int64_t micro, const at::Tensor& parameter, double tolerance = 1e-4);

}  // namespace phaseguard::defenses
