// The laws from a risk or a measured KL to a penalty weight (docs/POLICY.md, "Controllers"), as
// pure functions: + - * / and comparisons alone, so that their bits are the same everywhere. Used
// by the controllers, and directly by the conformance runner and by pre-flight checks; any thread.
// Weights are dimensionless.
//
// An input that a law cannot use (NaN, infinite, outside its scale) gives NaN: the caller holds its
// last output. Parameters that make no sense are an error.
#pragma once

#include <cstdint>

#include "monitor/base/result.h"

namespace phaseguard::policy {

// Loss alpha CE + beta KL.
struct ConvexWeights {
  double alpha = 1.0;
  double beta = 0.0;
};

// beta = clamp((s - 2) / 3, 0.1, 0.9), alpha = clamp(1 - beta, 0.1, 0.9) of a score s in 1..5, else
// NaN (arXiv 2602.17546, first version).
[[nodiscard]] ConvexWeights risk_clamp(double score);

// Exponential average of risks in 0..1: the first one, then y + a (s - y). `smoothed` NaN: none
// yet. A risk that is NaN or outside 0..1 leaves it as it was.
[[nodiscard]] double smooth_risk(double smoothed, double risk, double a);
[[nodiscard]] bool is_risk(double risk);

// min + (max - min) r.
[[nodiscard]] double risk_linear(double risk, double min, double max);

// min + (max - min) clip((r - 2 f) / (1 - 3 f), 0, 1) of a risk in 0..1 and a noise floor f, the
// judge's false-positive rate: `min` up to r = 2 f, `max` from r = 1 - f on. NaN for another risk.
[[nodiscard]] double dead_zone(double risk, double noise_floor, double min, double max);
[[nodiscard]] Result<void> check_noise_floor(double noise_floor);  // 0 <= f < 1/3

// alpha CE + beta KL = loss_scale (CE + lambda KL): lambda = beta / (1 - beta). Error: beta is not
// in [0, 1).
struct Additive {
  double lambda = 0.0;
  double loss_scale = 1.0;  // alpha: by so much the effective learning rate shrinks
};
[[nodiscard]] Result<Additive> convex_to_additive(double beta);

// beta = lambda / (1 + lambda), alpha = 1 - beta. Error: lambda is negative or not finite.
[[nodiscard]] Result<ConvexWeights> additive_to_convex(double lambda);

struct AdaptiveKl {
  double target = 0.0;
  double horizon = 0.0;
  double floor = 0.0;
  double ceiling = 0.0;
  double init = 0.0;
};
// Finite; target > 0, horizon > 0, 0 <= floor <= ceiling, init >= 0.
[[nodiscard]] Result<void> check_adaptive_kl(const AdaptiveKl& law);

// init as floor..ceiling: the weight before the first update.
[[nodiscard]] double adaptive_kl_start(const AdaptiveKl& law);

// e = clip(kl / target - 1, -0.2, 0.2), clamp(lambda (1 + e n / horizon), floor, ceiling): the
// weight after an update that measured `kl` under `lambda`, `n` samples or steps after the one
// before (Ziegler et al., arXiv 1909.08593). Lambda as it was when `kl` is not finite.
[[nodiscard]] double adaptive_kl_error(const AdaptiveKl& law, double kl);  // e; NaN for such a kl
[[nodiscard]] double adaptive_kl(const AdaptiveKl& law, double lambda, double kl, double n);

// Weight at which greedy decoding of a token of reference loss `nll` > 0 nats flips back to the
// reference: 2 / L. Above it such a token is not learned. NaN for another loss.
[[nodiscard]] double preflight_lambda(double nll);

}  // namespace phaseguard::policy
