// Who wins on a knob (DESIGN: limits, operator up, latched trips and adopted floors, operator down
// and inhibitions, rules, base). Private to the policy room.
//
// Among rules in force that have an output for the knob the highest priority wins, of equal ones
// the more protecting value (run/protection.h), of equal values the first in the file. A latched
// rule's output is a floor for that; of a knob that protects in no direction the first latched rule
// holds it. A knob's site is that of the rule in force with the highest priority that switches it,
// of equal ones a latched one, then the first in the file.
#pragma once

#include <string>
#include <vector>

#include "monitor/policy/engine/machine_state.h"

namespace phaseguard::policy {

// Nothing in it is allocated unless there are items.
struct Wanted {
  double value = 0.0;         // with items: their mean
  std::vector<double> items;  // one per sample; empty: `value` for all
  MovedBy cause = MovedBy::kBase;
  std::int64_t rule = -1;        // of MovedBy::kRule
  std::string adopted;           // of MovedBy::kAdopted: name of what is held
  bool at_once = false;          // upward moves to it are not slewed
  double unscored = wire::kNaN;  // for any batch but the one that gave it; NaN: `value`
  bool moves = false;            // a controller's: its next value is not news to an operator
};

// What rules want of a knob without the operator, else base.
[[nodiscard]] Wanted automatic(const MachineState& state, std::size_t knob);
// What latched rules alone want; cause kBase: none is latched.
[[nodiscard]] Wanted tripped(const MachineState& state, std::size_t knob);

// Rules and the operator's override together.
[[nodiscard]] Wanted wanted(const MachineState& state, std::size_t knob);

struct Moves {
  bool steady = false;  // a target, a cause or a site changed, but for a controller's next value
  bool any = false;     // a value, target, cause or site changed
};

// Moves every knob towards what is wanted at `step`, a changed one on behalf of `decision`. Before
// the first change the settings go to `before`.
Moves move_knobs(MachineState& state, Step step, std::int64_t decision,
                 std::vector<wire::KnobSetting>& before);

// Ends overrides, and inhibitions, whose expiry has come; gives a text for each.
[[nodiscard]] std::vector<std::string> expire_overrides(MachineState& state);
[[nodiscard]] std::vector<std::string> expire_inhibitions(MachineState& state);

}  // namespace phaseguard::policy
