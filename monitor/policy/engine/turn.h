// One recorded event on its way through a machine: what it changes, and the decision made of that.
// Called by Machine::on alone. Private to the policy room.
#pragma once

#include <optional>

#include "monitor/policy/engine/machine_state.h"
#include "monitor/wire/messages.h"

namespace phaseguard::policy {

// See Machine::on.
[[nodiscard]] std::optional<wire::Decision> take_event(MachineState& state,
                                                       const wire::Message& event);

}  // namespace phaseguard::policy
