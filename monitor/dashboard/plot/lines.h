// What a plot makes of its lines before it draws them: vertices of what is in sight, the range of
// values to show, and what lies outside of it. Kept between frames. Drawing thread only.
#pragma once

#include "monitor/dashboard/plot/plot.h"

namespace phaseguard::plot {

// Vertices of every line for `x`; made anew where data or view have changed.
void refresh_lines(const PlotSpec& spec, Range x, int columns, ValueAxis& values);

// The range that shows them, and how they are spread over it. Robust: when the outermost fiftieth
// of the columns on either side leaves the others less than a twelfth of the height, the axis is
// made for the others.
void fit_values(const PlotSpec& spec, ValueAxis& values);

// How many values in sight lie outside of the view.
[[nodiscard]] run::Beyond count_beyond(const PlotSpec& spec, Range x, ValueAxis& values);

// Nearly all of these vertices: without the outermost fiftieth of their lows and highs, as far as
// some hundreds of them tell.
[[nodiscard]] Extent crowd_of(const std::vector<Vertex>& vertices);

}  // namespace phaseguard::plot
