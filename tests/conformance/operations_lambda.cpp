// The laws from risk and measured KL to a weight (lambda_maps.json).
#include <cmath>

#include "monitor/policy/laws/lambda_laws.h"
#include "tests/conformance/operations.h"

namespace phaseguard::conformance {

namespace {

json number_or_null(double value) { return std::isfinite(value) ? json(value) : json(); }

json risk_clamp(const json& input) {
  const policy::ConvexWeights weights = policy::risk_clamp(number_of(input.at("score")));
  if (std::isnan(weights.beta)) return bad();
  return {{"alpha", weights.alpha},
          {"beta", weights.beta},
          {"additive_lambda", weights.beta / weights.alpha}};
}

json risk_linear(const json& input) {
  const double min = number_of(input.at("beta_min"));
  const double max = number_of(input.at("beta_max"));
  const double a = number_of(input.at("alpha_ema"));
  json smoothed = json::array(), beta = json::array(), bad_list = json::array();
  double y = std::nan("");
  for (const json& score : input.at("scores")) {
    const double risk = score.is_null() ? std::nan("") : number_of(score);
    bad_list.push_back(!policy::is_risk(risk));
    y = policy::smooth_risk(y, risk, a);
    smoothed.push_back(number_or_null(y));
    beta.push_back(number_or_null(policy::risk_linear(y, min, max)));
  }
  return {{"smoothed", smoothed}, {"beta", beta}, {"bad", bad_list}};
}

json dead_zone(const json& input) {
  const double noise_floor = number_of(input.at("noise_floor"));
  if (const Result<void> status = policy::check_noise_floor(noise_floor); !status) {
    return refused(status.error());
  }
  const double max = number_of(input.at("lambda_max"));
  const double lambda = policy::dead_zone(number_of(input.at("risk")), noise_floor, 0.0, max);
  if (std::isnan(lambda)) return bad();
  return {{"lambda", lambda}};
}

json convex_to_additive(const json& input) {
  const auto additive = policy::convex_to_additive(number_of(input.at("beta")));
  if (!additive) return refused(additive.error());
  return {{"lambda", additive->lambda}, {"loss_scale", additive->loss_scale}};
}

json additive_to_convex(const json& input) {
  const auto convex = policy::additive_to_convex(number_of(input.at("lambda")));
  if (!convex) return refused(convex.error());
  return {{"alpha", convex->alpha}, {"beta", convex->beta}};
}

json adaptive_kl(const json& input) {
  policy::AdaptiveKl law;
  law.target = number_of(input.at("target"));
  law.horizon = number_of(input.at("horizon"));
  law.floor = number_of(input.at("floor"));
  law.ceiling = number_of(input.at("ceiling"));
  law.init = number_of(input.at("init"));
  if (const Result<void> status = policy::check_adaptive_kl(law); !status)
    return refused(status.error());
  json applied = json::array(), error = json::array(), after = json::array();
  double lambda = policy::adaptive_kl_start(law);
  const json& kls = input.at("kls");
  for (std::size_t i = 0; i < kls.size(); ++i) {
    const double kl = kls[i].is_null() ? std::nan("") : number_of(kls[i]);
    applied.push_back(lambda);
    error.push_back(number_or_null(policy::adaptive_kl_error(law, kl)));
    lambda = policy::adaptive_kl(law, lambda, kl, number_of(input.at("ns").at(i)));
    after.push_back(lambda);
  }
  return {{"applied", applied}, {"error", error}, {"after", after}};
}

json preflight_lambda(const json& input) {
  const double lambda = policy::preflight_lambda(number_of(input.at("nll")));
  if (std::isnan(lambda)) return bad();
  return {{"lambda_star", lambda}};
}

}  // namespace

void add_lambda(Operations& operations) {
  operations["risk_clamp"].in_double = risk_clamp;
  operations["risk_linear"].in_double = risk_linear;
  operations["dead_zone"].in_double = dead_zone;
  operations["convex_to_additive"].in_double = convex_to_additive;
  operations["additive_to_convex"].in_double = additive_to_convex;
  operations["adaptive_kl"].in_double = adaptive_kl;
  operations["preflight_lambda"].in_double = preflight_lambda;
}

}  // namespace phaseguard::conformance
