#include "monitor/policy/rule.h"

#include <algorithm>

#include "monitor/policy/tracker.h"

namespace phaseguard::policy {

namespace {

bool votes(const MachineState& state, const Term& term) {
  if (term.is_rule) return state.rules[term.index].mode != RuleMode::kQuiet;
  return is_voting(state.document.detectors[term.index], state.detectors[term.index]);
}

// Evidence that it does not vote.
bool is_calm(const MachineState& state, const Term& term) {
  return term.is_rule || is_calm(state.detectors[term.index]);
}

// Votes, with those that were cast since the rule fired and not yet taken back by evidence.
std::int64_t standing_votes(const MachineState& state, const RuleSpec& rule, RuleState& run) {
  run.voters.resize(rule.of.size(), 0);
  std::int64_t count = 0;
  for (std::size_t i = 0; i < rule.of.size(); ++i) {
    const bool now = votes(state, rule.of[i]);
    if (now) run.voters[i] = 1;
    if (now || (run.voters[i] != 0 && !is_calm(state, rule.of[i]))) ++count;
  }
  return count;
}

}  // namespace

std::int64_t count_votes(const MachineState& state, const RuleSpec& rule) {
  return std::count_if(rule.of.begin(), rule.of.end(),
                       [&](const Term& term) { return votes(state, term); });
}

Step earliest_step_of(const MachineState& state, const RuleSpec& rule) {
  std::vector<std::int64_t> steps;
  for (const Term& term : rule.of) {
    const Step earliest = term.is_rule ? earliest_step_of(state, state.document.rules[term.index])
                                       : earliest_step_of(state, term.index);
    if (earliest.value < 0) return earliest;
    steps.push_back(earliest.value);
  }
  std::sort(steps.begin(), steps.end());
  const auto needed = static_cast<std::size_t>(rule.needed);
  return needed >= 1 && needed <= steps.size() ? Step{steps[needed - 1]} : Step{-1};
}

RuleChange run_rule(MachineState& state, std::size_t index, Step step) {
  const RuleSpec& rule = state.document.rules[index];
  RuleState& run = state.rules[index];
  if (run.mode == RuleMode::kLatched) return RuleChange::kNone;
  if (run.mode == RuleMode::kActive) {
    if (standing_votes(state, rule, run) >= rule.needed) return RuleChange::kNone;
    run.mode = RuleMode::kQuiet;
    run.voters.clear();
    return RuleChange::kQuiet;
  }
  const bool holds = count_votes(state, rule) >= rule.needed;
  if (!holds) run.armed = true;
  if (!holds || !run.armed) return RuleChange::kNone;
  run.mode = rule.latch ? RuleMode::kLatched : RuleMode::kActive;
  run.fired = step;
  run.at_floor = step == earliest_step_of(state, rule);
  run.order = ++state.firings;
  standing_votes(state, rule, run);
  return RuleChange::kFired;
}

void reset_rule(MachineState& state, std::size_t index) {
  RuleState& run = state.rules[index];
  run.mode = RuleMode::kQuiet;
  run.voters.clear();
  const RuleSpec& rule = state.document.rules[index];
  run.armed = count_votes(state, rule) < rule.needed;
}

std::int64_t first_out_of(const MachineState& state) {
  std::int64_t first = -1;
  for (std::size_t i = 0; i < state.rules.size(); ++i) {
    if (state.rules[i].mode != RuleMode::kLatched) continue;
    if (first < 0 || state.rules[i].order < state.rules[static_cast<std::size_t>(first)].order) {
      first = static_cast<std::int64_t>(i);
    }
  }
  return first;
}

Step newest_quiet_step(const MachineState& state, const RuleSpec& rule) {
  Step newest = state.step;
  for (const Term& term : rule.of) {
    if (term.is_rule) {
      newest = std::min(newest, newest_quiet_step(state, state.document.rules[term.index]));
      continue;
    }
    const DetectorState& detector = state.detectors[term.index];
    if (is_raised(detector)) newest = std::min(newest, std::max(detector.quiet_step, Step{0}));
  }
  return newest;
}

}  // namespace phaseguard::policy
