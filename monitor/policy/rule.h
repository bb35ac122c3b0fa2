// Rules: a count of votes against a number needed (never an OR of booleans), a latch, first-out.
// Plain functions on plain state; private to the policy room but for its tests.
#pragma once

#include <string>
#include <vector>

#include "monitor/policy/machine_state.h"

namespace phaseguard::policy {

// Detectors of the rule whose condition holds now.
[[nodiscard]] std::int64_t count_votes(const MachineState& state, const RuleSpec& rule);

// First step at which the rule can fire: the needed-th smallest of its detectors' earliest steps;
// -1: not known for one of them.
[[nodiscard]] Step earliest_step_of(const MachineState& state, const RuleSpec& rule);

enum class RuleChange { kNone, kFired, kQuiet };

// Runs rule `index` after an event of `step`. A rule without latch becomes quiet only on evidence:
// each detector that voted since it fired counts as voting until a GOOD measurement shows it below
// its threshold, so that neither lost data nor a new attempt lowers a knob.
RuleChange run_rule(MachineState& state, std::size_t index, Step step);

// Clears a latch. While the condition still holds the rule is left disarmed: it fires again after
// its condition has not held once.
void reset_rule(MachineState& state, std::size_t index);

// The latched rule that fired first, in order of events and, within one, of the file; -1: none.
[[nodiscard]] std::int64_t first_out_of(const MachineState& state);

// Newest measured step at which every detector of the rule that is above its threshold now was
// still quiet; 0 when there is none: the reference itself.
[[nodiscard]] Step newest_quiet_step(const MachineState& state, const RuleSpec& rule);

}  // namespace phaseguard::policy
