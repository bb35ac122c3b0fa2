// Rates with their uncertainty: a rate travels with n and its interval: Wilson's for independent
// answers, clustered.h for others. Pure, any thread, no LibTorch. C++17-clean.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "monitor/base/result.h"

namespace phaseguard::stats {

// In what groups the answers of a rate came, and how much they repeat each other there.
struct Clusters {
  std::int64_t count = 0;
  std::string unit;  // "prompt"; what one cluster is
  // Variance of the rate over that of as many independent answers. None: these data cannot tell,
  // and the interval counts each cluster once.
  std::optional<double> design_effect;
};

struct Rate {
  std::int64_t k = 0, n = 0;           // k of n
  double rate = 0.0;                   // k / n
  double lower = 0.0, upper = 0.0;     // interval, within 0..1
  std::optional<Clusters> clusters{};  // none: answers taken as independent
};

// centre (k + z^2/2)/(n + z^2), half-width z/(n + z^2) sqrt(k(n-k)/n + z^2/4); k = 0 gives lower
// exactly 0, k = n upper exactly 1. confidence: in (0, 1). Errors: n <= 0 (no rate), k outside
// 0..n.
[[nodiscard]] Result<Rate> wilson(std::int64_t k, std::int64_t n, double confidence = 0.95);

// "20.8 % [13.1, 31.6] (15 of 72)", with clusters "(15 of 72; 24 prompts, d 1.82)".
[[nodiscard]] std::string text_of(const Rate& rate);

// "24 prompts, d 1.82", "24 prompts, each counted once".
[[nodiscard]] std::string text_of(const Clusters& clusters);

// Wilson's interval around rate `p` of `n` answers, not necessarily whole, for a quantile `z`.
struct Ends {
  double lower = 0.0, upper = 1.0;
};
[[nodiscard]] Ends wilson_ends(double p, double n, double z);

// The z with P(|Z| <= z) = confidence for a standard normal Z: 1.959963984540054 for 0.95.
[[nodiscard]] double normal_two_sided(double confidence);

}  // namespace phaseguard::stats
