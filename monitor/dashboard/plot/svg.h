// A plot as a picture of its own: SVG with the same lines, ticks and thresholds as on the screen.
// Pure.
#pragma once

#include <string>

#include "monitor/dashboard/plot/plot.h"

namespace phaseguard::plot {

// 900 x 360, in the palette's colours. `values` is that of the plot's last frame.
[[nodiscard]] std::string svg_of(const PlotSpec& spec, const Palette& palette, const TimeAxis& time,
                                 ValueAxis values);

}  // namespace phaseguard::plot
