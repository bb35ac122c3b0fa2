#include "monitor/stats/wilson.h"

#include <array>
#include <cmath>
#include <cstdio>

#include "monitor/base/text.h"

namespace phaseguard::stats {

double normal_two_sided(double confidence) {
  if (!(confidence > 0.0 && confidence < 1.0)) return std::nan("");
  // erf(z / sqrt 2) = confidence; erfc keeps the digits of a confidence near 1. Newton from the
  // right of the root descends monotonically, erfc being convex there.
  constexpr double kSqrtHalf = 0.70710678118654752440;
  constexpr double kDensity = 0.79788456080286535588;  // sqrt(2 / pi)
  const double tail = 1.0 - confidence;
  double z = 0.0;
  for (int i = 0; i < 200; ++i) {
    const double step = (std::erfc(z * kSqrtHalf) - tail) / (kDensity * std::exp(-0.5 * z * z));
    z += step;
    if (std::fabs(step) <= 1e-16 * z) break;
  }
  return z;
}

Ends wilson_ends(double p, double n, double z) {
  const double z2 = z * z;
  const double centre = (n * p + z2 / 2.0) / (n + z2);
  const double half = z / (n + z2) * std::sqrt(n * p * (1.0 - p) + z2 / 4.0);
  return {p <= 0.0 ? 0.0 : centre - half, p >= 1.0 ? 1.0 : centre + half};
}

Result<Rate> wilson(std::int64_t k, std::int64_t n, double confidence) {
  if (n <= 0 || k < 0 || k > n) {
    return fail(Errc::kInvalidArgument, "rate: expected 0 <= k <= n and n > 0, found k = " +
                                            std::to_string(k) + ", n = " + std::to_string(n));
  }
  const double z = normal_two_sided(confidence);
  if (!std::isfinite(z)) {
    return fail(Errc::kInvalidArgument,
                "rate: expected a confidence between 0 and 1, found " + number_text(confidence));
  }
  Rate rate;
  rate.k = k;
  rate.n = n;
  rate.rate = static_cast<double>(k) / static_cast<double>(n);
  const Ends ends = wilson_ends(rate.rate, static_cast<double>(n), z);
  rate.lower = ends.lower;
  rate.upper = ends.upper;
  return rate;
}

std::string text_of(const Clusters& clusters) {
  std::string out =
      std::to_string(clusters.count) + " " + clusters.unit + (clusters.count == 1 ? "" : "s");
  if (!clusters.design_effect) return out + ", each counted once";
  std::array<char, 32> d{};
  std::snprintf(d.data(), d.size(), ", d %.2f", *clusters.design_effect);
  return out + d.data();
}

std::string text_of(const Rate& rate) {
  std::array<char, 128> text{};
  std::snprintf(text.data(), text.size(), "%.1f %% [%.1f, %.1f] (%lld of %lld", 100.0 * rate.rate,
                100.0 * rate.lower, 100.0 * rate.upper, static_cast<long long>(rate.k),
                static_cast<long long>(rate.n));
  return text.data() + (rate.clusters ? "; " + text_of(*rate.clusters) : std::string()) + ")";
}

}  // namespace phaseguard::stats
