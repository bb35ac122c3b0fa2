#include "monitor/stats/ranking.h"
#include "probe/fit/direction.h"
#include "probe/fit/features.h"
#include "probe/fit/logistic.h"
#include "tests/conformance/operations.h"

namespace phaseguard::conformance {

namespace {

// Rows of equal length; anything else gives rows that make_features refuses.
Result<probe::Features> table(const json& rows) {
  std::vector<double> values;
  for (const json& row : rows) {
    for (double v : numbers(row)) values.push_back(v);
  }
  return probe::make_features(Span<const double>(values), rows.size(),
                              rows.empty() ? 0 : rows[0].size());
}

json logistic_fit(const json& input) {
  const auto x = table(input.at("x"));
  if (!x) return refused(x.error());
  const auto fit = probe::fit_logistic(*x, labels(input.at("y")), number_of(input.at("l2")));
  if (!fit) return refused(fit.error());
  json logits = json::array(), risk = json::array();
  for (std::size_t i = 0; i < x->rows; ++i) {
    const double t = probe::logit(fit->model, x->row(i));
    logits.push_back(t);
    risk.push_back(probe::sigmoid(t));
  }
  return {{"mean", fit->model.mean},
          {"sd", fit->model.sd},
          {"weights", fit->model.weights},
          {"bias", fit->model.bias},
          {"objective", fit->objective},
          {"gradient_max", fit->gradient_max},
          {"logits", logits},
          {"risk", risk}};
}

json platt_fit(const json& input) {
  const auto logits = numbers(input.at("logits"));
  const auto fit = probe::fit_platt(logits, labels(input.at("y")));
  if (!fit) return refused(fit.error());
  json calibrated = json::array();
  for (double t : logits) calibrated.push_back(probe::sigmoid(fit->slope * t + fit->intercept));
  return {{"slope", fit->slope},
          {"intercept", fit->intercept},
          {"objective", fit->objective},
          {"target_positive", fit->target_positive},
          {"target_negative", fit->target_negative},
          {"calibrated", calibrated}};
}

json temperature_fit(const json& input) {
  const auto fit = probe::fit_temperature(numbers(input.at("logits")), labels(input.at("y")));
  if (!fit) return refused(fit.error());
  return {{"temperature", fit->temperature},
          {"inverse_temperature", fit->inverse_temperature},
          {"objective", fit->objective}};
}

json ranking(const json& input) {
  const auto ranked = stats::rank_scores(numbers(input.at("scores")), labels(input.at("y")));
  if (!ranked) return refused(ranked.error());
  return {{"auroc", ranked->auroc}, {"auprc", ranked->auprc}};
}

json threshold(const json& input) {
  const auto found = stats::threshold_for_false_alarm_rate(numbers(input.at("negatives")),
                                                           number_of(input.at("rate")));
  if (!found) return refused(found.error());
  return {{"threshold", found->threshold}, {"false_alarms", found->false_alarms}};
}

json direction_drift(const json& input) {
  const auto trait = table(input.at("trait")), other = table(input.at("other"));
  const auto reference = table(input.at("ref")), now = table(input.at("now"));
  for (const auto* one : {&trait, &other, &reference, &now}) {
    if (!*one) return refused(one->error());
  }
  const auto direction = probe::trait_direction(*trait, *other);
  if (!direction) return refused(direction.error());
  if (direction->quality != Quality::kGood) return bad();
  const auto drift = probe::drift_along(direction->unit, *reference, *now);
  if (!drift) return refused(drift.error());
  if (drift->quality != Quality::kGood) return bad();
  return {{"direction", direction->raw},
          {"norm", direction->norm},
          {"unit", direction->unit},
          {"projection_reference", drift->projection_reference},
          {"projection_model", drift->projection_model},
          {"sd_reference", drift->sd_reference},
          {"drift", drift->drift},
          {"drift_in_sd", drift->drift_in_sd ? json(*drift->drift_in_sd) : json()}};
}

json staleness(const json& input) {
  const auto now = table(input.at("now"));
  if (!now) return refused(now.error());
  const auto value =
      probe::staleness(numbers(input.at("fit_mean")), numbers(input.at("fit_sd")), *now);
  if (!value) return refused(value.error());
  return {{"value", *value}};
}

json persona_llr(const json& input) {
  const auto llr =
      probe::persona_llr(numbers(input.at("logp_misaligned")), numbers(input.at("logp_aligned")));
  if (!llr) return refused(llr.error());
  if (llr->quality != Quality::kGood) return bad();
  return {{"per_answer", llr->per_answer}, {"per_token", llr->per_token}};
}

}  // namespace

void add_probe(Operations& operations) {
  operations["logistic_fit"].in_double = logistic_fit;
  operations["platt_fit"].in_double = platt_fit;
  operations["temperature_fit"].in_double = temperature_fit;
  operations["ranking"].in_double = ranking;
  operations["threshold_for_false_alarm_rate"].in_double = threshold;
  operations["direction_drift"].in_double = direction_drift;
  operations["staleness"].in_double = staleness;
  operations["persona_llr"].in_double = persona_llr;
}

}  // namespace phaseguard::conformance
