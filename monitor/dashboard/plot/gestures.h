// What the mouse does to a plot. Wheel: zoom x about the cursor, with Shift the values. Left drag:
// move, with Shift the values too; with Ctrl: select an interval. Right drag: zoom into a box; a
// right click asks for the plot's menu. Double click: fit, and follow again.
#pragma once

#include "monitor/dashboard/plot/plot.h"

namespace phaseguard::plot {

// What a plot is being drawn with.
struct Frame {
  ImDrawList& draw;
  const Palette& palette;
  float em;
  ImVec2 lo;  // data area, top left
  ImVec2 hi;  // bottom right
  Scale x;
  Scale y;
};

// For the item that covers the data, right after it. True: its menu is asked for.
bool interact(const Frame& f, const std::string& id, TimeAxis& time, ValueAxis& values);

// The box or the interval that is being drawn with the mouse, and the interval that is selected.
void draw_drag(const Frame& f, const std::string& id, const TimeAxis& time);

}  // namespace phaseguard::plot
