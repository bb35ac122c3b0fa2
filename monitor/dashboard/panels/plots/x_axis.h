// The x axis of the plots for a run: what it counts, where it ends, and where the run's events and
// intervals lie on it. Drawing thread only.
#pragma once

#include "monitor/dashboard/panels/ui.h"

namespace phaseguard::dashboard {

// Along what the series of `state` are laid. Of the run that is shown, or of the one it is compared
// with, which may be moved so that the first trips of both meet.
[[nodiscard]] plot::Along along_of(const run::RunState& state, View& view);
[[nodiscard]] plot::Along along_of_compared(const run::RunState& shown, const run::RunState& other,
                                            View& view);

// Of a step of the present segment, and of an event of which the time is known too.
[[nodiscard]] double x_of_step(const run::RunState& state, const plot::Along& along, double step);
[[nodiscard]] double x_of_event(const plot::Along& along, double step, double t);

// From the first to the last of all signals.
[[nodiscard]] plot::Range extent_of(const run::RunState& state, const plot::Along& along);

}  // namespace phaseguard::dashboard
