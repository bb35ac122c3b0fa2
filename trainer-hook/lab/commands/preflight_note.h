// What a pre-flight said of a run's data, as notes for the run's declaration, so that the record
// shows what was known before step 0. Any thread.
#pragma once

#include <string>
#include <vector>

#include "monitor/base/result.h"

namespace phaseguard::lab {

// `file`: what `phaseguard-probe preflight --json` printed. "preflight: ..." in one line (samples,
// quantiles of L, lambda*, persona ratio, judge, flagged), "preflight.sha256: ..." of the file, and
// "preflight.warning: ..." for each warning. Errors: no such file, no pre-flight, or one under
// another reference than `theta0`.
[[nodiscard]] Result<std::vector<std::string>> preflight_notes(const std::string& file,
                                                               const std::string& theta0);

}  // namespace phaseguard::lab
