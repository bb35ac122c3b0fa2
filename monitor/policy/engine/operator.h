// Operator commands: judged against the state they would meet, then applied. Private to the policy
// room; Machine::judge documents what each needs.
#pragma once

#include <string>

#include "monitor/policy/engine/machine_state.h"

namespace phaseguard::policy {

[[nodiscard]] Verdict judge_command(const MachineState& state, const wire::Command& command,
                                    Step now);

// Takes a recorded command: judges it, remembers the answer under its id, applies it when it is
// "logged". Gives a text for the summary; "": nothing changed.
[[nodiscard]] std::string take_command(MachineState& state, const wire::Command& command);

}  // namespace phaseguard::policy
