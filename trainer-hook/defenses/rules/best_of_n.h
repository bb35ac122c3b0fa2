// Best-of-n by the reference's likelihood (an inference-time baseline): n answers are sampled from
// the fine-tuned model and the one that theta0 finds most likely is kept. Pure; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "monitor/base/result.h"

namespace phaseguard::defenses {

// One entry per answer, in the order given. An answer is BAD when it has no token, or a
// log-probability that is NaN or above 0 (-infinity is GOOD: an answer theta0 rules out); BAD
// answers have NaN here and are never chosen.
struct BestOfN {
  std::vector<double> sum;         // sum_t ln p0(a_t | prompt, a_<t), nats, <= 0
  std::vector<double> mean;        // sum / tokens, nats per token
  std::size_t chosen = 0;          // largest sum; ties: the first. Favours short answers.
  std::size_t chosen_by_mean = 0;  // largest mean; ties: the first
  std::int64_t n_bad = 0;
};

// token_logprobs: n answers, each [T_i] nats under theta0 on the answer's tokens, its end token
// included. Errors: no answer, or only BAD ones.
[[nodiscard]] Result<BestOfN> best_of_n(const std::vector<std::vector<double>>& token_logprobs);

}  // namespace phaseguard::defenses
