// One row of logits in float64, and its likeliest tokens. Internal to the canaries room. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "monitor/base/span.h"

namespace phaseguard::canaries::detail {

// The same code makes a cache and reads today's logits, so that equal logits give equal bits.
struct LogProbs {
  std::vector<double> z;
  double max = 0.0;
  double log_sum = 0.0;
  bool bad = false;  // a NaN, a +infinity, or no finite logit

  explicit LogProbs(Span<const float> row);
  [[nodiscard]] double at(std::size_t i) const { return (z[i] - max) - log_sum; }
};

// Token ids, value descending, then lower id first. k <= row.size().
[[nodiscard]] std::vector<std::int64_t> top_of(Span<const float> row, std::size_t k);

// Probability outside `top`, added up in order of the vocabulary.
[[nodiscard]] double tail_of(const LogProbs& row, Span<const std::int64_t> top);

}  // namespace phaseguard::canaries::detail
