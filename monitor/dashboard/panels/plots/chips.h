// Small buttons above the plots, and the menus that they open. Drawing thread only.
#pragma once

#include <string>

#include "monitor/dashboard/panels/ui.h"

namespace phaseguard::dashboard {

// Notes the place of the item that was drawn last, under `label`.
void note_control(View& view, const std::string& label);

[[nodiscard]] float chip_width(const std::string& text);
// A small button with its text, bright while `lit`. True: it was pressed.
bool chip(View& view, const char* id, ImVec2 at, const std::string& text, bool lit);

// The popup of a chip, below it. While true: items, then ImGui::EndPopup().
bool begin_menu(const char* id, bool open, ImVec2 below);

}  // namespace phaseguard::dashboard
