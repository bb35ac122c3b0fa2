#include "monitor/policy/laws/lambda_laws.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "monitor/base/text.h"

namespace phaseguard::policy {

namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

}  // namespace

ConvexWeights risk_clamp(double score) {
  if (!(score >= 1.0 && score <= 5.0)) return {kNaN, kNaN};
  const double beta = std::clamp((score - 2.0) / 3.0, 0.1, 0.9);
  return {std::clamp(1.0 - beta, 0.1, 0.9), beta};
}

bool is_risk(double risk) { return risk >= 0.0 && risk <= 1.0; }

double smooth_risk(double smoothed, double risk, double a) {
  if (!is_risk(risk)) return smoothed;
  return std::isnan(smoothed) ? risk : smoothed + a * (risk - smoothed);
}

double risk_linear(double risk, double min, double max) { return min + (max - min) * risk; }

double dead_zone(double risk, double noise_floor, double min, double max) {
  if (!is_risk(risk)) return kNaN;
  const double share = (risk - 2.0 * noise_floor) / (1.0 - 3.0 * noise_floor);
  return min + (max - min) * std::clamp(share, 0.0, 1.0);
}

Result<void> check_noise_floor(double noise_floor) {
  if (noise_floor >= 0.0 && 3.0 * noise_floor < 1.0) return {};
  return fail(
      Errc::kRefused,
      "expected a noise floor (the judge's false-positive rate) from 0 to below 1/3, found " +
          number_text(noise_floor) + "; a judge that is wrong so often steers nothing");
}

Result<Additive> convex_to_additive(double beta) {
  if (beta >= 0.0 && beta < 1.0) return Additive{beta / (1.0 - beta), 1.0 - beta};
  return fail(Errc::kRefused, "expected a convex weight beta from 0 to below 1, found " +
                                  number_text(beta) + "; at 1 nothing of the task is left");
}

Result<ConvexWeights> additive_to_convex(double lambda) {
  if (lambda >= 0.0 && std::isfinite(lambda)) {
    const double beta = lambda / (1.0 + lambda);
    return ConvexWeights{1.0 - beta, beta};
  }
  return fail(Errc::kRefused,
              "expected a weight lambda of 0 or above, found " + number_text(lambda));
}

Result<void> check_adaptive_kl(const AdaptiveKl& law) {
  const auto wrong = [](const char* name, const char* expected, double found) {
    return fail(Errc::kRefused, std::string("\"") + name + "\": expected " + expected + ", found " +
                                    number_text(found));
  };
  if (!(law.target > 0.0) || !std::isfinite(law.target)) {
    return wrong("target", "a finite number above 0", law.target);
  }
  if (!(law.horizon > 0.0) || !std::isfinite(law.horizon)) {
    return wrong("horizon", "a finite number above 0", law.horizon);
  }
  if (!(law.floor >= 0.0) || !std::isfinite(law.floor)) {
    return wrong("floor", "a finite number of 0 or above", law.floor);
  }
  if (!(law.ceiling >= law.floor) || !std::isfinite(law.ceiling)) {
    return wrong("ceiling", "a finite number at or above the floor", law.ceiling);
  }
  if (!(law.init >= 0.0) || !std::isfinite(law.init)) {
    return wrong("init", "a finite number of 0 or above", law.init);
  }
  return {};
}

double adaptive_kl_start(const AdaptiveKl& law) {
  return std::clamp(law.init, law.floor, law.ceiling);
}

double adaptive_kl_error(const AdaptiveKl& law, double kl) {
  if (!std::isfinite(kl)) return kNaN;
  return std::clamp(kl / law.target - 1.0, -0.2, 0.2);
}

double adaptive_kl(const AdaptiveKl& law, double lambda, double kl, double n) {
  const double error = adaptive_kl_error(law, kl);
  if (std::isnan(error)) return lambda;
  return std::clamp(lambda * (1.0 + error * n / law.horizon), law.floor, law.ceiling);
}

double preflight_lambda(double nll) { return nll > 0.0 && std::isfinite(nll) ? 2.0 / nll : kNaN; }

}  // namespace phaseguard::policy
