// What a run holds (wire/held.h): told to its trainer, and adopted from a trainer when the record
// lacks its cause. Private to the policy room.
//
// A trip or an active rule that the policy still has is that rule again; an operator's raise is an
// override again. All else that is adopted is a floor of its knob, which a person ends with a reset
// that names the knob. What the policy cannot express the trainer keeps.
#pragma once

#include <string>
#include <vector>

#include "monitor/policy/engine/machine_state.h"

namespace phaseguard::policy {

// Latched and active rules (not in shadow mode), operators' raises, and what was adopted or left
// with the trainer.
[[nodiscard]] std::vector<wire::Held> held_of(const MachineState& state);

// Says of an entry whose cause the record lacks whether it can be adopted: sets outcome and detail.
void judge_adoption(const MachineState& state, wire::Held& entry);

// Takes a recorded adoption. An alert for each entry and for a record that knows less than its
// trainer; gives the text for the summary.
std::string take_adopted(MachineState& state, const wire::Adopted& adopted,
                         std::vector<wire::Alert>& alerts);

// The floor under a knob, the most protecting one; null: none.
[[nodiscard]] const wire::Held* floor_of(const MachineState& state, std::size_t knob);

// Machine::align().
void align_with(MachineState& state, const wire::Control& control);

// Whether anything of the knob rests on the trainer's word alone, and letting go of it.
[[nodiscard]] bool rests_on_trainer(const MachineState& state, const std::string& knob);
void let_go(MachineState& state, const std::string& knob);

}  // namespace phaseguard::policy
