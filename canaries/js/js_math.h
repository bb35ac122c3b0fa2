// The float64 definition of the divergence, token by token. Internal to the canaries room. Pure.
#pragma once

#include <cstddef>

#include "monitor/base/span.h"

namespace phaseguard::canaries::detail {

// Two rows prepared: p_i = e^(model_i - max_model) / sum_model, and the same for q.
struct Pair {
  Span<const double> model, reference;
  double max_model = 0.0, max_reference = 0.0;
  double sum_model = 0.0, sum_reference = 0.0;
  double shift = 0.0;  // ln p_i - ln q_i = (model_i - reference_i) - shift
  bool bad = false;

  [[nodiscard]] double p(std::size_t i) const;
  [[nodiscard]] double q(std::size_t i) const;
  [[nodiscard]] double d(std::size_t i) const;  // NaN when both logits are -infinity
};
// Rows of one length, at least 1.
[[nodiscard]] Pair prepare(Span<const double> model, Span<const double> reference);

// 1/2 p ln(p/m) + 1/2 q ln(q/m) with d = ln p - ln q; p = 0 or q = 0 are rules of their own.
[[nodiscard]] double share(double p, double q, double d);
// The same with d = ln p - ln q taken from p and q.
[[nodiscard]] double share(double p, double q);

[[nodiscard]] double full(const Pair& pair);
[[nodiscard]] double clamped(double js);  // to 0..ln 2: rounding must not leave the range

}  // namespace phaseguard::canaries::detail
