// Rates with their uncertainty: a rate travels with n and its Wilson interval. Pure, any thread, no
// LibTorch. C++17-clean.
#pragma once

#include <cstdint>
#include <string>

#include "monitor/base/result.h"

namespace phaseguard::stats {

struct Rate {
  std::int64_t k = 0, n = 0;        // k of n
  double rate = 0.0;                // k / n
  double lower = 0.0, upper = 0.0;  // Wilson score interval, within 0..1
};

// centre (k + z^2/2)/(n + z^2), half-width z/(n + z^2) sqrt(k(n-k)/n + z^2/4); k = 0 gives lower
// exactly 0, k = n upper exactly 1. confidence: in (0, 1). Errors: n <= 0 (no rate), k outside
// 0..n.
[[nodiscard]] Result<Rate> wilson(std::int64_t k, std::int64_t n, double confidence = 0.95);

// "20.8 % [13.1, 31.6] (15 of 72)"
[[nodiscard]] std::string text_of(const Rate& rate);

// The z with P(|Z| <= z) = confidence for a standard normal Z: 1.959963984540054 for 0.95.
[[nodiscard]] double normal_two_sided(double confidence);

}  // namespace phaseguard::stats
