// Rules: a count of votes against a number needed (never an OR of booleans), a latch or a release,
// first-out. Plain functions on plain state; private to the policy room but for its tests.
//
// A condition is looked at once per event. "A new measurement" of a rule is an event that brought a
// measurement (BAD and MISSING ones included) of a series that one of its terms looks at, terms of
// its rule terms included.
#pragma once

#include <string>
#include <vector>

#include "monitor/policy/engine/machine_state.h"

namespace phaseguard::policy {

// Terms of the rule that vote now: detectors whose condition holds, rules in force. Of `not`: terms
// that are known not to, on evidence. Of a count those of one group are one. Its condition holds
// when that is `needed` or more.
[[nodiscard]] std::int64_t count_votes(const MachineState& state, const RuleSpec& rule);

enum class RuleChange { kNone, kFired, kQuiet };

// Runs rule `index` after an event of `step`; rules are run in Document::rule_order.
//
// It fires when its condition holds, has held at for_points new measurements in a row and for the
// span `for`, at or after from_step, not before `cooldown` is over, and while no operator inhibits
// it. A rule without latch becomes quiet only on evidence: each detector that voted since it fired
// counts as voting unless its newest measurement is GOOD and below its threshold, so that neither
// lost data nor a new attempt lowers a knob; then after release_points new measurements in a row
// without the condition, and not before `hold` is over. Spans are over when as much has gone by,
// not more.
RuleChange run_rule(MachineState& state, std::size_t index, Step step);

// Whether running it can change anything: a term was measured, or time can matter.
[[nodiscard]] bool is_due(const MachineState& state, std::size_t index);

// Clears a latch. While the condition still holds the rule is left disarmed: it fires again after
// its condition has not held once.
void reset_rule(MachineState& state, std::size_t index);

// Makes an active rule quiet at once: it is inhibited.
void silence_rule(MachineState& state, std::size_t index);

// An operator's inhibition is all that keeps its condition, which holds now, from counting.
[[nodiscard]] bool is_suppressed(const MachineState& state, std::size_t index);

// The latched rule that fired first, in order of events and, within one, of running; -1: none.
[[nodiscard]] std::int64_t first_out_of(const MachineState& state);

// Newest measured step at which every detector of the rule that is above its threshold now was
// still quiet; 0 when there is none: the reference itself.
[[nodiscard]] Step newest_quiet_step(const MachineState& state, std::size_t index);

// Marks: when something began, and whether `span` has gone by since.
[[nodiscard]] Mark mark_now(const MachineState& state, const RuleState& rule);
[[nodiscard]] bool is_over(const MachineState& state, const RuleState& rule, const Mark& since,
                           const Span& span);

// Fills in MachineState::rule_index: after restart_signals, and after a snapshot was read. The
// earliest step at which a rule can fire is the needed-th smallest of its terms' earliest steps,
// put off by from_step, for_points and `for`.
void index_rules(MachineState& state);

// A new attempt (`clock_restarts`: its clock is another one) or segment goes on from `start`. To be
// called before the state's step and clock are set to it: what has gone by of holds, cooldowns and
// inhibitions stays gone by.
void rebase_rules(MachineState& state, Step start, bool clock_restarts);

// Then, with its detectors: conditions count from zero unless they are `carried` over.
void restart_rules(MachineState& state, bool carried);

}  // namespace phaseguard::policy
