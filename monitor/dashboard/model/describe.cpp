#include "monitor/dashboard/model/describe.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "monitor/base/printable.h"
#include "monitor/base/text.h"
#include "monitor/run/protection.h"
#include "monitor/run/rule_text.h"

namespace phaseguard::dashboard {
namespace {

std::string step_text(Step step) { return std::to_string(step.value); }

Alarm alarm(Level level, std::string text) {
  switch (level) {
    case Level::kCritical:
      return {level, 1, "CRITICAL", std::move(text)};
    case Level::kHigh:
      return {level, 2, "HIGH", std::move(text)};
    case Level::kMedium:
    case Level::kInfo:
    case Level::kNone:
      break;
  }
  return {level, 3, "MEDIUM", std::move(text)};
}

// The recorded decision that raised an alert says more than the alert itself: what was done. One
// that raised several says all of them, and each is shown by itself.
std::string with_consequence(const run::RunState& state, const wire::Alert& alert) {
  const auto& entries = state.decisions.entries;
  for (auto e = entries.rbegin(); e != entries.rend(); ++e) {
    for (const wire::Alert& raised : e->body.alerts) {
      if (raised.source != alert.source || raised.severity != alert.severity) continue;
      std::string text = raised.text;
      const bool alone = e->body.alerts.size() == 1;
      if (alone && !e->body.summary.empty() && text.find(e->body.summary) == std::string::npos) {
        text = e->body.summary.size() > text.size() ? e->body.summary : text;
      }
      for (const run::RequestState& request : state.requests) {
        if (request.request.decision != e->body.id || request.outcome != wire::Outcome::kDone)
          continue;
        if (request.restored_step >= Step{0}) {
          text += "; rolled back to step " + step_text(request.restored_step);
        }
      }
      return text;
    }
  }
  return alert.text;
}

void add_alerts(const Model& model, const run::RunState& state, std::vector<Alarm>& out) {
  std::vector<wire::Alert> raised;
  if (state.status && model.source().live) {
    raised = state.status->alerts;
  } else {
    for (const auto& entry : state.alerts.entries) raised.push_back(entry.body);
  }
  std::vector<wire::AlertSource> seen;
  for (const wire::Alert& a : raised) {
    const Level level = level_of(a.severity);
    if (level < Level::kMedium) continue;
    if (a.source.is(wire::AlertKind::kLink) && model.source().live)
      continue;  // said with its age and what holds
    if (std::find(seen.begin(), seen.end(), a.source) != seen.end()) continue;
    seen.push_back(a.source);
    out.push_back(alarm(level, one_line(with_consequence(state, a))));
  }
}

}  // namespace

Level level_of(const wire::Word<wire::Severity>& severity) {
  if (const auto known = severity.known()) {
    switch (*known) {
      case wire::Severity::kCritical:
        return Level::kCritical;
      case wire::Severity::kHigh:
        return Level::kHigh;
      case wire::Severity::kMedium:
        return Level::kMedium;
      case wire::Severity::kInfo:
        return Level::kInfo;
    }
  }
  // A grade of a newer daemon: shown as an alarm rather than hidden.
  return severity.empty() ? Level::kNone : Level::kMedium;
}

std::vector<Alarm> alarms(const Model& model) {
  std::vector<Alarm> out;
  const run::RunState* state = model.shown();
  const bool live = model.source().live;
  if (live && !model.source().connected && !model.source().loading) {
    out.push_back(alarm(Level::kHigh, "daemon does not answer: what you see is old. " +
                                          link_rows(model).back().protection));
  }
  if (!live && !model.source().problem.empty()) {
    out.push_back(alarm(Level::kHigh, one_line(model.source().problem)));
  }
  for (const Pending& pending : model.pending()) {
    if (pending.stage == Stage::kNotConfirmed) {
      out.push_back(alarm(Level::kCritical, "command " + pending.command.action.text() + " " +
                                                one_line(pending.command.knob, 40) +
                                                " NOT CONFIRMED: " + one_line(pending.text)));
    }
  }
  if (state != nullptr) {
    add_alerts(model, *state, out);
    const auto link = model.health().link;
    if (live && (link == wire::LinkState::kSilent || link == wire::LinkState::kLost)) {
      const Level level = link == wire::LinkState::kSilent ? Level::kMedium
                          : model.health().protected_      ? Level::kCritical
                                                           : Level::kHigh;
      out.push_back(alarm(level, "trainer " + model.health().link_text + " for " +
                                     age_text(model.health().age_s) +
                                     ": rules cannot act; what it does is not known here"));
    }
    if (live) {
      for (const run::StaleSignal& s : model.health().stale) {
        out.push_back(alarm(Level::kMedium, "signal " + one_line(s.name) + " is overdue by " +
                                                std::to_string(s.overdue_steps) + " steps"));
      }
    }
  }
  std::stable_sort(out.begin(), out.end(),
                   [](const Alarm& a, const Alarm& b) { return a.number < b.number; });
  return out;
}

Level level_of_rule(const run::RunState& state, const std::string& rule) {
  if (!state.policy) return Level::kHigh;
  for (const wire::RuleInfo& info : state.policy->rules) {
    if (info.name != rule) continue;
    const Level declared = level_of(info.alert);
    return declared == Level::kNone && !info.sets.empty() ? Level::kHigh : declared;
  }
  return Level::kHigh;
}

Level level_of_detector(const run::RunState& state, const std::string& detector) {
  Level level = Level::kInfo;
  if (!state.policy) return level;
  for (const wire::RuleInfo& info : state.policy->rules) {
    if (std::find(info.of.begin(), info.of.end(), detector) == info.of.end()) continue;
    level = std::max(level, level_of_rule(state, info.name));
  }
  return level;
}

const char* name_of(KnobMode mode) {
  switch (mode) {
    case KnobMode::kOff:
      return "OFF";
    case KnobMode::kAutoOn:
      return "AUTO-ON";
    case KnobMode::kForcedOn:
      return "FORCED-ON";
    case KnobMode::kForcedOff:
      return "FORCED-OFF";
    case KnobMode::kShadow:
      return "SHADOW";
  }
  return "";
}

namespace {

std::string limits_text(const wire::Word<wire::LimitBy>& limit_by) {
  if (const auto known = limit_by.known()) {
    switch (*known) {
      case wire::LimitBy::kPolicy:
        return "the policy";
      case wire::LimitBy::kTrainer:
        return "the trainer";
      case wire::LimitBy::kBoth:
        return "the policy and the trainer";
    }
  }
  return limit_by.empty() ? "the trainer" : one_line(limit_by.text(), 40);
}

KnobMode mode_of(const run::RunState& state, const KnobView& view, bool on) {
  if (view.forced) return on ? KnobMode::kForcedOn : KnobMode::kForcedOff;
  if (state.mode == wire::Mode::kShadow) return KnobMode::kShadow;
  return on ? KnobMode::kAutoOn : KnobMode::kOff;
}

KnobView knob_view(const Model& model, const run::RunState& state, const std::string& name) {
  const run::KnobState& knob = state.knobs.at(name);
  KnobView view;
  view.name = name;
  view.decided = knob.decided_value;
  view.applied = knob.applied_value;
  view.in_force = in_force_of(state, knob);
  view.since = knob.applied_step;
  view.who = who(knob.cause);
  view.min = knob.declaration.min;
  view.max = knob.declaration.max;
  view.initial = knob.declaration.initial;
  view.limits = limits_text({});
  view.protects = run::protects_of(knob.declaration.protects);
  view.confirmed = knob.confirmed();
  view.forced = model.is_forced(name);
  view.forced_value = view.decided;
  view.forced_by = view.who;
  if (state.status) {
    for (const wire::KnobStatus& status : state.status->knobs) {
      if (status.name != name) continue;
      view.sent = status.sent;
      if (std::isnan(status.min)) continue;
      view.min = status.min;
      view.max = status.max;
      view.limits = limits_text(status.limit_by);
      if (state.mode != wire::Mode::kShadow) view.trip_value = status.trip_value;
    }
    if (state.status->override_.active && state.status->override_.knob == name) {
      view.forced_value = state.status->override_.value;
      view.forced_by = "operator " + one_line(state.status->override_.operator_name, 40);
      view.reason = state.status->override_.reason;
      view.expires = state.status->override_.expires_step;
    }
  }
  if (state.mode == wire::Mode::kShadow) {
    view.asked = !std::isnan(view.sent);
    view.confirmed = view.asked && view.sent == view.applied;
  }
  view.protecting = run::is_protecting(knob.declaration, view.applied);
  view.mode = mode_of(state, view, run::is_protecting(knob.declaration, view.decided));
  return view;
}

}  // namespace

double in_force_of(const run::RunState& state, const run::KnobState& knob) {
  return state.mode == wire::Mode::kShadow ? knob.applied_value : knob.decided_value;
}

std::vector<KnobView> knob_views(const Model& model) {
  std::vector<KnobView> views;
  const run::RunState* state = model.shown();
  if (state == nullptr || !state->hello) return views;
  for (const wire::KnobDecl& knob : state->hello->knobs) {
    if (state->knobs.count(knob.name) > 0) views.push_back(knob_view(model, *state, knob.name));
  }
  return views;
}

std::string protection_text(const Model& model) {
  const std::vector<KnobView> views = knob_views(model);
  if (views.empty()) return "the trainer has declared no knob";
  std::string on;
  for (const KnobView& view : views) {
    if (!view.protecting) continue;
    on += (on.empty() ? "" : ", ") + one_line(view.name, 24) + " " + number_text(view.applied);
  }
  const Step intervened = model.shown()->intervened_step;
  const std::string by_hand =
      intervened < Step{0} ? "" : "; intervened at step " + step_text(intervened);
  if (!on.empty()) return "PROTECTED: " + on + by_hand;
  const bool shadow = model.shown()->mode == wire::Mode::kShadow;
  return (shadow ? "shadow: nothing is sent" : "NO PROTECTION IN FORCE") + by_hand;
}

namespace {

std::string since(const wire::RuleEvidence& rule) {
  return rule.fired_step.value < 0 ? "" : " since step " + step_text(rule.fired_step);
}

}  // namespace

std::vector<RuleRow> rule_rows(const run::RunState& state) {
  std::vector<RuleRow> rows;
  for (const wire::RuleEvidence& rule : state.rules) {
    RuleRow row;
    row.name = rule.rule;
    row.fired = rule.state == wire::RuleState::kLatched || rule.state == wire::RuleState::kActive;
    row.at_floor = row.fired && rule.at_floor;
    row.state = run::rule_text(rule) + (row.fired ? since(rule) : "");
    row.votes = std::to_string(rule.votes) + " of " + std::to_string(rule.of) + " vote, needs " +
                std::to_string(rule.needed);
    if (rule.earliest_step.value >= 0) {
      row.earliest = "earliest possible: step " + step_text(rule.earliest_step);
    }
    if (state.policy) {
      for (const wire::RuleInfo& info : state.policy->rules) {
        if (info.name != rule.rule) continue;
        row.level = level_of(info.alert);
        for (const std::string& name : info.of) {
          for (const wire::DetectorEvidence& d : state.detectors) {
            if (d.detector != name) continue;
            row.detectors.push_back(name + " " + std::to_string(std::min(d.streak, d.needed)) +
                                    "/" + std::to_string(d.needed));
            row.voting.push_back(d.voting);
          }
        }
      }
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

std::vector<LinkRow> link_rows(const Model& model) {
  std::vector<LinkRow> rows;
  const run::RunState* state = model.shown();
  const bool live = model.source().live;
  LinkRow trainer;
  trainer.name = "trainer";
  if (state != nullptr) {
    trainer.word = model.health().link_text;
    trainer.age_s = live ? model.health().age_s : wire::kNaN;
    const bool ended = model.health().link == wire::LinkState::kEnded;
    if (!live && !ended) trainer.word = "recorded";
    trainer.active = live && model.health().link == wire::LinkState::kActive;
    trainer.good = !live || ended || model.health().link == wire::LinkState::kActive ||
                   model.health().link == wire::LinkState::kAbsent;
  } else {
    trainer.word = wire::text_of(wire::LinkState::kAbsent);
    trainer.good = true;
  }
  if (!trainer.good) {
    trainer.protection = "rules cannot act; what it does is not known here";
  }
  rows.push_back(trainer);

  LinkRow daemon;
  daemon.name = live ? "daemon" : "file";
  daemon.word = !live                      ? (model.source().loading ? "reading" : "recorded")
                : model.source().connected ? "active"
                                           : (model.source().loading ? "connecting" : "no answer");
  daemon.age_s = live ? model.health().feed_age_s : wire::kNaN;
  daemon.good = !live || model.source().connected;
  daemon.active = live && model.source().connected;
  if (!daemon.good) {
    daemon.protection = "what is in force is not known here";
  }
  rows.push_back(daemon);
  return rows;
}

std::vector<Interval> protected_intervals(const run::RunState& state, double until) {
  std::vector<Interval> all;
  for (const auto& [name, knob] : state.knobs) {
    for (const run::OnInterval& on : knob.on_applied) {
      if (on.attempt != state.attempt || on.segment != state.segment) continue;
      const auto from = static_cast<double>(on.from.value);
      const double to = on.to.value < 0 ? until : static_cast<double>(on.to.value);
      all.push_back({from, std::max(to, from)});
    }
  }
  std::sort(all.begin(), all.end(),
            [](const Interval& a, const Interval& b) { return a.from < b.from; });
  std::vector<Interval> out;  // without overlaps: shading twice would be darker
  for (const Interval& next : all) {
    if (!out.empty() && next.from <= out.back().to) {
      out.back().to = std::max(out.back().to, next.to);
    } else {
      out.push_back(next);
    }
  }
  return out;
}

std::string who(const wire::Cause& cause) {
  if (const auto kind = cause.kind()) {
    switch (*kind) {
      case wire::CauseKind::kRule:
        return "rule " + one_line(cause.name(), 40);
      case wire::CauseKind::kOperator:
        return "operator " + one_line(cause.name(), 40);
      case wire::CauseKind::kBase:
        return "policy base";
      case wire::CauseKind::kInitial:
        return "trainer default";
      case wire::CauseKind::kLink:
        return "substitute for a lost link";
      case wire::CauseKind::kAdopted:
        return "adopted from the trainer: " + one_line(cause.name(), 40);
    }
  }
  return cause.empty() ? "trainer default" : one_line(cause.text(), 40);
}

std::string age_text(double seconds) {
  if (!std::isfinite(seconds)) return "-";
  char text[32];
  if (seconds < 10.0) {
    std::snprintf(text, sizeof text, "%.1f s", seconds);
  } else if (seconds < 120.0) {
    std::snprintf(text, sizeof text, "%.0f s", seconds);
  } else if (seconds < 7200.0) {
    std::snprintf(text, sizeof text, "%.0f min", seconds / 60.0);
  } else {
    std::snprintf(text, sizeof text, "%.0f h", seconds / 3600.0);
  }
  return text;
}

std::string one_line(const std::string& text, std::size_t max_bytes) {
  return plain(text, max_bytes);
}

}  // namespace phaseguard::dashboard
