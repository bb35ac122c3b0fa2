// The timeline below the plots: a slider over the record, another policy beside what happened.
// Drawing thread only.
#pragma once

#include <vector>

#include "monitor/dashboard/panels/ui.h"
#include "monitor/dashboard/replay/replay.h"

namespace phaseguard::dashboard {

// Pixels that it wants; 0 while it is closed.
[[nodiscard]] float height_of_timeline(const Replay& replay);
void draw_timeline(const Replay& replay, View& view, ImVec2 at, ImVec2 size,
                   std::vector<Action>& actions);

}  // namespace phaseguard::dashboard
