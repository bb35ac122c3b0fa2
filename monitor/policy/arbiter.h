// Who wins on a knob. Private to the policy room.
#pragma once

#include <string>
#include <vector>

#include "monitor/policy/machine_state.h"

namespace phaseguard::policy {

struct Wanted {
  double value = 0.0;
  std::string cause;     // "base" | "rule:<name>" | "operator:<name>"
  bool at_once = false;  // upward moves to it are not slewed
};

// What rules want of a knob without the operator: the largest value of those in force, else base.
// `latched_only`: of latched rules alone; the cause is then "" when there is none.
[[nodiscard]] Wanted automatic(const MachineState& state, std::size_t knob, bool latched_only);

// Rules and the operator's override together.
[[nodiscard]] Wanted wanted(const MachineState& state, std::size_t knob);

struct Moves {
  bool steady = false;  // a target or a cause changed
  bool any = false;     // a value, target or cause changed
};

// Moves every knob towards what is wanted at `step`, a changed one on behalf of `decision`.
Moves move_knobs(MachineState& state, Step step, std::int64_t decision);

// Ends overrides whose expiry has come; gives a text for each.
[[nodiscard]] std::vector<std::string> expire_overrides(MachineState& state);

}  // namespace phaseguard::policy
