// The knobs of a run: those of the policy, in its order, and behind them those that the trainer
// declares, the policy does not name, and an operator has forced. Private to the policy room.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "monitor/policy/engine/machine_state.h"

namespace phaseguard::policy {

// `knob`: its place in state.knobs.
[[nodiscard]] const KnobSpec& knob_spec(const MachineState& state, std::size_t knob);

// Its place in state.knobs; -1: the policy does not name it and no operator has forced it.
[[nodiscard]] std::int64_t find_knob(const MachineState& state, const std::string& name);

// As the newest hello declares it; null: it does not.
[[nodiscard]] const wire::KnobDecl* declaration_of(const MachineState& state,
                                                   const std::string& name);

// Makes a declared knob one of state.knobs: its base is the declared initial value, its limits the
// declared ones. Gives its place; -1: the trainer does not declare it.
std::int64_t adopt_knob(MachineState& state, const std::string& name);

// What the run has, for messages: "kl, ldifs".
[[nodiscard]] std::string names_of_knobs(const MachineState& state);

// Takes over a hello's limits and directions. A forced knob that the policy does not name and the
// hello no longer declares is forgotten: a trainer refuses settings that name it.
void declare_knobs(MachineState& state, const wire::Hello& hello);

}  // namespace phaseguard::policy
