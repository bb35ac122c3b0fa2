// Damped Newton for cross-entropy with soft targets: the one solver behind fit_logistic, fit_platt
// and fit_temperature. Internal to the probe room. Pure.
#pragma once

#include <cstddef>
#include <vector>

#include "monitor/base/result.h"

namespace phaseguard::probe {

// Minimise (1/n) sum_i [log(1 + exp(w.x_i)) - target_i w.x_i] + l2/2 sum_{j < penalised} w_j^2.
struct SoftProblem {
  std::size_t rows = 0, cols = 0;
  std::vector<double> x;        // row-major; a constant column for a bias
  std::vector<double> targets;  // [rows], 0..1
  double l2 = 0.0;
  std::size_t penalised = 0;
};

// Where the solver stood before its first step, and after each.
struct TracePoint {
  double objective = 0.0;
  double gradient_max = 0.0;  // infinity norm
};

struct Minimum {
  std::vector<double> w;
  std::vector<TracePoint> trace;
  double objective = 0.0;
  double gradient_max = 0.0;  // infinity norm
  int iterations = 0;
};

inline constexpr double kGradientTolerance = 1e-8;

// Up to this many unknowns the Newton equations are solved by a Cholesky factor of the Hessian,
// above it by conjugate gradients on products with it, which need no matrix.
inline constexpr std::size_t kMaxFactorised = 512;

// From w = 0, until the gradient no longer shrinks. Error: it stays above kGradientTolerance (the
// minimum is at infinity, or the problem is too badly conditioned for float64).
[[nodiscard]] Result<Minimum> minimise(const SoftProblem& problem,
                                       std::size_t max_factorised = kMaxFactorised);

}  // namespace phaseguard::probe
