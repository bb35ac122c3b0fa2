#include "monitor/stats/clustered.h"

#include <algorithm>
#include <boost/math/distributions/students_t.hpp>

#include "monitor/base/text.h"

namespace phaseguard::stats {

namespace {

// Sums over the clusters that have an answer.
struct Sums {
  std::int64_t clusters = 0, k = 0, n = 0;
  std::int64_t with_hit = 0, with_miss = 0;
};

Result<Sums> sums_of(const std::vector<Tally>& clusters) {
  Sums out;
  for (const Tally& one : clusters) {
    if (one.k < 0 || one.k > one.n) {
      return fail(Errc::kInvalidArgument,
                  "rate: expected 0 <= k <= n in each cluster, found k = " + std::to_string(one.k) +
                      ", n = " + std::to_string(one.n));
    }
    if (one.n == 0) continue;
    ++out.clusters;
    out.k += one.k;
    out.n += one.n;
    out.with_hit += one.k > 0 ? 1 : 0;
    out.with_miss += one.k < one.n ? 1 : 0;
  }
  if (out.n == 0) return fail(Errc::kInvalidArgument, "rate: expected an answer, found none");
  return out;
}

double design_effect(const std::vector<Tally>& clusters, const Sums& sums, double p) {
  double squares = 0.0;
  for (const Tally& one : clusters) {
    const double off = static_cast<double>(one.k) - p * static_cast<double>(one.n);
    squares += off * off;
  }
  const auto count = static_cast<double>(sums.clusters), n = static_cast<double>(sums.n);
  const double variance = count / (count - 1.0) * squares / (n * n);
  return variance / (p * (1.0 - p) / n);
}

}  // namespace

double student_two_sided(double confidence, double freedom) {
  const boost::math::students_t student(freedom);
  return boost::math::quantile(boost::math::complement(student, (1.0 - confidence) / 2.0));
}

Result<Rate> clustered(const std::vector<Tally>& clusters, const std::string& unit,
                       double confidence) {
  if (!(confidence > 0.0 && confidence < 1.0)) {
    return fail(Errc::kInvalidArgument,
                "rate: expected a confidence between 0 and 1, found " + number_text(confidence));
  }
  const auto sums = sums_of(clusters);
  if (!sums) return tl::unexpected<Error>(sums.error());
  if (sums->n == sums->clusters) {
    auto single = wilson(sums->k, sums->n, confidence);
    if (single) single->clusters = Clusters{sums->clusters, unit, 1.0};
    return single;
  }
  Rate rate;
  rate.k = sums->k;
  rate.n = sums->n;
  rate.rate = static_cast<double>(rate.k) / static_cast<double>(rate.n);
  rate.clusters = Clusters{sums->clusters, unit, std::nullopt};
  auto counted = static_cast<double>(sums->clusters);
  std::int64_t freedom = std::max<std::int64_t>(1, sums->clusters - 1);
  if (sums->clusters > 1 && rate.k > 0 && rate.k < rate.n) {
    const double d = design_effect(clusters, *sums, rate.rate);
    rate.clusters->design_effect = d;
    counted = static_cast<double>(rate.n) / std::max(d, 1.0);
    const std::int64_t telling = std::min(sums->with_hit, sums->with_miss);
    freedom = std::min(freedom, std::max<std::int64_t>(2, telling));
  }
  const double t = student_two_sided(confidence, static_cast<double>(freedom));
  const Ends ends = wilson_ends(rate.rate, counted, t);
  rate.lower = ends.lower;
  rate.upper = ends.upper;
  return rate;
}

}  // namespace phaseguard::stats
