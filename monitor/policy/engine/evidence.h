// What a decision shows of its grounds, and the one line a person reads. Private to the policy
// room.
#pragma once

#include <string>
#include <vector>

#include "monitor/policy/engine/machine_state.h"

namespace phaseguard::policy {

[[nodiscard]] std::vector<wire::DetectorEvidence> evidence_of_detectors(const MachineState& state);
[[nodiscard]] std::vector<wire::RuleEvidence> evidence_of_rules(const MachineState& state);
[[nodiscard]] std::vector<wire::KnobSetting> settings_of(const MachineState& state);
// Machine::settings_to_send() and inhibitions().
[[nodiscard]] std::vector<wire::KnobSetting> settings_to_tell(const MachineState& state);
[[nodiscard]] std::vector<wire::Inhibited> inhibitions_of(const MachineState& state);

// "defend fired at step 10: llr 0.98 > 0.2 (2/2), judge 0.82 > 0.3 (2/2)".
[[nodiscard]] std::string firing_text(const MachineState& state, std::size_t rule);

// "kl 2, embed 0.1": what differs; "": nothing.
[[nodiscard]] std::string change_text(const std::vector<wire::KnobSetting>& before,
                                      const std::vector<wire::KnobSetting>& after);

// "defend latched since step 10", of all rules that ever fired; "no rule fired".
[[nodiscard]] std::string closing_text(const MachineState& state);

}  // namespace phaseguard::policy
