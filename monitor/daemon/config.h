// What phaseguardd is told: a TOML file, overridden by the environment, overridden by flags
// (main.cpp). Reads one file, nothing else.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "monitor/base/result.h"

namespace phaseguard::daemon {

struct RunPolicy {
  std::string pattern;  // of run ids; `*` stands for any text
  std::string file;
};

struct Config {
  std::string policy;  // file for every run that no [[run]] matches; empty: such runs are refused
  std::vector<RunPolicy> runs;  // [[run]] entries, first match wins
  std::string runs_dir;         // empty: $XDG_STATE_HOME/phaseguard/runs
  std::string endpoint_dir;     // ipc sockets; empty: the user's default
  std::string telemetry;        // an endpoint each; empty: in endpoint_dir
  std::string operators;
  std::string feed;
  std::string http;  // host:port of /metrics, /-/healthy and /-/ready, loopback; empty: none
  std::string log_level = "info";
  double silent_s = 2.0;
  double lost_s = 10.0;
  double ended_s = 600.0;
};

// Errors name file, line and column: kNotFound; kMalformed for TOML that is none, an unknown key
// (with the nearest known one), a wrong type or a value out of range.
[[nodiscard]] Result<Config> read_config(const std::string& file);

// The configuration as TOML, as --print-config shows it.
[[nodiscard]] std::string to_toml(const Config& config);

// `$XDG_STATE_HOME/phaseguard/runs`, or ~/.local/state/phaseguard/runs.
[[nodiscard]] std::string default_runs_dir(const std::string& xdg_state_home,
                                           const std::string& home);

}  // namespace phaseguard::daemon
