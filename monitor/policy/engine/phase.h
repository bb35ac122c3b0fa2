// The one thing that is true of a rule now, for viewers: never recorded, nothing is decided by it.
// Private to the policy room.
#pragma once

#include "monitor/policy/engine/machine_state.h"

namespace phaseguard::policy {

// Fills phase, until_step, streak and streak_needed of the rule's evidence. In this order: latched,
// active, inhibited, orphaned, disarmed, warming up, on its way, armed.
void add_phase(const MachineState& state, std::size_t rule, wire::RuleEvidence& evidence);

}  // namespace phaseguard::policy
