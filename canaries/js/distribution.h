// The rows of a signal of distributions (`canary/dist`), which a detector of type window_js
// compares with its own past (after arXiv 2508.20015): what the model gives to the k tokens that
// the reference finds likeliest after each canary, and to all the others together. The tokens are
// chosen once, so that a column means the same at every step. Pure, any thread, no LibTorch.
// C++17-clean.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "monitor/base/result.h"
#include "monitor/base/span.h"
#include "monitor/base/types.h"

namespace phaseguard::canaries {

// Numbers that one measurement may have, P * (k + 1): what an array of protocol 1 holds.
inline constexpr std::size_t kMaxDistributionNumbers = 4096;

struct Distribution {
  std::vector<double> rows;  // [P, k + 1] probabilities; each row sums to 1; NaN where BAD
  double outside = 0.0;      // probability of the last column, mean over canaries; NaN where BAD
  Quality quality = Quality::kGood;
};

class TokenColumns {
 public:
  // reference: logits of theta0, row-major [P, V], P = `canaries`. Errors: no canary, no whole
  // rows, k outside 1..V, P * (k + 1) > kMaxDistributionNumbers, or a BAD row (a NaN, a +infinity,
  // no finite logit).
  [[nodiscard]] static Result<TokenColumns> create(Span<const float> reference,
                                                   std::size_t canaries, std::size_t k);

  // model: logits [P, V] of the model in training, canaries in the same order. BAD when one of its
  // rows is. Error: another shape.
  [[nodiscard]] Result<Distribution> distribution(Span<const float> model) const;

  [[nodiscard]] std::size_t columns() const { return k_ + 1; }  // SignalDecl::columns

 private:
  TokenColumns(std::size_t canaries, std::size_t vocabulary, std::size_t k)
      : canaries_(canaries), vocabulary_(vocabulary), k_(k) {}

  std::size_t canaries_, vocabulary_, k_;
  std::vector<std::int64_t> tokens_;  // [P, k]
};

}  // namespace phaseguard::canaries
