// The band at the top of a plot's data: what was in force, by whom.
#pragma once

#include "monitor/dashboard/plot/gestures.h"

namespace phaseguard::plot {

inline constexpr float kBand = 0.36F;  // em: its height

void draw_band(const Frame& f, const Backdrop& backdrop);

}  // namespace phaseguard::plot
