#include "monitor/run/rule_text.h"

namespace phaseguard::run {

std::string rule_text(const wire::RuleEvidence& rule) {
  const auto phase = rule.phase.known();
  if (!phase) return rule.phase.empty() ? rule.state.text() : rule.phase.text();
  switch (*phase) {
    case wire::RulePhase::kWarmingUp:
      return "warming up";
    case wire::RulePhase::kArmed:
      return "armed";
    case wire::RulePhase::kStreak:
      return "streak " + std::to_string(rule.streak) + " of " + std::to_string(rule.streak_needed);
    case wire::RulePhase::kActive:
      return "active";
    case wire::RulePhase::kLatched:
      return "latched";
    case wire::RulePhase::kDisarmed:
      return "disarmed until its condition clears";
    case wire::RulePhase::kInhibited:
      return "inhibited until step " + std::to_string(rule.until_step.value);
    case wire::RulePhase::kOrphaned:
      return "orphaned: its signals are no longer declared";
  }
  return rule.phase.text();
}

}  // namespace phaseguard::run
