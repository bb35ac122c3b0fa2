#include "monitor/policy/engine/phase.h"

#include <algorithm>
#include <cmath>

#include "monitor/policy/engine/rule.h"

namespace phaseguard::policy {

namespace {

bool is_declared(const MachineState& state, const Term& term) {
  return term.is_rule || state.track_of[term.index] >= 0;
}

bool is_warm(const MachineState& state, const Term& term) {
  if (term.is_rule) return true;
  const DetectorSpec& spec = state.document.detectors[term.index];
  const DetectorState& detector = state.detectors[term.index];
  if (spec.warmup > 0 && detector.n <= spec.warmup) return false;
  // A law over windows has nothing to compare until they are full.
  return detector.n == 0 || detector.quality != Quality::kGood || !std::isnan(detector.statistic);
}

// Fewer of its terms than it needs can vote at all.
template <class Can>
bool lacks_terms(const RuleSpec& rule, Can can) {
  return std::count_if(rule.of.begin(), rule.of.end(), can) < rule.needed;
}

bool is_warming_up(const MachineState& state, const RuleSpec& rule) {
  return state.step < rule.from_step ||
         lacks_terms(rule, [&](const Term& term) { return is_warm(state, term); });
}

struct Streak {
  std::int64_t n = 0;
  std::int64_t needed = 0;
};

// The longest of its detectors' unfinished streaks by share, or the rule's own count of
// measurements at which its condition held.
Streak streak_of(const MachineState& state, const RuleSpec& rule, const RuleState& run) {
  if (rule.for_points > 1 && run.held_points > 0) return {run.held_points, rule.for_points};
  Streak best;
  for (const Term& term : rule.of) {
    if (term.is_rule || rule.gate == Gate::kNot) continue;
    const std::int64_t needed = state.document.detectors[term.index].consecutive;
    const std::int64_t n = state.detectors[term.index].streak;
    if (n > 0 && n < needed && n * std::max<std::int64_t>(best.needed, 1) >= best.n * needed) {
      best = {n, needed};
    }
  }
  return best;
}

}  // namespace

void add_phase(const MachineState& state, std::size_t index, wire::RuleEvidence& evidence) {
  const RuleSpec& rule = state.document.rules[index];
  const RuleState& run = state.rules[index];
  if (run.mode == RuleMode::kLatched) {
    evidence.phase = wire::RulePhase::kLatched;
  } else if (run.mode == RuleMode::kActive) {
    evidence.phase = wire::RulePhase::kActive;
  } else if (run.inhibited.until.value >= 0) {
    evidence.phase = wire::RulePhase::kInhibited;
    evidence.until_step = run.inhibited.until;
  } else if (lacks_terms(rule, [&](const Term& term) { return is_declared(state, term); })) {
    evidence.phase = wire::RulePhase::kOrphaned;
  } else if (!run.armed) {
    evidence.phase = wire::RulePhase::kDisarmed;
  } else if (is_warming_up(state, rule)) {
    evidence.phase = wire::RulePhase::kWarmingUp;
  } else if (const Streak streak = streak_of(state, rule, run); streak.n > 0) {
    evidence.phase = wire::RulePhase::kStreak;
    evidence.streak = streak.n;
    evidence.streak_needed = streak.needed;
  } else {
    evidence.phase = wire::RulePhase::kArmed;
  }
}

}  // namespace phaseguard::policy
