#include "probe/fit/logistic.h"

#include <cmath>
#include <cstddef>
#include <string>
#include <utility>

#include "monitor/base/text.h"
#include "probe/fit/newton.h"

namespace phaseguard::probe {

namespace {

constexpr std::size_t kMaxWidth = 65536;

struct Counts {
  std::size_t positive = 0, negative = 0;
};

Result<Counts> both_classes(std::size_t rows, Span<const std::uint8_t> y, const std::string& what) {
  if (rows != y.size()) {
    return fail(Errc::kInvalidArgument, what + ": " + std::to_string(rows) + " samples for " +
                                            std::to_string(y.size()) + " labels");
  }
  Counts counts;
  for (std::size_t i = 0; i < y.size(); ++i) {
    if (y[i] > 1) {
      return fail(Errc::kInvalidArgument, what + ": label " + std::to_string(i) + " is " +
                                              std::to_string(y[i]) + ", expected 0 or 1");
    }
    (y[i] != 0 ? counts.positive : counts.negative) += 1;
  }
  if (counts.positive == 0 || counts.negative == 0) {
    return fail(Errc::kInvalidArgument, what + ": expected samples of both classes, found " +
                                            std::to_string(counts.positive) + " positive and " +
                                            std::to_string(counts.negative) + " negative");
  }
  return counts;
}

void standardisation(const Features& x, LogisticModel& model) {
  const double n = static_cast<double>(x.rows);
  model.mean.assign(x.cols, 0.0);
  model.sd.assign(x.cols, 0.0);
  for (std::size_t i = 0; i < x.rows; ++i) {
    for (std::size_t j = 0; j < x.cols; ++j) model.mean[j] += x.row(i)[j];
  }
  for (double& m : model.mean) m /= n;
  for (std::size_t i = 0; i < x.rows; ++i) {
    for (std::size_t j = 0; j < x.cols; ++j) {
      const double away = x.row(i)[j] - model.mean[j];
      model.sd[j] += away * away;
    }
  }
  for (double& s : model.sd) s = std::sqrt(s / n);
}

double divisor(double sd) { return sd > 0.0 ? sd : 1.0; }

Result<void> check_logits(Span<const double> logits, const std::string& what) {
  for (std::size_t i = 0; i < logits.size(); ++i) {
    if (!std::isfinite(logits[i])) {
      return fail(Errc::kInvalidArgument, what + ": logit " + std::to_string(i) + " is " +
                                              number_text(logits[i]) +
                                              "; expected a finite number");
    }
  }
  return {};
}

}  // namespace

double sigmoid(double t) {
  if (t >= 0.0) return 1.0 / (1.0 + std::exp(-t));
  const double e = std::exp(t);
  return e / (1.0 + e);
}

double logit(const LogisticModel& model, Span<const double> row) {
  double t = 0.0;
  for (std::size_t j = 0; j < model.weights.size(); ++j) {
    t += model.weights[j] * ((row[j] - model.mean[j]) / divisor(model.sd[j]));
  }
  return t + model.bias;
}

Result<LogisticFit> fit_logistic(const Features& x, Span<const std::uint8_t> y, double l2) {
  const auto counts = both_classes(x.rows, y, "probe");
  if (!counts) return tl::unexpected<Error>(counts.error());
  if (!(l2 > 0.0) || !std::isfinite(l2)) {
    return fail(Errc::kInvalidArgument, "probe: expected l2 > 0, found " + number_text(l2));
  }
  if (x.cols == 0 || x.cols > kMaxWidth) {
    return fail(Errc::kLimit, "probe: expected a width of 1.." + std::to_string(kMaxWidth) +
                                  ", found " + std::to_string(x.cols));
  }
  if (auto ok = check_finite(x, "probe features"); !ok) return tl::unexpected<Error>(ok.error());

  LogisticFit fit;
  standardisation(x, fit.model);
  SoftProblem problem;
  problem.rows = x.rows;
  problem.cols = x.cols + 1;
  problem.l2 = l2;
  problem.penalised = x.cols;
  problem.x.reserve(problem.rows * problem.cols);
  for (std::size_t i = 0; i < x.rows; ++i) {
    for (std::size_t j = 0; j < x.cols; ++j) {
      problem.x.push_back((x.row(i)[j] - fit.model.mean[j]) / divisor(fit.model.sd[j]));
    }
    problem.x.push_back(1.0);
  }
  problem.targets.assign(y.begin(), y.end());
  auto minimum = minimise(problem);
  if (!minimum)
    return tl::unexpected<Error>(Error{minimum.error().code, "probe: " + minimum.error().message});
  fit.model.bias = minimum->w.back();
  minimum->w.pop_back();
  fit.model.weights = std::move(minimum->w);
  fit.objective = minimum->objective;
  fit.gradient_max = minimum->gradient_max;
  fit.iterations = minimum->iterations;
  fit.trace = std::move(minimum->trace);
  return fit;
}

Result<PlattFit> fit_platt(Span<const double> logits, Span<const std::uint8_t> y) {
  const auto counts = both_classes(logits.size(), y, "Platt calibration");
  if (!counts) return tl::unexpected<Error>(counts.error());
  if (auto ok = check_logits(logits, "Platt calibration"); !ok) {
    return tl::unexpected<Error>(ok.error());
  }
  PlattFit fit;
  fit.target_positive =
      static_cast<double>(counts->positive + 1) / static_cast<double>(counts->positive + 2);
  fit.target_negative = 1.0 / static_cast<double>(counts->negative + 2);
  SoftProblem problem;
  problem.rows = logits.size();
  problem.cols = 2;
  for (std::size_t i = 0; i < logits.size(); ++i) {
    problem.x.push_back(logits[i]);
    problem.x.push_back(1.0);
    problem.targets.push_back(y[i] != 0 ? fit.target_positive : fit.target_negative);
  }
  const auto minimum = minimise(problem);
  if (!minimum) {
    return fail(minimum.error().code, "Platt calibration: " + minimum.error().message);
  }
  fit.slope = minimum->w[0];
  fit.intercept = minimum->w[1];
  fit.objective = minimum->objective;
  return fit;
}

Result<TemperatureFit> fit_temperature(Span<const double> logits, Span<const std::uint8_t> y) {
  const auto counts = both_classes(logits.size(), y, "temperature calibration");
  if (!counts) return tl::unexpected<Error>(counts.error());
  if (auto ok = check_logits(logits, "temperature calibration"); !ok) {
    return tl::unexpected<Error>(ok.error());
  }
  bool separated = true;  // every logit on its own side of 0: sharper is always better
  for (std::size_t i = 0; i < logits.size(); ++i) {
    separated = separated && (y[i] != 0 ? logits[i] >= 0.0 : logits[i] <= 0.0);
  }
  if (separated) {
    return fail(Errc::kInvalidArgument,
                "temperature calibration: these logits separate the classes at 0, so the best "
                "temperature is 0; calibrate on more samples, or by Platt's method");
  }
  SoftProblem problem;
  problem.rows = logits.size();
  problem.cols = 1;
  problem.x.assign(logits.begin(), logits.end());
  problem.targets.assign(y.begin(), y.end());
  const auto minimum = minimise(problem);
  if (!minimum) {
    return fail(minimum.error().code, "temperature calibration: " + minimum.error().message);
  }
  if (!(minimum->w[0] > 0.0)) {
    return fail(Errc::kInvalidArgument,
                "temperature calibration: the best inverse temperature is " +
                    number_text(minimum->w[0]) +
                    ", not above 0: these logits do not rank the classes");
  }
  return TemperatureFit{1.0 / minimum->w[0], minimum->w[0], minimum->objective};
}

}  // namespace phaseguard::probe
