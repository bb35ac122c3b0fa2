// Whether a value that an operator proposes for a knob can be sent: the same sentences in a window
// and on a terminal. Pure.
#pragma once

#include <cstdint>
#include <string>

#include "monitor/dashboard/model/knobs.h"

namespace phaseguard::dashboard {

struct Proposal {
  double value = 0.0;
  std::string reason;
  std::int64_t expires_after_steps = 0;  // 0: until released
};

// Why it cannot be sent as it stands, in a sentence; "" when it can.
[[nodiscard]] std::string obstacle_to_force(const Model& model, const Subject& subject,
                                            const Proposal& proposal);

[[nodiscard]] bool is_blank(const std::string& text);

// What the change does, in words.
[[nodiscard]] std::string effect_text(const KnobView& knob, double value);

}  // namespace phaseguard::dashboard
