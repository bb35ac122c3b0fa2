// Standardised L2 logistic regression and its calibration, by Newton's method in float64. Pure, any
// thread, no LibTorch. C++17-clean.
#pragma once

#include <cstdint>
#include <vector>

#include "monitor/base/result.h"
#include "monitor/base/span.h"
#include "probe/fit/features.h"
#include "probe/fit/newton.h"

namespace phaseguard::probe {

[[nodiscard]] double sigmoid(double t);  // without overflow

struct LogisticModel {
  // Of the fitting set, population sd; a column with sd 0 is divided by 1.
  std::vector<double> mean, sd;
  std::vector<double> weights;  // on standardised columns
  double bias = 0.0;            // not penalised
};
struct LogisticFit {
  LogisticModel model;
  double objective = 0.0;     // (1/n) sum log(1 + exp(-y (w.x + b))) + l2/2 |w|^2 at the optimum
  double gradient_max = 0.0;  // infinity norm there: <= 1e-8 or the fit is an Error
  int iterations = 0;
  std::vector<TracePoint> trace;  // iterations + 1 entries, the last one is the optimum
};

// w.x + b of one row of raw (not standardised) features; row: [H].
[[nodiscard]] double logit(const LogisticModel& model, Span<const double> row);

// y: 0 or 1 per row. l2 > 0 makes the optimum unique even for separable data. Errors: sizes differ,
// a value not finite, one class only, l2 not > 0, H above 65536, or the gradient does not reach
// 1e-8. Newton's method; above 512 columns its steps come from conjugate gradients.
[[nodiscard]] Result<LogisticFit> fit_logistic(const Features& x, Span<const std::uint8_t> y,
                                               double l2);

// Platt: sigma(slope * t + intercept) fitted to the smoothed targets (n+ + 1)/(n+ + 2), 1/(n- + 2).
struct PlattFit {
  double slope = 1.0, intercept = 0.0;
  double objective = 0.0;  // mean cross-entropy in nats
  double target_positive = 1.0, target_negative = 0.0;
};
[[nodiscard]] Result<PlattFit> fit_platt(Span<const double> logits, Span<const std::uint8_t> y);

// Temperature: sigma(t / T). Error as well when no T > 0 is best (the logits rank the wrong way).
struct TemperatureFit {
  double temperature = 1.0, inverse_temperature = 1.0;
  double objective = 0.0;
};
[[nodiscard]] Result<TemperatureFit> fit_temperature(Span<const double> logits,
                                                     Span<const std::uint8_t> y);

}  // namespace phaseguard::probe
