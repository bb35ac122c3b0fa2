// The panels of the dashboard: free functions of a const Model that append what the operator asked
// for to a list of actions. They send nothing themselves. Drawing thread only, between NewFrame and
// Render.
#pragma once

#include <vector>

#include "monitor/dashboard/panels/ui.h"

namespace phaseguard::dashboard {

// The whole view over the display: menu, alarms, the three columns, events. The only call a shell
// needs.
void draw_dashboard(const Model& model, View& view, std::vector<Action>& actions);

// The parts, each into the box it is given. `height_of_*` in pixels.
[[nodiscard]] float height_of_banners();  // whatever they say
void draw_banners(const Model& model, View& view, ImVec2 at, float width);
void draw_left_column(const Model& model, View& view, ImVec2 at, ImVec2 size);
void draw_signals(const Model& model, View& view, const std::vector<SignalRow>& rows, ImVec2 at,
                  ImVec2 size);
void draw_plots(const Model& model, View& view, ImVec2 at, ImVec2 size,
                std::vector<Action>& actions);
void draw_right_column(const Model& model, View& view, ImVec2 at, ImVec2 size,
                       std::vector<Action>& actions);
void draw_events(const Model& model, View& view, ImVec2 at, ImVec2 size,
                 std::vector<Action>& actions);
void draw_evidence(const Model& model, View& view, ImVec2 at, ImVec2 size,
                   std::vector<Action>& actions);
void draw_dialogs(const Model& model, View& view, std::vector<Action>& actions);

}  // namespace phaseguard::dashboard
