#include "monitor/dashboard/model/control/by_hand.h"

#include <algorithm>

#include "monitor/dashboard/model/describe.h"

namespace phaseguard::dashboard {
namespace {

using CommandEntry = run::Entry<wire::Command>;

// A decision answers every command that was accepted and changed something.
bool took_effect(const run::RunState& state, const CommandEntry& command) {
  const auto& decisions = state.decisions.entries;
  if (state.decisions.dropped > 0) return true;  // not known any more
  return std::any_of(decisions.rbegin(), decisions.rend(),
                     [&](const auto& decision) { return decision.body.because == command.seq; });
}

template <class Wanted>
const CommandEntry* newest(const run::RunState& state, const Wanted& wanted) {
  const auto& all = state.commands.entries;
  const auto found = std::find_if(all.rbegin(), all.rend(), [&](const CommandEntry& entry) {
    return wanted(entry.body) && took_effect(state, entry);
  });
  return found == all.rend() ? nullptr : &*found;
}

ByHand held_by(const CommandEntry* command, ByHand held) {
  if (command == nullptr) return held;
  const wire::Command& c = command->body;
  held.by = one_line(c.operator_name, 40);
  held.reason = c.reason;
  held.since = command->step;
  if (c.expires_after_steps > 0) held.until = Step{command->step.value + c.expires_after_steps};
  held.value = c.value;
  return held;
}

}  // namespace

ByHand force_of(const run::RunState& state, const std::string& knob) {
  ByHand held;
  held.name = knob;
  return held_by(newest(state,
                        [&](const wire::Command& c) {
                          return c.action == wire::Action::kForce && c.knob == knob;
                        }),
                 held);
}

ByHand inhibition_of(const run::RunState& state, const std::string& rule) {
  ByHand held;
  held.is_rule = true;
  held.name = rule;
  return held_by(newest(state,
                        [&](const wire::Command& c) {
                          return c.action == wire::Action::kInhibit && c.rule == rule;
                        }),
                 held);
}

std::vector<ByHand> inhibitions(const run::RunState& state) {
  std::vector<ByHand> out;
  for (const wire::RuleEvidence& rule : state.rules) {
    const bool now = rule.phase == wire::RulePhase::kInhibited;
    const bool then = rule.phase.empty() && rule.state == wire::RuleState::kInhibited;
    if (!now && !then) continue;
    out.push_back(inhibition_of(state, rule.rule));
    if (rule.until_step >= Step{0}) out.back().until = rule.until_step;
  }
  return out;
}

std::string text_of(const ByHand& held) {
  std::string text = held.is_rule ? "rule " + one_line(held.name, 40) + " inhibited"
                                  : one_line(held.name, 40) + " " + short_number(held.value);
  if (!held.by.empty()) text += " by " + held.by;
  text +=
      held.until >= Step{0} ? " until step " + std::to_string(held.until.value) : " until released";
  return held.reason.empty() ? text : text + ": " + one_line(held.reason, 120);
}

}  // namespace phaseguard::dashboard
