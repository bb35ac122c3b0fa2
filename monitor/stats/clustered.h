// A rate over answers that are not independent: several to one prompt, one seed, one world. What
// such answers repeat of each other is measured and widens the interval. Pure, any thread.
// C++17-clean.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "monitor/base/result.h"
#include "monitor/stats/wilson.h"

namespace phaseguard::stats {

// One cluster: k of its n answers.
struct Tally {
  std::int64_t k = 0, n = 0;
};

// p = sum k / sum n. V = C/(C-1) sum (k_i - p n_i)^2 / n^2, the linearised variance of a ratio
// (Cochran, Sampling Techniques, 6 and 9A); design effect d = V / (p(1-p)/n); n_eff = n / max(d,
// 1). Interval: Wilson's formula with n_eff and Student's t in place of z. Its degrees of freedom
// are min(C-1, max(2, h)), h = clusters that have a hit, or those that have a miss, whichever are
// fewer: V rests on these, and where a rate is near 0 or 1 they are far fewer than C. p = 0 or 1,
// or C = 1: V says nothing; each cluster counts once (n_eff = C) and there is no d. `unit` is what
// one cluster is, "prompt". Clusters without an answer are passed over. Errors: no answer at all, a
// k outside 0..n, confidence outside (0, 1).
[[nodiscard]] Result<Rate> clustered(const std::vector<Tally>& clusters, const std::string& unit,
                                     double confidence = 0.95);

// The t with P(|T| <= t) = confidence for Student's T of `freedom` > 0 degrees: 2.0687 for
// 0.95, 23.
[[nodiscard]] double student_two_sided(double confidence, double freedom);

}  // namespace phaseguard::stats
