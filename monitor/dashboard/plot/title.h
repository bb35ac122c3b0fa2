// The line above a plot: title, what it is of, and the legend, whose entries are switches.
#pragma once

#include "monitor/dashboard/plot/gestures.h"

namespace phaseguard::plot {

// `base`: what the labels of the value axis leave out. The title explains the plot when the mouse
// rests on it. A click on an entry of the legend hides its line, a double click all others.
void draw_title(const Frame& f, const PlotSpec& spec, const std::string& base, ImVec2 title_at,
                float right, PlotEvents& events);

}  // namespace phaseguard::plot
