#include "monitor/base/json.h"
#include "monitor/stats/rate_json.h"
#include "probe/preflight/render.h"

namespace phaseguard::preflight {

namespace {

using nlohmann::json;

json of(const Column& column) {
  json out{{"unit", column.unit},
           {"n", column.n},
           {"bad", column.bad},
           {"missing", column.missing},
           {"quantiles", nullptr}};
  if (!column.quantiles) return out;
  const Quantiles& q = *column.quantiles;
  out["quantiles"] = {{"min", q.min}, {"p05", q.p05}, {"p25", q.p25}, {"p50", q.p50},
                      {"p75", q.p75}, {"p95", q.p95}, {"max", q.max}, {"mean", q.mean}};
  return out;
}

json of(const wire::DetectorEvidence& d) {
  return {{"detector", d.detector},
          {"signal", d.signal},
          {"quality", name_of(d.quality)},
          {"value", number_json(d.value)},
          {"statistic", number_json(d.statistic)},
          {"threshold", number_json(d.threshold)},
          {"streak", d.streak},
          {"needed", d.needed},
          {"n", d.n},
          {"warmup", d.warmup},
          {"voting", d.voting}};
}

json of(const wire::RuleEvidence& r) {
  return {{"rule", r.rule},
          {"state", r.state.text()},
          {"votes", r.votes},
          {"needed", r.needed},
          {"of", r.of},
          {"earliest_step", r.earliest_step.value},
          {"fired_step", r.fired_step.value},
          {"at_floor", r.at_floor}};
}

json of(const Decided& decided) {
  json knobs = json::object();
  for (const auto& knob : decided.knobs) knobs[knob.knob] = number_json(knob.value);
  return {{"step", decided.step},
          {"summary", decided.summary},
          {"knobs", knobs},
          {"requests", decided.requests}};
}

template <class T>
json list_of(const std::vector<T>& values) {
  json out = json::array();
  for (const T& value : values) out.push_back(of(value));
  return out;
}

json of(const StepZero& policy) {
  return {
      {"name", policy.policy.name},
      {"digest", policy.policy.digest},
      {"mode", policy.policy.mode.text()},
      {"last_step", policy.last_step},
      {"first_rise", policy.first_rise ? json(*policy.first_rise) : json()},
      {"fed", policy.fed},
      {"silent", policy.silent},
      {"step_0", {{"detectors", list_of(policy.detectors)}, {"rules", list_of(policy.rules)}}},
      {"last",
       {{"detectors", list_of(policy.detectors_after)}, {"rules", list_of(policy.rules_after)}}},
      {"decisions", list_of(policy.decisions)}};
}

json samples_of(const Preflight& preflight) {
  json out = json::array();
  for (const auto& s : preflight.samples) {
    out.push_back({{"id", s.id},
                   {"tokens", s.tokens},
                   {"nll", number_json(s.nll)},
                   {"nll_max", number_json(s.nll_max)},
                   {"llr", number_json(s.llr)},
                   {"llr_flag", number_json(s.llr_flag)},
                   {"judge", number_json(s.judge)},
                   {"label", s.label < 0 ? json() : json(s.label)},
                   {"flagged", nullptr}});
  }
  for (const Flagged& flagged : preflight.summary.flagged) {
    out[flagged.index]["flagged"] = flagged.why;
  }
  return out;
}

}  // namespace

json json_of(const Preflight& preflight) {
  const Summary& summary = preflight.summary;
  json critical = json::array();
  for (const auto& one : summary.critical) {
    critical.push_back({{"at", one.at},
                        {"nll", one.nll},
                        {"lambda", number_json(one.lambda)},
                        {"approximate", number_json(one.approximate)}});
  }
  json out{
      {"schema", "phaseguard-preflight/1"},
      {"title", preflight.title},
      {"reference", summary.source.model_id},
      {"personas", summary.source.personas},
      {"samples", summary.samples},
      {"tokens", summary.tokens},
      {"decisive", summary.decisive},
      {"nll", of(summary.nll)},
      {"nll_max", of(summary.nll_max)},
      {"llr", of(summary.llr)},
      {"judge", of(summary.judge)},
      {"lambda_star", critical},
      {"flag_llr", preflight.options.flag_llr},
      {"flag_judge", preflight.options.flag_judge},
      {"flagged", summary.flagged.size()},
      {"share_llr", stats::rate_json(summary.share_llr)},
      {"share_judge", stats::rate_json(summary.share_judge)},
      {"lambda", summary.lambda ? number_json(*summary.lambda) : json()},
      {"lambda_on_clean", summary.lambda_on_clean ? number_json(*summary.lambda_on_clean) : json()},
      {"warnings", summary.warnings},
      {"policy", preflight.policy ? of(*preflight.policy) : json()},
      {"per_sample", samples_of(preflight)}};
  out["judge_noise"] = nullptr;
  if (summary.noise) {
    out["judge_noise"] = {{"n", summary.noise->n},
                          {"score", summary.noise->score},
                          {"dead_zone", summary.noise->has_dead_zone},
                          {"lower", summary.noise->lower},
                          {"upper", summary.noise->upper}};
  }
  return out;
}

}  // namespace phaseguard::preflight
