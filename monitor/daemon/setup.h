// What a configuration means for a daemon that starts: its policies read, its sockets named, its
// folder made. Errors name the file or the folder, what was expected and what was found.
#pragma once

#include <string>
#include <vector>

#include "monitor/base/result.h"
#include "monitor/daemon/config.h"
#include "monitor/daemon/engine/engine.h"
#include "monitor/link/endpoint.h"

namespace phaseguard::daemon {

// In the order in which a run's name is held against them.
[[nodiscard]] Result<std::vector<PolicyChoice>> read_policies(const Config& config);

[[nodiscard]] Result<link::Endpoints> endpoints_of(const Config& config);

[[nodiscard]] link::LocalTcp local_tcp_of(const Config& config);

[[nodiscard]] EngineSettings settings_of(const Config& config, std::vector<PolicyChoice> policies);

// The folder for run files, writable by this process.
[[nodiscard]] Result<void> make_directory(const std::string& path);

}  // namespace phaseguard::daemon
