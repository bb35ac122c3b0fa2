// `phaseguard watch` on a terminal.
#pragma once

#include <vector>

#include "monitor/base/types.h"
#include "monitor/contexts/contexts.h"

namespace phaseguard::ctl {

struct ConsoleOptions {
  RunId run;             // to show; may begin later; empty: as the dashboard chooses
  double for_s = 0.0;    // 0: until it is left
  double wait_s = 10.0;  // of one frame: for the daemons
};

// Each gives the exit code. The console waits for a daemon that does not answer.
[[nodiscard]] int watch_console(const std::vector<contexts::Daemon>& daemons,
                                const ConsoleOptions& options);
// One frame on standard output, when all is there or the time is up. kFailed: a daemon does not
// answer, or the run is not there.
[[nodiscard]] int watch_once(const std::vector<contexts::Daemon>& daemons,
                             const ConsoleOptions& options);

}  // namespace phaseguard::ctl
