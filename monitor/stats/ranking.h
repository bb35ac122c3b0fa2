// How well a score separates two classes, and the threshold for a wanted false-alarm rate. Pure,
// any thread, no LibTorch. C++17-clean.
#pragma once

#include <cstddef>
#include <cstdint>

#include "monitor/base/result.h"
#include "monitor/base/span.h"

namespace phaseguard::stats {

struct Ranking {
  double auroc = 0.0;  // P(positive > negative) + 1/2 P(tie)
  double auprc = 0.0;  // average precision over the distinct thresholds
  std::size_t n_positive = 0, n_negative = 0;
};
// scores, y (0/1): [n]. Errors: sizes differ, a score that is NaN, one class only.
[[nodiscard]] Result<Ranking> rank_scores(Span<const double> scores, Span<const std::uint8_t> y);

struct Interval {
  double lower = 0.0, upper = 0.0;
};
struct RankingIntervals {
  Interval auroc, auprc;
  std::size_t resamples = 0;
};
// Percentile intervals: `resamples` (1..1e6) draws within each class from a generator seeded with
// `seed`; `level` in (0, 1), such as 0.95. The same seed gives the same intervals everywhere.
[[nodiscard]] Result<RankingIntervals> bootstrap(Span<const double> scores,
                                                 Span<const std::uint8_t> y, std::size_t resamples,
                                                 std::uint64_t seed, double level = 0.95);

// Fire when score > threshold, strict: the smallest observed negative score that at most rate * n
// negatives exceed. Never to be chosen on the data it is then evaluated on.
struct AlarmThreshold {
  double threshold = 0.0;
  std::size_t false_alarms = 0;
};
[[nodiscard]] Result<AlarmThreshold> threshold_for_false_alarm_rate(Span<const double> negatives,
                                                                    double rate);

}  // namespace phaseguard::stats
