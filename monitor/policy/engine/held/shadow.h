// What is in force under a policy in shadow mode: every knob's declared initial value, or what an
// operator raised it to or was adopted from the trainer for it, whichever protects most. No rule's
// output. Private to the policy room.
#pragma once

#include <string>
#include <vector>

#include "monitor/policy/engine/machine_state.h"

namespace phaseguard::policy {

// Commands for this knob are judged by what is in force, not by what the policy would set. A record
// of a trainer that declares nothing forcible, and from whom nothing was adopted, is judged as such
// records always were: its decisions stay the same bits.
[[nodiscard]] bool is_judged_in_shadow(const MachineState& state, std::size_t knob);

// In force without the operator, and with him.
[[nodiscard]] double at_rest(const MachineState& state, std::size_t knob);
[[nodiscard]] double in_force(const MachineState& state, std::size_t knob);

// The operator's value of the knob is in force, as far as nothing protects more.
[[nodiscard]] bool is_raised_by_hand(const MachineState& state, std::size_t knob);

// The knobs that are not at their initial value, as a control carries them.
[[nodiscard]] std::vector<wire::KnobSetting> raised_settings(const MachineState& state);

// Why a command can have no effect on the trainer; "": it can, or is none for a knob.
[[nodiscard]] std::string why_not_possible(const MachineState& state, const wire::Command& command);

}  // namespace phaseguard::policy
