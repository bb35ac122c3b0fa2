// A plot's values as CSV. Pure.
#pragma once

#include <string>

#include "monitor/run/plots.h"
#include "monitor/run/state.h"

namespace phaseguard::dashboard {

// Every point of every line that has a series, as it was recorded: signal, attempt, segment, step,
// time (seconds since 1970), value (the shortest text that reads back as the same number; empty for
// a bad one) and quality. RFC 4180.
[[nodiscard]] std::string csv_of(const run::RunState& state, const run::PlotSpec& plot);

// A file's name for it: "lab-malicious-7_judge_score.csv".
[[nodiscard]] std::string file_name_of(const run::RunState& state, const run::PlotSpec& plot,
                                       const std::string& extension);

}  // namespace phaseguard::dashboard
