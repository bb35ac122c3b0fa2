// A rule in each state there is, with the words that every view shows for it, and one in a state
// that only a newer daemon knows.
#pragma once

#include <string>
#include <vector>

#include "monitor/wire/messages.h"

namespace phaseguard::test {

struct RuleInState {
  wire::RuleEvidence rule;
  std::string text;
};

inline std::string text_of_phase(wire::RulePhase phase) {
  switch (phase) {
    case wire::RulePhase::kWarmingUp:
      return "warming up";
    case wire::RulePhase::kArmed:
      return "armed";
    case wire::RulePhase::kStreak:
      return "streak 1 of 3";
    case wire::RulePhase::kActive:
      return "active";
    case wire::RulePhase::kLatched:
      return "latched";
    case wire::RulePhase::kDisarmed:
      return "disarmed until its condition clears";
    case wire::RulePhase::kInhibited:
      return "inhibited until step 40";
    case wire::RulePhase::kOrphaned:
      return "orphaned: its signals are no longer declared";
  }
  return "";
}

inline wire::RuleState recorded_state(wire::RulePhase phase) {
  if (phase == wire::RulePhase::kLatched) return wire::RuleState::kLatched;
  return phase == wire::RulePhase::kActive ? wire::RuleState::kActive : wire::RuleState::kQuiet;
}

inline std::vector<RuleInState> rules_in_every_state() {
  std::vector<RuleInState> out;
  for (const std::string_view word : wire::Words<wire::RulePhase>::kTexts) {
    const wire::RulePhase phase = *wire::word_of<wire::RulePhase>(word);
    wire::RuleEvidence rule;
    rule.rule = "rule-" + std::string(word);
    rule.state = recorded_state(phase);
    rule.of = rule.needed = 1;
    rule.phase = phase;
    if (phase == wire::RulePhase::kInhibited) rule.until_step = Step{40};
    if (phase == wire::RulePhase::kStreak) {
      rule.streak = 1;
      rule.streak_needed = 3;
    }
    out.push_back({rule, text_of_phase(phase)});
  }
  wire::RuleEvidence newer;
  newer.rule = "rule-newer";
  newer.state = wire::RuleState::kQuiet;
  newer.phase = wire::Word<wire::RulePhase>::from("dreaming");
  out.push_back({newer, "dreaming"});
  return out;
}

}  // namespace phaseguard::test
