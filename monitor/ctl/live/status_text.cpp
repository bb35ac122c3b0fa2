#include "monitor/ctl/live/status_text.h"

#include <algorithm>
#include <cmath>

#include "monitor/base/json.h"
#include "monitor/base/printable.h"
#include "monitor/base/table_text.h"
#include "monitor/run/fate.h"
#include "monitor/run/protection.h"
#include "monitor/run/rule_text.h"

namespace phaseguard::ctl {

namespace {

using nlohmann::json;

json step_or_null(Step step) { return step.value < 0 ? json(nullptr) : json(step.value); }

json knobs_json(const wire::Status& status) {
  json out = json::array();
  for (const wire::KnobStatus& k : status.knobs) {
    out.push_back({{"name", k.name},
                   {"decided", number_json(k.decided)},
                   {"sent", number_json(k.sent)},
                   {"applied", number_json(k.applied)},
                   {"applied_step", step_or_null(k.applied_step)},
                   {"cause", k.cause.text()},
                   {"decision", k.decision},
                   {"confirmed", k.confirmed},
                   {"min", number_json(k.min)},
                   {"max", number_json(k.max)},
                   {"limit_by", k.limit_by.empty() ? json(nullptr) : json(k.limit_by.text())},
                   {"trip_value", number_json(k.trip_value)},
                   {"protects", wire::text_of(run::protects_of(k.protects))},
                   {"protecting", k.protecting}});
  }
  return out;
}

json detectors_json(const wire::Status& status) {
  json out = json::array();
  for (const wire::DetectorEvidence& d : status.detectors) {
    out.push_back({{"detector", d.detector},
                   {"signal", d.signal},
                   {"step", step_or_null(d.step)},
                   {"quality", name_of(d.quality)},
                   {"value", number_json(d.value)},
                   {"statistic", number_json(d.statistic)},
                   {"threshold", number_json(d.threshold)},
                   {"streak", d.streak},
                   {"needed", d.needed},
                   {"n", d.n},
                   {"warmup", d.warmup},
                   {"voting", d.voting}});
  }
  return out;
}

json rules_json(const wire::Status& status) {
  json out = json::array();
  for (const wire::RuleEvidence& r : status.rules) {
    out.push_back({{"rule", r.rule},
                   {"state", r.state.text()},
                   {"phase", r.phase.empty() ? json(nullptr) : json(r.phase.text())},
                   {"until_step", step_or_null(r.until_step)},
                   {"text", run::rule_text(r)},
                   {"votes", r.votes},
                   {"needed", r.needed},
                   {"of", r.of},
                   {"earliest_step", step_or_null(r.earliest_step)},
                   {"fired_step", step_or_null(r.fired_step)},
                   {"at_floor", r.at_floor}});
  }
  return out;
}

json lists_json(const wire::Status& status) {
  json signals = json::array(), requests = json::array(), alerts = json::array();
  for (const wire::SignalStatus& s : status.signals) {
    json fates = json::object();
    for (const wire::FateCount& f : s.fates) fates[f.fate.text()] = f.values;
    signals.push_back({{"name", s.name},
                       {"fates", fates},
                       {"incomplete", std::max<std::int64_t>(s.incomplete, 0)},
                       {"value", number_json(s.value)},
                       {"quality", name_of(s.quality)},
                       {"step", step_or_null(s.step)},
                       {"age_s", number_json(s.age_s)}});
  }
  for (const wire::RequestStatus& r : status.requests) {
    requests.push_back(
        {{"id", r.id}, {"type", r.type.text()}, {"status", r.status.text()}, {"detail", r.detail}});
  }
  for (const wire::Alert& a : status.alerts) {
    alerts.push_back(
        {{"severity", a.severity.text()}, {"source", a.source.text()}, {"text", a.text}});
  }
  return {{"signals", signals}, {"requests", requests}, {"alerts", alerts}};
}

// What became of its values, where not all were decided on.
std::string fates_of(const wire::SignalStatus& signal) {
  const std::string text = run::fates_text(signal.fates, signal.incomplete);
  return text.empty() ? "" : ", " + plain(text);
}

std::string rule_line(const wire::RuleEvidence& r) {
  std::string out = "  " + padded(plain(r.rule), 18) + padded(plain(run::rule_text(r)), 10) +
                    std::to_string(r.votes) + " of " + std::to_string(r.of) + " vote, " +
                    std::to_string(r.needed) + " needed";
  if (r.fired_step.value >= 0) out += ", fired at step " + std::to_string(r.fired_step.value);
  if (r.at_floor) out += " (the earliest step it can fire at)";
  return out + "\n";
}

std::string detector_line(const wire::DetectorEvidence& d) {
  return "  " + padded(plain(d.detector), 18) + padded(d.voting ? "votes" : "quiet", 10) +
         plain(d.signal) + " " + short_number(d.statistic) + " against " +
         short_number(d.threshold) + ", " + std::to_string(d.streak) + "/" +
         std::to_string(d.needed) + "\n";
}

// What a policy in shadow mode decides is not sent: nobody is to confirm it.
std::string confirmed_text(const wire::KnobStatus& k, bool shadow) {
  if (shadow) return k.confirmed ? "in force" : "not in force: shadow";
  return k.confirmed ? "confirmed" : "NOT CONFIRMED";
}

std::string knob_line(const wire::KnobStatus& k, bool shadow) {
  std::string out = "  " + padded(plain(k.name), 18) + "decided " + short_number(k.decided) +
                    ", sent " + short_number(k.sent) + ", applied " + short_number(k.applied);
  if (k.applied_step.value >= 0) out += " since step " + std::to_string(k.applied_step.value);
  out += " (" + plain(k.cause.text()) + ", " + confirmed_text(k, shadow) + ")";
  if (std::isfinite(k.min) && std::isfinite(k.max)) {
    out += ", from " + short_number(k.min) + " to " + short_number(k.max);
  }
  return out + (k.protecting ? ", protects the run\n" : "\n");
}

}  // namespace

json status_json(const wire::Header& header, const wire::Status& status) {
  json out{{"run", header.run.text()},
           {"step", header.step.value},
           {"link", status.link.text()},
           {"age_s", number_json(status.age_s)},
           {"attempt", status.attempt},
           {"segment", status.segment},
           {"total_steps", status.total_steps},
           {"label", status.label.text()},
           {"policy", status.policy},
           {"policy_digest", status.policy_digest},
           {"mode", status.mode.text()},
           {"intervened_step", step_or_null(status.intervened_step)},
           {"end", status.end.empty() ? json(nullptr) : json(status.end.text())},
           {"skipped", std::max<std::int64_t>(status.skipped, 0)},
           {"missing", std::max<std::int64_t>(status.missing, 0)},
           {"control", status.control.text()},
           {"state_version", status.state_version},
           {"epoch", status.epoch},
           {"last_seq", status.last_seq.value},
           {"run_file", status.run_file},
           {"knobs", knobs_json(status)},
           {"detectors", detectors_json(status)},
           {"rules", rules_json(status)}};
  out.update(lists_json(status));
  const wire::OverrideStatus& o = status.override_;
  out["override"] = o.active ? json{{"knob", o.knob},
                                    {"value", number_json(o.value)},
                                    {"operator", o.operator_name},
                                    {"reason", o.reason},
                                    {"expires_step", step_or_null(o.expires_step)}}
                             : json(nullptr);
  return out;
}

std::string status_line(const wire::Header& header, const wire::Status& status) {
  std::string out = header.run.text() + "  step " + std::to_string(header.step.value) + "/" +
                    std::to_string(status.total_steps);
  for (const wire::KnobStatus& k : status.knobs) {
    out += "  " + plain(k.name) + " " + short_number(k.applied);
    const bool shadow = status.mode == wire::Mode::kShadow;
    out += k.confirmed ? " applied (" + plain(k.cause.text()) + ")"
                       : ", " + short_number(k.decided) +
                             (shadow ? " decided in shadow" : " decided, NOT CONFIRMED");
  }
  out += "  link " + plain(status.link.text());
  if (!status.end.empty()) out += " (" + plain(status.end.text()) + ")";
  if (std::isfinite(status.age_s)) out += " " + short_number(status.age_s) + " s";
  return out;
}

std::vector<std::string> RuleNews::take(const wire::Header& header, const wire::Status& status) {
  std::vector<std::string> news;
  for (const wire::RuleEvidence& rule : status.rules) {
    const std::string text = run::rule_text(rule);
    std::string& told = told_[{header.run.text(), rule.rule}];
    if (told == text) continue;
    told = text;
    news.push_back("rule " + rule.rule + ": " + text);
  }
  return news;
}

std::string status_text(const wire::Header& header, const wire::Status& status) {
  std::string out = status_line(header, status) + "\n  policy " + plain(status.policy) + " (" +
                    plain(status.mode.text()) +
                    (status.intervened_step < Step{0}
                         ? ""
                         : ", intervened at step " + std::to_string(status.intervened_step.value)) +
                    "), control " + plain(status.control.text()) + ", version " +
                    std::to_string(status.state_version) + "\n";
  for (const wire::Alert& a : status.alerts)
    out += "  ! " + plain(a.severity.text()) + ": " + plain(a.text) + "\n";
  out += "knobs\n";
  const bool shadow = status.mode == wire::Mode::kShadow;
  for (const wire::KnobStatus& k : status.knobs) out += knob_line(k, shadow);
  if (status.override_.active) {
    out += "  forced to " + short_number(status.override_.value) + " by " +
           plain(status.override_.operator_name) + ": " + plain(status.override_.reason) + "\n";
  }
  out += "rules\n";
  for (const wire::RuleEvidence& r : status.rules) out += rule_line(r);
  out += "detectors\n";
  for (const wire::DetectorEvidence& d : status.detectors) out += detector_line(d);
  out += "signals\n";
  for (const wire::SignalStatus& s : status.signals) {
    out += "  " + padded(plain(s.name), 18) + padded(short_number(s.value), 9) +
           name_of(s.quality) + ", step " + std::to_string(s.step.value) + fates_of(s) + "\n";
  }
  return out;
}

}  // namespace phaseguard::ctl
