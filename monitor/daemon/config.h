// What phaseguardd is told: a TOML file, overridden by the environment, overridden by flags
// (main.cpp). Reads one file, nothing else.
#pragma once

#include <cstddef>
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
  std::string query;
  std::string feed;
  std::string keys;              // folder of keys; empty: the sockets ask for none
  bool allow_local_tcp = false;  // tcp on loopback without keys
  std::string http;  // host:port of /metrics, /-/healthy and /-/ready, loopback; empty: none
  std::string log_level = "info";
  std::size_t trainer_seats = 1024;  // connections at `telemetry`; see link/server.h
  std::size_t operator_seats = 64;   // at `operator`
  double silent_s = 2.0;
  double lost_s = 10.0;
  double ended_s = 600.0;
};

// Errors name file, line and column: kNotFound; kMalformed for TOML that is none, an unknown key
// (with the nearest known one), a wrong type or a value out of range.
[[nodiscard]] Result<Config> read_config(const std::string& file);

// How many trainers there is room for when the process may have `descriptors` open files: each has
// a connection and a run file of four. At least 1, at most as configured.
[[nodiscard]] std::size_t seats_within(const Config& config, std::size_t descriptors);

// The configuration as TOML, as --print-config shows it.
[[nodiscard]] std::string to_toml(const Config& config);

// `$XDG_STATE_HOME/phaseguard/runs`, or ~/.local/state/phaseguard/runs.
[[nodiscard]] std::string default_runs_dir(const std::string& xdg_state_home,
                                           const std::string& home);

}  // namespace phaseguard::daemon
