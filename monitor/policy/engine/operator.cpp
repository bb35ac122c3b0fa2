#include "monitor/policy/engine/operator.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "monitor/base/text.h"
#include "monitor/policy/engine/arbiter.h"
#include "monitor/policy/engine/held/held.h"
#include "monitor/policy/engine/held/shadow.h"
#include "monitor/policy/engine/knobs.h"
#include "monitor/policy/engine/rule.h"
#include "monitor/run/protection.h"

namespace phaseguard::policy {

namespace {

// Saturates: a trainer may report any step.
Step later(Step now, std::int64_t steps) {
  std::int64_t sum = 0;
  const bool over = __builtin_add_overflow(now.value, steps, &sum);
  return Step{over ? std::numeric_limits<std::int64_t>::max() : sum};
}

constexpr std::int64_t kMaxExpirySteps = 1000000000000;

Verdict refused(std::string text) { return {wire::ReplyStatus::kRefused, std::move(text)}; }

std::int64_t find_rule(const MachineState& state, const std::string& name) {
  const std::vector<RuleSpec>& rules = state.document.rules;
  for (std::size_t i = 0; i < rules.size(); ++i) {
    if (rules[i].name == name) return static_cast<std::int64_t>(i);
  }
  return -1;
}

Verdict unknown_rule(const MachineState& state, const std::string& name) {
  std::string known;
  for (const RuleSpec& rule : state.document.rules) {
    known += (known.empty() ? "" : ", ") + rule.name;
  }
  return refused("expected one of the policy's rules (" + known + "), found " + quoted(name, 80));
}

// "" when the compare-and-set holds, else why not.
Verdict check_version(const MachineState& state, const wire::Command& command, const char* what) {
  const std::string now = std::to_string(state.version);
  if (command.expected_version < 0) {
    return refused(std::string(what) +
                   " needs expected_version, the state_version you decided on; "
                   "it is " +
                   now + " now");
  }
  if (command.expected_version < state.steady_version || command.expected_version > state.version) {
    return {wire::ReplyStatus::kConflict,
            "expected state_version " + std::to_string(command.expected_version) + ", found " +
                now + ": something changed meanwhile; look again"};
  }
  return {wire::ReplyStatus::kLogged, ""};
}

std::string until(const wire::Command& command, Step now) {
  if (command.expires_after_steps == 0) return " until released";
  return " until step " + std::to_string(later(now, command.expires_after_steps).value);
}

// Where a value lies that protects less than another.
std::string side_of(wire::Protects protects) {
  switch (protects) {
    case wire::Protects::kUp:
      return "below";
    case wire::Protects::kDown:
      return "above";
    case wire::Protects::kNone:
      break;
  }
  return "away from";
}

const char* limits_text(wire::LimitBy limit_by) {
  switch (limit_by) {
    case wire::LimitBy::kPolicy:
      return "the policy's limits";
    case wire::LimitBy::kTrainer:
      return "the limits that the trainer declares";
    case wire::LimitBy::kBoth:
      break;
  }
  return "the limits of the policy and of the trainer together";
}

Verdict held_for_trainer(const wire::Command& command, const wire::Held& floor) {
  return refused(command.knob + " is held at " + number_text(floor.value) + " on behalf of " +
                 quoted(floor.name, 64) +
                 ", adopted from the trainer; reset what was adopted for " + command.knob +
                 " before lowering to " + number_text(command.value));
}

Verdict judge_lowering(const MachineState& state, const wire::Command& command, std::size_t knob,
                       Step now) {
  const wire::Protects protects = state.knobs[knob].protects;
  const double by_policy = automatic(state, knob).value;
  const bool below_policy = run::is_lowering(protects, by_policy, command.value);
  const std::string below = side_of(protects) + " the policy's " + number_text(by_policy);
  const std::string value = number_text(command.value);
  if (below_policy) {
    const Wanted trip = tripped(state, knob);
    if (trip.cause == MovedBy::kRule && run::is_lowering(protects, trip.value, command.value)) {
      const std::string& rule = state.document.rules[static_cast<std::size_t>(trip.rule)].name;
      return refused("rule:" + rule + " is latched and holds " + command.knob + " at " +
                     number_text(trip.value) + "; reset it before lowering to " + value);
    }
    const wire::Held* floor = floor_of(state, knob);
    if (floor != nullptr && run::is_lowering(protects, floor->value, command.value)) {
      return held_for_trainer(command, *floor);
    }
    if (command.reason.empty()) {
      return refused("lowering " + command.knob + " to " + value + ", " + below +
                     ", needs a reason");
    }
    if (command.expires_after_steps == 0) {
      return refused("lowering " + command.knob + " " + below +
                     " needs expires_after_steps above 0");
    }
  }
  Verdict verdict = check_version(state, command, "lowering a knob");
  if (verdict.status != wire::ReplyStatus::kLogged) return verdict;
  verdict.text = command.knob + " is lowered to " + value + until(command, now);
  return verdict;
}

// No rule is asked: nothing of theirs is in force.
Verdict judge_force_in_shadow(const MachineState& state, const wire::Command& command,
                              std::size_t knob, Step now) {
  const wire::Protects protects = state.knobs[knob].protects;
  const std::string value = number_text(command.value);
  const wire::Held* floor = floor_of(state, knob);
  if (floor != nullptr && run::is_lowering(protects, floor->value, command.value)) {
    return held_for_trainer(command, *floor);
  }
  const double rest = at_rest(state, knob);
  if (run::is_lowering(protects, rest, command.value)) {
    return refused("not possible: in shadow mode " + command.knob + " goes not " +
                   side_of(protects) + " its initial " + number_text(rest) + "; found " + value);
  }
  if (!run::is_lowering(protects, in_force(state, knob), command.value)) {
    return {wire::ReplyStatus::kLogged, command.knob + " is forced to " + value +
                                            until(command, now) +
                                            "; the run, in shadow mode, counts as intervened"};
  }
  Verdict verdict = check_version(state, command, "lowering a knob");
  if (verdict.status != wire::ReplyStatus::kLogged) return verdict;
  verdict.text = command.knob + " is lowered to " + value + until(command, now);
  return verdict;
}

Verdict unknown_knob(const MachineState& state, const std::string& name) {
  return refused("expected one of the run's knobs (" + names_of_knobs(state) + "), found " +
                 quoted(name, 80));
}

Verdict judge_force(const MachineState& state, const wire::Command& command, Step now) {
  const std::int64_t index = find_knob(state, command.knob);
  if (index < 0) {
    MachineState with = state;
    if (adopt_knob(with, command.knob) < 0) return unknown_knob(state, command.knob);
    return judge_force(with, command, now);
  }
  const auto at = static_cast<std::size_t>(index);
  const KnobState& knob = state.knobs[at];
  if (!std::isfinite(command.value) || command.value < knob.min || command.value > knob.max) {
    return refused("expected a value of " + command.knob + " from " + number_text(knob.min) +
                   " to " + number_text(knob.max) + " (" + limits_text(knob.limit_by) +
                   "), found " + number_text(command.value));
  }
  if (command.expires_after_steps < 0 || command.expires_after_steps > kMaxExpirySteps) {
    return refused("expected expires_after_steps from 0 (until released) to 1e12, found " +
                   std::to_string(command.expires_after_steps));
  }
  if (is_judged_in_shadow(state, at)) return judge_force_in_shadow(state, command, at, now);
  const bool lowers = run::is_lowering(knob.protects, knob.target, command.value) ||
                      run::is_lowering(knob.protects, knob.value, command.value) ||
                      run::is_lowering(knob.protects, automatic(state, at).value, command.value);
  if (lowers) {
    return judge_lowering(state, command, at, now);
  }
  return {wire::ReplyStatus::kLogged,
          command.knob + " is forced to " + number_text(command.value) + until(command, now)};
}

Verdict judge_release(const MachineState& state, const wire::Command& command) {
  const std::int64_t index = find_knob(state, command.knob);
  if (index < 0) {
    MachineState with = state;
    if (adopt_knob(with, command.knob) < 0) return unknown_knob(state, command.knob);
    return judge_release(with, command);
  }
  const auto at = static_cast<std::size_t>(index);
  const Override& by_hand = state.knobs[at].override_;
  if (!by_hand.active) return refused("nothing to release: " + command.knob + " is not forced");
  const bool shadow = is_judged_in_shadow(state, at);
  const double automatically = shadow ? at_rest(state, at) : automatic(state, at).value;
  const double now = shadow ? in_force(state, at) : state.knobs[at].target;
  if (run::is_lowering(state.knobs[at].protects, now, automatically)) {
    Verdict verdict = check_version(state, command, "a release that lowers the knob");
    if (verdict.status != wire::ReplyStatus::kLogged) return verdict;
  }
  const std::string to = shadow ? " goes back to its " : " goes back to the policy, which sets ";
  return {wire::ReplyStatus::kLogged, command.knob + to + number_text(automatically)};
}

Verdict judge_let_go(const MachineState& state, const wire::Command& command) {
  if (!rests_on_trainer(state, command.knob)) {
    return refused("nothing to reset: nothing of " + quoted(command.knob, 64) +
                   " was adopted from the trainer or is kept by it");
  }
  if (command.reason.empty()) {
    return refused("resetting what was adopted for " + command.knob + " needs a reason");
  }
  Verdict verdict = check_version(state, command, "resetting what was adopted");
  if (verdict.status != wire::ReplyStatus::kLogged) return verdict;
  verdict.text = "what was adopted from the trainer for " + command.knob + " is let go";
  return verdict;
}

Verdict judge_reset(const MachineState& state, const wire::Command& command) {
  if (command.rule.empty() && !command.knob.empty()) return judge_let_go(state, command);
  const std::int64_t index = find_rule(state, command.rule);
  if (index < 0) return unknown_rule(state, command.rule);
  const auto at = static_cast<std::size_t>(index);
  if (state.rules[at].mode != RuleMode::kLatched) {
    return refused("nothing to reset: rule " + command.rule + " is not latched");
  }
  if (command.reason.empty()) return refused("resetting " + command.rule + " needs a reason");
  Verdict verdict = check_version(state, command, "resetting a latch");
  if (verdict.status != wire::ReplyStatus::kLogged) return verdict;
  const RuleSpec& rule = state.document.rules[at];
  const std::int64_t votes = count_votes(state, rule);
  verdict.text = "the latch of " + command.rule + " is cleared";
  if (votes >= rule.needed) {
    verdict.text += "; its condition still holds (" + std::to_string(votes) + " votes of " +
                    std::to_string(rule.needed) +
                    " needed), so it fires again only after that "
                    "has not held once";
  }
  return verdict;
}

// Inhibiting a rule lowers what defends the run, and is judged like lowering a knob.
Verdict judge_inhibit(const MachineState& state, const wire::Command& command, Step now) {
  const std::int64_t index = find_rule(state, command.rule);
  if (index < 0) return unknown_rule(state, command.rule);
  if (state.rules[static_cast<std::size_t>(index)].mode == RuleMode::kLatched) {
    return refused("rule " + command.rule + " is latched; reset it before inhibiting it");
  }
  if (command.reason.empty()) return refused("inhibiting " + command.rule + " needs a reason");
  if (command.expires_after_steps < 1 || command.expires_after_steps > kMaxExpirySteps) {
    return refused("inhibiting " + command.rule +
                   " needs expires_after_steps from 1 to 1e12, found " +
                   std::to_string(command.expires_after_steps));
  }
  Verdict verdict = check_version(state, command, "inhibiting a rule");
  if (verdict.status != wire::ReplyStatus::kLogged) return verdict;
  verdict.text = "rule " + command.rule + " is inhibited" + until(command, now);
  return verdict;
}

Verdict judge_allow(const MachineState& state, const wire::Command& command) {
  const std::int64_t index = find_rule(state, command.rule);
  if (index < 0) return unknown_rule(state, command.rule);
  if (state.rules[static_cast<std::size_t>(index)].inhibited.until.value < 0) {
    return refused("nothing to allow: rule " + command.rule + " is not inhibited");
  }
  return {wire::ReplyStatus::kLogged, "rule " + command.rule + " may fire again"};
}

// Takes effect in the daemon (run_slot.h): it concerns who may train, no knob.
Verdict judge_allow_resume(const wire::Command& command) {
  if (command.reason.empty()) return refused("expected a reason, found none");
  return {wire::ReplyStatus::kLogged, "the next process that resumes this run is let in"};
}

const Verdict* answered(const MachineState& state, const std::string& id) {
  for (const HandledCommand& handled : state.commands) {
    if (handled.id == id) return &handled.verdict;
  }
  return nullptr;
}

std::string apply_force(MachineState& state, const wire::Command& command) {
  const auto at = static_cast<std::size_t>(adopt_knob(state, command.knob));
  Override& by_hand = state.knobs[at].override_;
  by_hand.active = true;
  by_hand.value = command.value;
  const bool shadow = is_judged_in_shadow(state, at);
  const double without = shadow ? at_rest(state, at) : automatic(state, at).value;
  by_hand.lowering = run::is_lowering(state.knobs[at].protects, without, command.value);
  by_hand.operator_name = command.operator_name;
  by_hand.reason = command.reason;
  by_hand.command = command.id;
  by_hand.adopted = false;
  by_hand.expires =
      command.expires_after_steps > 0 ? later(state.step, command.expires_after_steps) : Step{-1};
  return command.operator_name + (by_hand.lowering ? " lowered " : " forced ") + command.knob +
         " to " + number_text(command.value) + until(command, state.step);
}

std::string apply_inhibit(MachineState& state, const wire::Command& command) {
  const auto at = static_cast<std::size_t>(find_rule(state, command.rule));
  silence_rule(state, at);
  state.rules[at].inhibited = {later(state.step, command.expires_after_steps),
                               command.operator_name, command.reason};
  return command.operator_name + " inhibited " + command.rule + until(command, state.step);
}

std::string apply(MachineState& state, const wire::Command& command) {
  const auto action = command.action.known();
  if (!action) return "";
  const auto rule = static_cast<std::size_t>(find_rule(state, command.rule));
  switch (*action) {
    case wire::Action::kForce:
      return apply_force(state, command);
    case wire::Action::kInhibit:
      return apply_inhibit(state, command);
    case wire::Action::kRelease:
      state.knobs[static_cast<std::size_t>(find_knob(state, command.knob))].override_ = Override{};
      return command.operator_name + " released " + command.knob;
    case wire::Action::kAllow:
      state.rules[rule].inhibited = Inhibition{};
      return command.operator_name + " allowed " + command.rule;
    case wire::Action::kReset:
      if (command.rule.empty()) {
        let_go(state, command.knob);
        return command.operator_name + " reset what was adopted for " + command.knob;
      }
      reset_rule(state, rule);
      return command.operator_name + " reset " + command.rule;
    case wire::Action::kAllowResume:
      return command.operator_name + " allowed the next resume";
  }
  return "";
}

}  // namespace

Verdict judge_command(const MachineState& state, const wire::Command& command, Step now) {
  if (command.id.empty()) return refused("expected an id of the command, found none");
  if (const Verdict* before = answered(state, command.id)) return *before;
  const Step at = std::max(now, state.step);
  if (const auto action = command.action.known()) {
    switch (*action) {
      case wire::Action::kForce:
        return judge_force(state, command, at);
      case wire::Action::kRelease:
        return judge_release(state, command);
      case wire::Action::kReset:
        return judge_reset(state, command);
      case wire::Action::kInhibit:
        return judge_inhibit(state, command, at);
      case wire::Action::kAllow:
        return judge_allow(state, command);
      case wire::Action::kAllowResume:
        return judge_allow_resume(command);
    }
  }
  return refused("expected the action " + wire::list_of_words<wire::Action>(" or ") + ", found " +
                 quoted(command.action.text(), 80));
}

std::string take_command(MachineState& state, const wire::Command& command) {
  if (command.id.empty() || answered(state, command.id) != nullptr) return "";
  const Verdict verdict = judge_command(state, command, state.step);
  state.commands.push_back({command.id, verdict});
  if (state.commands.size() > kMaxCommands) state.commands.erase(state.commands.begin());
  if (verdict.status != wire::ReplyStatus::kLogged) return "";
  const std::string why = command.reason.empty() ? "" : ": " + quoted(command.reason);
  return apply(state, command) + why;
}

}  // namespace phaseguard::policy
