// Answers of known dependence: beta-binomial counts by Polya's urn, the same with every compiler.
#pragma once

#include <cstdint>
#include <vector>

#include "monitor/stats/clustered.h"
#include "monitor/stats/random.h"

namespace phaseguard::test {

// What is simulated. icc: correlation of two answers of one cluster, 0 <= icc < 1.
struct Design {
  double p = 0.1;
  std::int64_t clusters = 24;
  double icc = 0.0;
  std::int64_t answers = 8;  // of each cluster

  // So many independent answers would say as much.
  [[nodiscard]] double effective_n() const {
    return static_cast<double>(clusters * answers) / (1.0 + static_cast<double>(answers - 1) * icc);
  }
};

inline std::vector<stats::Tally> draw(const Design& design, stats::SplitMix64& random) {
  std::vector<stats::Tally> out;
  for (std::int64_t c = 0; c < design.clusters; ++c) {
    stats::Tally one;
    for (; one.n < design.answers; ++one.n) {
      const double left = 1.0 - design.icc;
      const double hit = (design.p * left + design.icc * static_cast<double>(one.k)) /
                         (left + design.icc * static_cast<double>(one.n));
      const double uniform = static_cast<double>(random.next() >> 11) * 0x1p-53;
      one.k += uniform < hit ? 1 : 0;
    }
    out.push_back(one);
  }
  return out;
}

}  // namespace phaseguard::test
