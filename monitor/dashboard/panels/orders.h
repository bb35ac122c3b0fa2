// What an operator can order of the run that is shown: buttons and the list of commands open the
// same dialogs, and are kept from it by the same obstacles. Drawing thread only.
#pragma once

#include <string>
#include <vector>

#include "monitor/dashboard/panels/ui.h"

namespace phaseguard::dashboard {

struct Order {
  Dialog dialog = Dialog::kNone;
  std::string verb;      // "Force", "Release", "Let go", "Reset", "Inhibit", "Allow"
  std::string obstacle;  // why it cannot be given now; "": it can
};

[[nodiscard]] Order force_order(const Model& model, const KnobView& knob);
// What was adopted is let go where an override would be released; that goes first.
[[nodiscard]] Order release_order(const Model& model, const KnobView& knob);
[[nodiscard]] Order reset_order(const Model& model, const std::string& rule);
// Inhibit, or what undoes it.
[[nodiscard]] Order inhibit_order(const Model& model, const RuleRow& rule);

void open_order(const Model& model, View& view, const KnobView& knob, Dialog dialog);
void open_order(const Model& model, View& view, const std::string& rule, Dialog dialog);

}  // namespace phaseguard::dashboard
