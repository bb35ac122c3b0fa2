// What the record keeps of a policy, and what a replay takes back from it.
#include <cmath>
#include <string>

#include "monitor/policy/document.h"
#include "monitor/policy/laws/law_row.h"
#include "monitor/policy/source.h"

namespace phaseguard::policy {

namespace {

wire::DetectorInfo info_of(const DetectorSpec& spec) {
  wire::DetectorInfo info;
  info.name = spec.name;
  info.signal = to_text(spec.source);
  info.type = name_of(spec.law);
  info.threshold = threshold_of(spec, LawState{});
  info.needed = spec.consecutive;
  info.warmup = spec.warmup;
  if (const auto constant = row_of(spec).libm_constant) {
    DetectorSpec copy = spec;
    info.constants = {constant(copy)};
  }
  return info;
}

wire::RuleInfo info_of(const Document& document, const RuleSpec& rule) {
  wire::RuleInfo info;
  info.name = rule.name;
  info.when = when_of(rule);
  for (const Term& term : rule.of) {
    info.of.push_back(term.is_rule ? "rule." + document.rules[term.index].name
                                   : document.detectors[term.index].name);
  }
  info.latch = rule.latch;
  if (rule.alert) info.alert = *rule.alert;
  for (const KnobAction& action : rule.sets) {
    wire::KnobSetting setting;
    setting.knob = document.knobs[action.knob].name;
    setting.value = reach_of(action.controller, document.knobs[action.knob].base).max;
    setting.cause = wire::Cause(wire::CauseKind::kRule, rule.name);
    info.sets.push_back(std::move(setting));
  }
  info.requests.assign(rule.requests.begin(), rule.requests.end());
  return info;
}

// The unit in which its statistic and threshold are; "": the signal's is not known.
std::string unit_of(const DetectorSpec& spec, const wire::Hello& hello) {
  const Result<SourceFit> fit = fit_source(hello, spec.source);
  return row_of(spec).unit(spec, fit ? fit->unit : "");
}

}  // namespace

wire::PolicyLoaded describe(const Document& document) {
  wire::PolicyLoaded loaded;
  loaded.name = document.name;
  loaded.digest = document.digest;
  loaded.text = document.text;
  loaded.mode = mode_of(document);
  if (document.request_base > 0) loaded.request_base = document.request_base;
  for (const DetectorSpec& spec : document.detectors) loaded.detectors.push_back(info_of(spec));
  for (const RuleSpec& rule : document.rules) loaded.rules.push_back(info_of(document, rule));
  return loaded;
}

wire::PolicyLoaded describe(const Document& document, const wire::Hello& hello) {
  wire::PolicyLoaded loaded = describe(resolved(document, hello));
  for (std::size_t i = 0; i < document.detectors.size(); ++i) {
    loaded.detectors[i].unit = unit_of(document.detectors[i], hello);
  }
  return loaded;
}

Result<void> adopt_constants(Document& document, const wire::PolicyLoaded& recorded) {
  const auto other = [&](const std::string& what) {
    return fail(Errc::kConflict, "the recorded policy is not this one: " + what);
  };
  if (recorded.digest != document.digest) {
    return other("expected digest " + document.digest + ", found " + recorded.digest);
  }
  if (recorded.detectors.size() != document.detectors.size()) {
    return other("expected " + std::to_string(document.detectors.size()) + " detectors, found " +
                 std::to_string(recorded.detectors.size()));
  }
  Document adopted = document;
  for (std::size_t i = 0; i < adopted.detectors.size(); ++i) {
    DetectorSpec& spec = adopted.detectors[i];
    const wire::DetectorInfo& info = recorded.detectors[i];
    const auto constant = row_of(spec).libm_constant;
    if (constant == nullptr) continue;
    double& ours = constant(spec);
    // libm may differ in the last bits, never more: a larger gap is another policy or a damaged
    // record.
    const bool near = info.name == spec.name && info.constants.size() == 1 &&
                      std::fabs(info.constants[0] - ours) <= 1e-12 * std::fabs(ours);
    if (!near) return other("the constants of detector \"" + spec.name + "\" do not belong to it");
    ours = info.constants[0];
  }
  adopted.request_base = std::max<std::int64_t>(recorded.request_base, 0);
  document = std::move(adopted);
  return {};
}

}  // namespace phaseguard::policy
