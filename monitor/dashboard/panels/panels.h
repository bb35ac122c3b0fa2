// The panels of the dashboard: free functions of a const Model that append what the operator asked
// for to a list of actions. They send nothing themselves. Drawing thread only, between NewFrame and
// Render.
#pragma once

#include <vector>

#include "monitor/dashboard/panels/ui.h"
#include "monitor/dashboard/replay/replay.h"

namespace phaseguard::dashboard {

// The whole view over the display: menu, alarms, the three columns, events. The only call a shell
// needs.
void draw_dashboard(const Model& live, Replay& replay, View& view, std::vector<Action>& actions);

// The parts, each into the box it is given. `height_of_*` in pixels.
[[nodiscard]] float height_of_banners();  // whatever they say
void draw_banners(const Model& model, View& view, ImVec2 at, float width);
void draw_left_column(const Model& model, View& view, ImVec2 at, ImVec2 size);
void draw_plots(const Model& model, View& view, ImVec2 at, ImVec2 size,
                std::vector<Action>& actions);
void draw_alarm_list(const Model& model, View& view, ImVec2 at, ImVec2 size,
                     std::vector<Action>& actions);
// `live`: whose runs are listed; `model` may be one of them as it was.
void draw_right_column(const Model& model, const Model& live, View& view, ImVec2 at, ImVec2 size,
                       std::vector<Action>& actions);
// Of all knobs without scrolling.
[[nodiscard]] float height_of_protection(const Model& model);
void draw_protection(const Model& model, View& view, ImVec2 at, ImVec2 size,
                     std::vector<Action>& actions);
void draw_rules(const Model& model, View& view, ImVec2 at, ImVec2 size,
                std::vector<Action>& actions);
void draw_events(const Model& model, View& view, ImVec2 at, ImVec2 size,
                 std::vector<Action>& actions);
void draw_evidence(const Model& model, View& view, ImVec2 at, ImVec2 size,
                   std::vector<Action>& actions);
void open_panic(const Model& model, View& view);
void watch_panic_keys(const Model& model, View& view);
void draw_dialogs(const Model& model, View& view, std::vector<Action>& actions);

}  // namespace phaseguard::dashboard
