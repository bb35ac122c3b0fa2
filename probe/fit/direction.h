// Trait directions in activation space, drift along them, staleness of a probe, and the persona
// log-likelihood ratio: the mathematics alone. Pure, any thread, no LibTorch. C++17-clean.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "monitor/base/result.h"
#include "monitor/base/span.h"
#include "monitor/base/types.h"
#include "probe/fit/features.h"

namespace phaseguard::probe {

struct Direction {
  std::vector<double> raw;   // mean(h | trait) - mean(h | not)
  std::vector<double> unit;  // raw / norm; empty when BAD
  double norm = 0.0;
  Quality quality = Quality::kGood;  // BAD: norm 0 or not finite
};
// Error: widths differ.
[[nodiscard]] Result<Direction> trait_direction(const Features& trait, const Features& other);

struct Drift {
  std::vector<double> projection_reference, projection_model;  // <h, unit> per prompt
  double sd_reference = 0.0;          // population sd of projection_reference
  double drift = 0.0;                 // mean <h_model - h_reference, unit>; NaN when BAD
  std::optional<double> drift_in_sd;  // empty when sd_reference is 0
  Quality quality = Quality::kGood;
};
// reference, model: the same prompts in the same order. Error: shapes differ from each other or
// from `unit`.
[[nodiscard]] Result<Drift> drift_along(Span<const double> unit, const Features& reference,
                                        const Features& model);

// sqrt(mean_j ((mean_j(now) - fit_mean_j) / fit_sd_j)^2), columns with fit_sd 0 left out: how far
// today's features are from those a probe was fitted on. Error: widths differ, or all sd are 0.
[[nodiscard]] Result<double> staleness(Span<const double> fit_mean, Span<const double> fit_sd,
                                       const Features& now);

struct PersonaLlr {
  double per_answer = 0.0;  // nats; sum over the answer's tokens
  double per_token = 0.0;
  Quality quality = Quality::kGood;
};
// Log-probabilities of the same answer's tokens under the two personas, [T] each. Error: lengths
// differ, or no token.
[[nodiscard]] Result<PersonaLlr> persona_llr(Span<const double> logp_misaligned,
                                             Span<const double> logp_aligned);
// The same over several contexts a side, so that it hangs on no single wording:
// ln mean_k p(answer | misaligned context k) - ln mean_k p(answer | aligned context k).
// [contexts, tokens] each, row-major; one context a side gives the ratio above. Error: no token, no
// context, or a size that is no multiple of `tokens`.
[[nodiscard]] Result<PersonaLlr> persona_llr(Span<const double> logp_misaligned,
                                             Span<const double> logp_aligned, std::size_t tokens);

}  // namespace phaseguard::probe
