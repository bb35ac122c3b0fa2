// The task's loss with one weight per sample (weights: weighting.h). Trainer's thread;
// differentiable in the losses, not in the weights.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "monitor/base/result.h"

namespace phaseguard::defenses {

// sum_n w_row(n) nll_n / N: nats per answer token. nll: [M] floating, one per answer token of this
// micro-batch; row: [M] int64, its sample 0..B-1; weights: [B] finite, >= 0. n_step: N, the answer
// tokens of the whole optimiser step before any weighting; 0 = M. With all weights 1 it is the
// token mean. Errors: shapes that do not fit, a row outside 0..B-1, a weight that is negative or
// not finite, no token, n_step below M. A NaN loss stays NaN.
[[nodiscard]] Result<at::Tensor> weighted_token_mean(const at::Tensor& nll, const at::Tensor& row,
                                                     const at::Tensor& weights,
                                                     std::int64_t n_step = 0);

}  // namespace phaseguard::defenses
