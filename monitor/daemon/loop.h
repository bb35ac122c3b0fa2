// The daemon's one thread: sockets and clocks in, engine, run files and sockets out.
#pragma once

#include "monitor/base/result.h"
#include "monitor/daemon/config.h"

namespace phaseguard::daemon {

// Runs until SIGINT or SIGTERM. SIGHUP reads the policies again: a wrong one is reported and the
// old ones stay. Errors: what kept the daemon from starting (a policy with its findings, an
// endpoint in use, a folder that cannot be made).
[[nodiscard]] Result<void> serve(const Config& config);

// Reads and checks every policy of the configuration. Error: all findings as file:line:column, one
// a line.
[[nodiscard]] Result<void> check(const Config& config);

}  // namespace phaseguard::daemon
