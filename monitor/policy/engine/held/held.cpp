#include "monitor/policy/engine/held/held.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "monitor/base/text.h"
#include "monitor/policy/engine/arbiter.h"
#include "monitor/policy/engine/held/shadow.h"
#include "monitor/policy/engine/knobs.h"
#include "monitor/policy/engine/rule.h"
#include "monitor/run/protection.h"

namespace phaseguard::policy {

namespace {

std::int64_t rule_of(const MachineState& state, const wire::Held& entry) {
  if (entry.kind == wire::HeldKind::kOperator) return -1;
  const std::vector<RuleSpec>& rules = state.document.rules;
  for (std::size_t i = 0; i < rules.size(); ++i) {
    if (rules[i].name == entry.name) return static_cast<std::int64_t>(i);
  }
  return -1;
}

// What a rule in force puts out for the action; NaN: nothing yet.
double output_of(const RuleState& run, const RuleSpec& rule, std::size_t action) {
  const auto* constant = std::get_if<ConstantController>(&rule.sets[action].controller);
  return constant ? constant->value : run.controllers[action].output;
}

wire::Held entry_of(const RuleSpec& rule, const RuleState& run) {
  wire::Held entry;
  entry.kind = run.mode == RuleMode::kLatched ? wire::HeldKind::kTrip : wire::HeldKind::kActive;
  entry.name = rule.name;
  entry.command = run.because.command;
  entry.attempt = run.because.attempt;
  entry.number = run.because.number;
  return entry;
}

void add_rule(const MachineState& state, std::size_t index, std::vector<wire::Held>& out) {
  const RuleSpec& rule = state.document.rules[index];
  const RuleState& run = state.rules[index];
  const std::size_t first = out.size();
  for (std::size_t a = 0; a < rule.sets.size(); ++a) {
    wire::Held entry = entry_of(rule, run);
    entry.knob = knob_spec(state, rule.sets[a].knob).name;
    entry.value = output_of(run, rule, a);
    out.push_back(std::move(entry));
  }
  for (const SiteAction& action : rule.sites) {
    const std::string& knob = knob_spec(state, action.knob).name;
    const auto same = std::find_if(out.begin() + static_cast<std::ptrdiff_t>(first), out.end(),
                                   [&](const wire::Held& entry) { return entry.knob == knob; });
    if (same == out.end()) {
      wire::Held entry = entry_of(rule, run);
      entry.knob = knob;
      entry.site = action.site;
      out.push_back(std::move(entry));
    } else {
      same->site = action.site;
    }
  }
  if (out.size() == first) out.push_back(entry_of(rule, run));
}

std::string value_text(const wire::Held& entry) {
  if (entry.knob.empty()) return "";
  if (std::isnan(entry.value)) return " on " + entry.knob;
  return " holding " + entry.knob + " at " + number_text(entry.value);
}

std::string who_text(const wire::Held& entry) {
  if (entry.kind == wire::HeldKind::kOperator) return entry.name + "'s raise";
  const bool trip = entry.kind == wire::HeldKind::kTrip;
  return "rule " + entry.name + (trip ? ", latched," : ", active,");
}

std::string cause_text(const wire::Held& entry) {
  if (!entry.command.empty()) return "command " + quoted(entry.command, 40);
  return "event " + std::to_string(entry.number) + " of attempt " + std::to_string(entry.attempt);
}

// A rule of the policy is in force again, as it was at the trainer.
void take_rule(MachineState& state, std::size_t index, const wire::Held& entry) {
  const RuleSpec& rule = state.document.rules[index];
  RuleState& run = state.rules[index];
  const bool latches = entry.kind == wire::HeldKind::kTrip && rule.latch;
  const RuleMode mode = latches ? RuleMode::kLatched : RuleMode::kActive;
  if (run.mode < mode) {
    if (run.mode == RuleMode::kQuiet) {
      run.fired = Step{-1};  // where is not known here
      run.fired_at = mark_now(state, run);
      run.at_floor = false;
      run.order = ++state.firings;
      run.quiet_points = 0;
      run.voters.assign(rule.of.size(), 1);  // each stands until good evidence
    }
    run.mode = mode;
    run.because = {entry.command, entry.attempt, entry.number};
  }
  for (std::size_t a = 0; a < rule.sets.size(); ++a) {
    if (knob_spec(state, rule.sets[a].knob).name != entry.knob) continue;
    ControllerState& controller = run.controllers[a];
    controller.output = controller.from = entry.value;
    controller.start = state.step;
    controller.items.clear();
    controller.batch = -1;
  }
}

void keep_entry(MachineState& state, const wire::Held& entry) {
  const auto known = std::find_if(state.trainer_held.begin(), state.trainer_held.end(),
                                  [&](const wire::Held& h) { return wire::same_entry(h, entry); });
  if (known == state.trainer_held.end()) {
    state.trainer_held.push_back(entry);
  } else {
    *known = entry;
  }
}

// What the rules of this policy hold of the entry's knob, on behalf of the entry's own rule.
bool is_held_by_rule(const MachineState& state, std::size_t rule, const wire::Held& entry) {
  if (std::isnan(entry.value)) return true;
  const RuleSpec& spec = state.document.rules[rule];
  const std::int64_t knob = find_knob(state, entry.knob);
  if (knob < 0) return true;
  const wire::Protects protects = state.knobs[static_cast<std::size_t>(knob)].protects;
  for (std::size_t a = 0; a < spec.sets.size(); ++a) {
    if (spec.sets[a].knob != static_cast<std::size_t>(knob)) continue;
    return !run::protects_more(protects, entry.value, output_of(state.rules[rule], spec, a));
  }
  return false;
}

void take_entry(MachineState& state, const wire::Held& entry) {
  const std::int64_t rule = rule_of(state, entry);
  if (rule >= 0) {
    take_rule(state, static_cast<std::size_t>(rule), entry);
    // In shadow mode no rule holds anything at the trainer.
    const bool is_bare = state.document.shadow && !entry.knob.empty() && !std::isnan(entry.value);
    const bool by_rule = is_held_by_rule(state, static_cast<std::size_t>(rule), entry);
    if (is_bare || !by_rule) keep_entry(state, entry);
    return;
  }
  const std::int64_t knob = adopt_knob(state, entry.knob);
  if (knob < 0) return;
  Override& by_hand = state.knobs[static_cast<std::size_t>(knob)].override_;
  if (entry.kind != wire::HeldKind::kOperator || by_hand.active) return keep_entry(state, entry);
  by_hand.active = by_hand.adopted = true;
  by_hand.value = entry.value;
  by_hand.operator_name = entry.name;
  by_hand.reason = "adopted from the trainer";
  by_hand.expires = entry.expires_step;
  by_hand.command = entry.command;
}

// The record ends before what its trainer has seen of it: what it says of lowerings may be old.
std::string end_lowerings(MachineState& state, Seq position) {
  std::string ended;
  for (std::size_t i = 0; i < state.knobs.size(); ++i) {
    Override& by_hand = state.knobs[i].override_;
    if (!by_hand.active || !by_hand.lowering) continue;
    ended += ", " + by_hand.operator_name + "'s lowering of " + knob_spec(state, i).name;
    by_hand = Override{};
  }
  for (std::size_t i = 0; i < state.rules.size(); ++i) {
    Inhibition& inhibited = state.rules[i].inhibited;
    if (inhibited.until.value < 0) continue;
    ended += ", " + inhibited.operator_name + "'s inhibition of " + state.document.rules[i].name;
    inhibited = Inhibition{};
  }
  state.requests_skipped += position.value;  // no id of a lost request is given again
  const std::string text = "the trainer has seen place " + std::to_string(position.value) +
                           " of this record, which it does not hold: it is an older copy";
  return text + (ended.empty() ? "" : "; ended: " + ended.substr(2));
}

}  // namespace

std::vector<wire::Held> held_of(const MachineState& state) {
  std::vector<wire::Held> out;
  const bool shadow = state.document.shadow;
  for (std::size_t i = 0; i < state.rules.size(); ++i) {
    if (!shadow && state.rules[i].mode != RuleMode::kQuiet) add_rule(state, i, out);
  }
  for (std::size_t i = 0; i < state.knobs.size(); ++i) {
    const Override& by_hand = state.knobs[i].override_;
    if (!by_hand.active || by_hand.lowering) continue;
    if (shadow && !is_raised_by_hand(state, i)) continue;
    wire::Held entry;
    entry.kind = wire::HeldKind::kOperator;
    entry.name = by_hand.operator_name;
    entry.knob = knob_spec(state, i).name;
    entry.value = by_hand.value;
    entry.expires_step = by_hand.expires;
    entry.command = by_hand.command;
    out.push_back(std::move(entry));
  }
  out.insert(out.end(), state.trainer_held.begin(), state.trainer_held.end());
  return out;
}

void judge_adoption(const MachineState& state, wire::Held& entry) {
  const auto keep = [&entry](std::string why) {
    entry.outcome = wire::Adoption::kKept;
    entry.detail = std::move(why);
  };
  entry.detail.clear();
  if (entry.knob.empty() || std::isnan(entry.value)) {
    if (rule_of(state, entry) < 0) return keep("the policy has no rule " + quoted(entry.name, 64));
    entry.outcome = wire::Adoption::kAdopted;
    return;
  }
  MachineState with = state;
  const bool may_add = entry.kind == wire::HeldKind::kOperator;
  const std::int64_t index = may_add ? adopt_knob(with, entry.knob) : find_knob(state, entry.knob);
  if (index < 0) return keep("the policy has no knob " + quoted(entry.knob, 64));
  const KnobState& knob = with.knobs[static_cast<std::size_t>(index)];
  if (knob.protects == wire::Protects::kNone) {
    return keep("the knob protects in no direction, so that its exact value is kept");
  }
  if (!(entry.value >= knob.min && entry.value <= knob.max)) {
    return keep("the value is outside the limits " + number_text(knob.min) + " to " +
                number_text(knob.max));
  }
  entry.outcome = wire::Adoption::kAdopted;
}

std::string take_adopted(MachineState& state, const wire::Adopted& adopted,
                         std::vector<wire::Alert>& alerts) {
  std::string summary;
  const auto say = [&](std::string text, wire::AlertSource source) {
    summary += (summary.empty() ? "" : "; ") + text;
    alerts.push_back({wire::Severity::kHigh, std::move(source), std::move(text)});
  };
  if (adopted.position.value >= 0) {
    say(end_lowerings(state, adopted.position), wire::AlertKind::kRecord);
  } else if (!adopted.record.empty()) {
    say("the trainer knew another record, " + quoted(adopted.record, 40) +
            ": what operators lowered or inhibited there is not in force here",
        wire::AlertKind::kRecord);
  }
  for (const wire::Held& entry : adopted.held) {
    const bool is_kept = entry.outcome == wire::Adoption::kKept;
    if (!is_kept && entry.outcome != wire::Adoption::kAdopted) continue;
    if (is_kept) {
      keep_entry(state, entry);
    } else {
      take_entry(state, entry);
    }
    const std::string what =
        who_text(entry) + value_text(entry) + ": this record lacks its cause, " + cause_text(entry);
    const wire::AlertSource source = entry.knob.empty()
                                         ? wire::AlertSource{wire::AlertKind::kRule, entry.name}
                                         : wire::AlertSource{wire::AlertKind::kKnob, entry.knob};
    say(is_kept ? "kept by the trainer: " + what + "; " + entry.detail
                : "adopted from the trainer: " + what,
        source);
  }
  return summary;
}

namespace {

bool is_of_rule(const wire::Held& entry, const std::string& rule) {
  return entry.kind != wire::HeldKind::kOperator && entry.name == rule;
}

// A rule that is in force here and not there was let go by a person, unless news made it fire.
void align_rule(MachineState& state, std::size_t index, const wire::Control& control) {
  RuleState& run = state.rules[index];
  const std::string& name = state.document.rules[index].name;
  bool listed = false;
  for (const wire::Held& entry : control.held) {
    if (!is_of_rule(entry, name)) continue;
    listed = true;
    const bool latched = entry.kind == wire::HeldKind::kTrip;
    if (run.mode < (latched ? RuleMode::kLatched : RuleMode::kActive))
      take_rule(state, index, entry);
  }
  const bool is_news =
      run.because.attempt == state.attempt && run.because.number > control.ack.value;
  if (listed || is_news || run.mode == RuleMode::kQuiet) return;
  reset_rule(state, index);
}

// An operator's raise by its own value: the setting has the policy's where that is larger, or the
// mean of what both give each sample.
bool align_raise(Override& by_hand, const std::string& knob, const std::vector<wire::Held>& held) {
  const auto raise = std::find_if(held.begin(), held.end(), [&](const wire::Held& entry) {
    return entry.knob == knob && entry.kind == wire::HeldKind::kOperator && entry.outcome.empty();
  });
  if (raise == held.end()) return false;
  by_hand = Override{};
  by_hand.active = true;
  by_hand.value = raise->value;
  by_hand.operator_name = raise->name;
  by_hand.expires = raise->expires_step;
  by_hand.command = raise->command;
  return true;
}

void align_override(MachineState& state, const wire::KnobSetting& setting,
                    const std::vector<wire::Held>& held) {
  const std::int64_t index = find_knob(state, setting.knob);
  if (index < 0) return;
  Override& by_hand = state.knobs[static_cast<std::size_t>(index)].override_;
  if (align_raise(by_hand, setting.knob, held)) return;
  const bool lowered = setting.expires_step.value >= 0;
  const bool by_operator = setting.cause.is(wire::CauseKind::kOperator);
  // The policy itself asks for less than an operator's lowering allows, so that the setting does
  // not name its value: the one that was told before stands.
  if (lowered && !by_operator && by_hand.active && by_hand.lowering) {
    by_hand.expires = setting.expires_step;
    return;
  }
  by_hand = Override{};
  if (!by_operator) return;
  by_hand.active = true;
  by_hand.lowering = lowered;
  by_hand.value = setting.value;
  by_hand.operator_name = setting.cause.name();
  by_hand.expires = setting.expires_step;
}

}  // namespace

void align_with(MachineState& state, const wire::Control& control) {
  for (std::size_t i = 0; i < state.rules.size(); ++i) {
    align_rule(state, i, control);
    // Steps of another segment say nothing here: what is known of its end was rebased.
    if (control.segment != state.segment) continue;
    const std::string& name = state.document.rules[i].name;
    const auto told = std::find_if(control.inhibited.begin(), control.inhibited.end(),
                                   [&](const wire::Inhibited& in) { return in.rule == name; });
    const bool is_inhibited = told != control.inhibited.end();
    state.rules[i].inhibited = is_inhibited ? Inhibition{told->until_step, "", ""} : Inhibition{};
  }
  if (control.segment == state.segment) {
    for (const wire::KnobSetting& setting : control.knobs)
      align_override(state, setting, control.held);
  }
  std::vector<wire::KnobSetting> ignored;
  move_knobs(state, state.step, state.decisions, ignored);
}

const wire::Held* floor_of(const MachineState& state, std::size_t knob) {
  const wire::Held* best = nullptr;
  if (state.trainer_held.empty()) return best;
  const std::string& name = knob_spec(state, knob).name;
  for (const wire::Held& entry : state.trainer_held) {
    if (entry.knob != name || entry.outcome != wire::Adoption::kAdopted) continue;
    if (std::isnan(entry.value)) continue;
    if (!best || run::protects_more(state.knobs[knob].protects, entry.value, best->value)) {
      best = &entry;
    }
  }
  return best;
}

bool rests_on_trainer(const MachineState& state, const std::string& knob) {
  const std::int64_t index = find_knob(state, knob);
  if (index >= 0 && state.knobs[static_cast<std::size_t>(index)].override_.adopted) return true;
  return std::any_of(state.trainer_held.begin(), state.trainer_held.end(),
                     [&](const wire::Held& entry) { return entry.knob == knob; });
}

void let_go(MachineState& state, const std::string& knob) {
  std::vector<wire::Held>& held = state.trainer_held;
  held.erase(std::remove_if(held.begin(), held.end(),
                            [&](const wire::Held& entry) { return entry.knob == knob; }),
             held.end());
  const std::int64_t index = find_knob(state, knob);
  if (index < 0) return;
  Override& by_hand = state.knobs[static_cast<std::size_t>(index)].override_;
  if (by_hand.adopted) by_hand = Override{};
}

}  // namespace phaseguard::policy
