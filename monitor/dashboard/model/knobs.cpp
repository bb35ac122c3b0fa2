// The knobs of the run that is shown, what a dialog proposes for one, and what may have changed
// while it was open.
#include "monitor/dashboard/model/knobs.h"

#include <algorithm>
#include <cmath>

#include "monitor/base/text.h"
#include "monitor/dashboard/model/control/by_hand.h"
#include "monitor/dashboard/model/describe.h"
#include "monitor/run/protection.h"

namespace phaseguard::dashboard {

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

double rule_value_of(const run::RunState& state, const KnobView& view) {
  double most = wire::kNaN;
  if (!state.policy) return most;
  for (const wire::RuleInfo& rule : state.policy->rules) {
    for (const wire::KnobSetting& set : rule.sets) {
      if (set.knob != view.name) continue;
      most = std::isnan(most) ? set.value : run::more_protecting(view.protects, most, set.value);
    }
  }
  return most;
}

// The daemon's Status names one override; of others the record knows.
void add_override(const run::RunState& state, KnobView& view) {
  view.forced_value = view.decided;
  view.forced_by = view.who;
  if (!view.forced) return;
  const ByHand held = force_of(state, view.name);
  view.reason = held.reason;
  view.expires = held.until;
  if (!state.status || !state.status->override_.active) return;
  const wire::OverrideStatus& told = state.status->override_;
  if (told.knob != view.name) return;
  view.forced_value = told.value;
  view.forced_by = "operator " + one_line(told.operator_name, 40);
  view.reason = told.reason;
  view.expires = told.expires_step;
}

// The gravest alarm that names this knob.
Level alarm_of(const Model& model, const RunId& run, const std::string& name) {
  const std::string about = "alert " + wire::AlertSource(wire::AlertKind::kKnob, name).text();
  Level worst = Level::kNone;
  for (const Alarm& alarm : model.recorded_alarms(run)) {
    if (alarm.about == about) worst = std::max(worst, alarm.level);
  }
  return worst;
}

KnobView knob_view(const Model& model, const run::RunState& state, const std::string& name) {
  const run::KnobState& knob = state.knobs.at(name);
  KnobView view;
  view.name = name;
  view.decided = knob.decided_value;
  view.applied = knob.applied_value;
  view.in_force = in_force_of(state, knob);
  view.since = knob.applied_step;
  view.decided_since = knob.decided_step;
  view.who = who(knob.cause);
  view.min = knob.declaration.min;
  view.max = knob.declaration.max;
  view.initial = knob.declaration.initial;
  view.limits = limits_text({});
  view.protects = run::protects_of(knob.declaration.protects);
  view.rule_value = rule_value_of(state, view);
  view.confirmed = knob.confirmed();
  view.forced = model.is_forced(name);
  view.adopted = knob.cause.is(wire::CauseKind::kAdopted);
  add_override(state, view);
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
  }
  if (state.mode == wire::Mode::kShadow) {
    view.asked = !std::isnan(view.sent);
    view.confirmed = view.asked && view.sent == view.applied;
  }
  view.protecting = run::is_protecting(knob.declaration, view.applied);
  view.mode = mode_of(state, view, run::is_protecting(knob.declaration, view.decided));
  view.alarm = alarm_of(model, state.run, name);
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

std::string values_text(const KnobView& knob, bool live) {
  const std::string decided = short_number(knob.decided);
  const std::string sent = live ? ", sent " + short_number(knob.sent) : "";
  const std::string applied = short_number(knob.applied);
  const std::string since =
      knob.since < Step{0} ? "" : " since step " + std::to_string(knob.since.value);
  if (!knob.asked) return "decided " + decided + ", nothing is sent, applied " + applied + since;
  if (!knob.confirmed || std::isnan(knob.decided)) {
    const std::string lead = "decided " + decided + sent + ", applied " + applied;
    return std::isnan(knob.decided) ? lead + since : lead + ": NOT YET CONFIRMED";
  }
  const bool same = !live || knob.sent == knob.applied;
  if (same && knob.decided == knob.applied) {
    return applied + (live ? " decided, sent, applied" : " decided, applied") + since;
  }
  return "decided " + decided + sent + ", applied " + applied + since;
}

std::string author_text(const KnobView& knob) {
  std::string text = knob.forced ? knob.forced_by : knob.who;
  if (knob.decided_since >= Step{0}) {
    text += " since step " + std::to_string(knob.decided_since.value);
  }
  if (!knob.forced) return text;
  text += knob.expires >= Step{0} ? " until step " + std::to_string(knob.expires.value)
                                  : " until released";
  return knob.reason.empty() ? text : text + ": " + one_line(knob.reason, 120);
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
      intervened < Step{0} ? "" : "; intervened at step " + std::to_string(intervened.value);
  if (!on.empty()) return "PROTECTED: " + on + by_hand;
  const bool shadow = model.shown()->mode == wire::Mode::kShadow;
  return (shadow ? "shadow: nothing is sent" : "NO PROTECTION IN FORCE") + by_hand;
}

double proposed_value(const KnobView& knob) {
  double value = knob.rule_value;
  if (std::isnan(value)) value = knob.protects == wire::Protects::kDown ? knob.min : knob.max;
  if (!std::isfinite(value) || knob.protects == wire::Protects::kNone) value = knob.in_force;
  if (!std::isnan(knob.in_force)) value = run::more_protecting(knob.protects, knob.in_force, value);
  if (std::isnan(value)) value = knob.initial;
  return std::min(std::max(value, knob.min), knob.max);
}

Subject subject_of(const Model& model, const KnobView& knob) {
  const run::RunState& state = *model.shown();
  return {state.run, state.step, state.state_version, knob};
}

namespace {

std::string limits_of(const KnobView& knob) {
  return number_text(knob.min) + " to " + number_text(knob.max);
}

const KnobView* find_knob(const std::vector<KnobView>& knobs, const std::string& name) {
  const auto found = std::find_if(knobs.begin(), knobs.end(),
                                  [&](const KnobView& knob) { return knob.name == name; });
  return found == knobs.end() ? nullptr : &*found;
}

}  // namespace

std::string obstacle_to(const Model& model, const Subject& subject) {
  const run::RunState* state = model.shown();
  const std::string about = "run " + subject.run.text();
  if (state == nullptr || state->run != subject.run) {
    return "this is about " + about + ", which is not the run that is shown any more: cancel";
  }
  std::string down = model.knob_obstacle(subject.run, subject.knob.name);
  if (!down.empty()) return down;
  const std::vector<KnobView> knobs = knob_views(model);
  const KnobView* now = find_knob(knobs, subject.knob.name);
  const std::string name = one_line(subject.knob.name, 40);
  if (now == nullptr) return about + " has no knob " + name + " any more: cancel";
  const KnobView& then = subject.knob;
  if (now->min != then.min || now->max != then.max || now->protects != then.protects) {
    return "the limits of " + name + " were " + limits_of(then) + " when this opened and are " +
           limits_of(*now) + " now: cancel and look again";
  }
  return "";
}

std::string obstacle_to_raise(const Model& model, const Subject& subject, double value) {
  const std::vector<KnobView> knobs = knob_views(model);
  const KnobView* now = find_knob(knobs, subject.knob.name);
  if (now == nullptr || !run::is_lowering(now->protects, now->in_force, value)) return "";
  return one_line(now->name, 40) + " is at " + number_text(now->in_force) +
         " by now, which protects more than " + number_text(value) + ": cancel and look again";
}

std::string obstacle_to_let_go(const Model& model, const Subject& subject) {
  std::string why = obstacle_to(model, subject);
  if (!why.empty()) return why;
  const std::vector<KnobView> knobs = knob_views(model);
  const KnobView* now = find_knob(knobs, subject.knob.name);
  if (now->adopted && now->in_force == subject.knob.in_force) return "";
  return one_line(now->name, 40) + " is at " + number_text(now->in_force) + " now, " + now->who +
         ": cancel and look again";
}

std::string obstacle_to_release(const Model& model, const Subject& subject) {
  std::string why = obstacle_to(model, subject);
  if (!why.empty()) return why;
  const std::vector<KnobView> knobs = knob_views(model);
  const KnobView* now = find_knob(knobs, subject.knob.name);
  const std::string name = one_line(subject.knob.name, 40);
  if (!now->forced) return "no override of " + name + " is in force any more: cancel";
  const KnobView& then = subject.knob;
  const bool known = !std::isnan(now->forced_value) && !std::isnan(then.forced_value);
  const bool moved = known && now->forced_value != then.forced_value;
  if (moved || now->forced_by != then.forced_by) {
    return "the override is another one now, " + name + " " + number_text(now->forced_value) +
           " by " + now->forced_by + ": cancel and look again";
  }
  return "";
}

}  // namespace phaseguard::dashboard
