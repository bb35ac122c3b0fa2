#include "monitor/stats/ranking.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

#include "monitor/base/text.h"
#include "monitor/stats/random.h"

namespace phaseguard::stats {

namespace {

constexpr std::size_t kMaxResamples = 1000000;

// P(a positive's score is above a negative's) + half of the ties; both sorted ascending.
double pairwise_auroc(const std::vector<double>& positive, const std::vector<double>& negative) {
  double won = 0.0;
  std::size_t below = 0, not_above = 0;
  for (double score : positive) {
    while (below < negative.size() && negative[below] < score) ++below;
    while (not_above < negative.size() && negative[not_above] <= score) ++not_above;
    won += 0.5 * (static_cast<double>(below) + static_cast<double>(not_above));
  }
  return won / (static_cast<double>(positive.size()) * static_cast<double>(negative.size()));
}

// Average precision over the distinct thresholds; both sorted ascending.
double average_precision(const std::vector<double>& positive, const std::vector<double>& negative) {
  const auto positives = static_cast<double>(positive.size());
  double sum = 0.0;
  std::size_t p = positive.size(), n = negative.size();  // those below the threshold
  while (p > 0) {
    const double threshold = positive[p - 1];
    const std::size_t before = p;
    while (p > 0 && positive[p - 1] == threshold) --p;
    while (n > 0 && negative[n - 1] >= threshold) --n;
    const auto found = static_cast<double>(positive.size() - p);
    const auto alarms = static_cast<double>(negative.size() - n);
    sum += static_cast<double>(before - p) * (found / (found + alarms));
  }
  return sum / positives;
}

struct Classes {
  std::vector<double> positive, negative;  // ascending
};

Result<Classes> split(Span<const double> scores, Span<const std::uint8_t> y) {
  if (scores.size() != y.size()) {
    return fail(Errc::kInvalidArgument, "ranking: " + std::to_string(scores.size()) +
                                            " scores for " + std::to_string(y.size()) + " labels");
  }
  Classes classes;
  for (std::size_t i = 0; i < scores.size(); ++i) {
    if (std::isnan(scores[i])) {
      return fail(Errc::kInvalidArgument, "ranking: score " + std::to_string(i) + " is NaN");
    }
    (y[i] != 0 ? classes.positive : classes.negative).push_back(scores[i]);
  }
  if (classes.positive.empty() || classes.negative.empty()) {
    return fail(Errc::kInvalidArgument, "ranking: expected samples of both classes, found " +
                                            std::to_string(classes.positive.size()) +
                                            " positive and " +
                                            std::to_string(classes.negative.size()) + " negative");
  }
  std::sort(classes.positive.begin(), classes.positive.end());
  std::sort(classes.negative.begin(), classes.negative.end());
  return classes;
}

std::vector<double> resampled(const std::vector<double>& values, SplitMix64& random) {
  std::vector<double> drawn(values.size());
  for (double& value : drawn) value = values[random.below(values.size())];
  std::sort(drawn.begin(), drawn.end());
  return drawn;
}

}  // namespace

Result<Ranking> rank_scores(Span<const double> scores, Span<const std::uint8_t> y) {
  const auto classes = split(scores, y);
  if (!classes) return tl::unexpected<Error>(classes.error());
  Ranking ranking;
  ranking.n_positive = classes->positive.size();
  ranking.n_negative = classes->negative.size();
  ranking.auroc = pairwise_auroc(classes->positive, classes->negative);
  ranking.auprc = average_precision(classes->positive, classes->negative);
  return ranking;
}

Result<RankingIntervals> bootstrap(Span<const double> scores, Span<const std::uint8_t> y,
                                   std::size_t resamples, std::uint64_t seed, double level) {
  if (resamples == 0 || resamples > kMaxResamples || !(level > 0.0 && level < 1.0)) {
    return fail(Errc::kInvalidArgument,
                "bootstrap: expected 1 to " + std::to_string(kMaxResamples) +
                    " resamples and a level between 0 and 1, found " + std::to_string(resamples) +
                    " and " + number_text(level));
  }
  const auto classes = split(scores, y);
  if (!classes) return tl::unexpected<Error>(classes.error());
  SplitMix64 random(seed);
  std::vector<double> auroc(resamples), auprc(resamples);
  for (std::size_t i = 0; i < resamples; ++i) {
    const auto positive = resampled(classes->positive, random);
    const auto negative = resampled(classes->negative, random);
    auroc[i] = pairwise_auroc(positive, negative);
    auprc[i] = average_precision(positive, negative);
  }
  const auto interval = [&](std::vector<double>& values) {
    std::sort(values.begin(), values.end());
    const auto at = [&](double share) {
      const double place = share * static_cast<double>(resamples - 1);
      return values[static_cast<std::size_t>(std::lround(place))];
    };
    return Interval{at((1.0 - level) / 2.0), at((1.0 + level) / 2.0)};
  };
  return RankingIntervals{interval(auroc), interval(auprc), resamples};
}

Result<AlarmThreshold> threshold_for_false_alarm_rate(Span<const double> negatives, double rate) {
  if (negatives.empty() || !(rate >= 0.0 && rate <= 1.0)) {
    return fail(Errc::kInvalidArgument,
                "threshold: expected at least one negative score and a rate in 0..1, found " +
                    std::to_string(negatives.size()) + " scores and rate " + number_text(rate));
  }
  std::vector<double> sorted(negatives.begin(), negatives.end());
  for (double score : sorted) {
    if (std::isnan(score)) return fail(Errc::kInvalidArgument, "threshold: a score is NaN");
  }
  std::sort(sorted.begin(), sorted.end());
  const double allowed = rate * static_cast<double>(sorted.size());
  for (std::size_t i = 0; i < sorted.size();) {
    const auto above = std::upper_bound(sorted.begin(), sorted.end(), sorted[i]);
    const auto alarms = static_cast<std::size_t>(sorted.end() - above);
    if (static_cast<double>(alarms) <= allowed) return AlarmThreshold{sorted[i], alarms};
    i = static_cast<std::size_t>(above - sorted.begin());
  }
  return AlarmThreshold{sorted.back(), 0};
}

}  // namespace phaseguard::stats
