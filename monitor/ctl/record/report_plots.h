// The plots of a run in the report: those of run::plots_of, in its order, as the dashboard has
// them. Builds text from values alone; every string that comes from a record is escaped.
#pragma once

#include <string>

#include "monitor/run/state.h"

namespace phaseguard::ctl {

// What detectors watch, the other signals, the knobs, and what was never measured.
[[nodiscard]] std::string report_plots(const run::RunState& state);

}  // namespace phaseguard::ctl
