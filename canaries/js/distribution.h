// The rows of a signal of distributions (`canary/dist`), which a detector of type window_js
// compares with its own past (after arXiv 2508.20015): what the model gives to the k tokens that
// the reference finds likeliest after each canary, and to all the others together. The tokens are
// chosen once, so that a column means the same at every step. Pure, any thread, no LibTorch.
// C++17-clean.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "canaries/js/js.h"
#include "monitor/base/result.h"
#include "monitor/base/span.h"
#include "monitor/base/types.h"

namespace phaseguard::canaries {

namespace detail {
struct Norm;  // js_full.h
}

// Numbers that one measurement may have, P * (k + 1): what an array of protocol 1 holds.
inline constexpr std::size_t kMaxDistributionNumbers = 4096;

struct Distribution {
  std::vector<double> rows;  // [P, k + 1] probabilities; each row sums to 1; NaN where BAD
  double outside = 0.0;      // probability of the last column, mean over canaries; NaN where BAD
  Quality quality = Quality::kGood;
};

struct Comparison {
  JsSummary js;
  Distribution distribution;
};

class TokenColumns {
 public:
  // reference: logits of theta0, row-major [P, V], P = `canaries`. Errors: no canary, no whole
  // rows, k outside 1..V, P * (k + 1) > kMaxDistributionNumbers, or a BAD row (a NaN, a +infinity,
  // no finite logit).
  [[nodiscard]] static Result<TokenColumns> create(Span<const float> reference,
                                                   std::size_t canaries, std::size_t k);
  // The same of ids that are known: tokens [P, k], each 0..vocabulary - 1.
  [[nodiscard]] static Result<TokenColumns> of(std::vector<std::int64_t> tokens,
                                               std::size_t canaries, std::size_t vocabulary);

  // model: logits [P, V] of the model in training, canaries in the same order. Probabilities are
  // within 3e-7 of float64. BAD when one of its rows is. Error: another shape.
  [[nodiscard]] Result<Distribution> distribution(Span<const float> model) const;
  // The same, and the full divergence of the same pass over the logits. reference: [P, V]. Equal to
  // both calls apart, bit for bit. Error: another shape.
  [[nodiscard]] Result<Comparison> compared(Span<const float> model,
                                            Span<const float> reference) const;

  [[nodiscard]] std::size_t columns() const { return k_ + 1; }  // SignalDecl::columns

 private:
  TokenColumns(std::size_t canaries, std::size_t vocabulary, std::size_t k)
      : canaries_(canaries), vocabulary_(vocabulary), k_(k) {}

  [[nodiscard]] Result<void> check_shape(const char* whose, Span<const float> logits) const;
  // The next row of `out`.
  void add_row(Span<const float> logits, const detail::Norm& norm, Distribution& out) const;

  std::size_t canaries_, vocabulary_, k_;
  std::vector<std::int64_t> tokens_;  // [P, k]
};

}  // namespace phaseguard::canaries
