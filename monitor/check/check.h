// Plays the daemon to a trainer of anybody's and lists what it does wrong: the real engine behind
// real sockets, without run files. Blocks; one thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "monitor/base/result.h"
#include "monitor/check/rules.h"

namespace phaseguard::check {

struct Options {
  // Folder of the ipc sockets; "": of a command one of its own, else the user's.
  std::string endpoint_dir;
  std::vector<std::string> command;  // starts the trainer; empty: one is waited for
  std::int64_t least_steps = 60;     // watched before the trainer is ended
  double timeout_s = 120.0;          // for all of it
};

struct Report {
  Findings findings;
  std::string run;                   // "": no trainer said hello
  std::set<std::string> other_runs;  // that came too, and were not looked at
  std::string endpoint;
  std::string ended;  // how the command ended; "": none was given, or it was ended
  double seconds = 0.0;
};

// `stop`: ends it early. Errors: no endpoint, or a command that cannot be started.
[[nodiscard]] Result<Report> check_trainer(const Options& options, const std::atomic<bool>& stop);

// The table, for people: a line for each rule, its findings below it.
[[nodiscard]] std::string to_text(const Report& report);
[[nodiscard]] std::string to_json(const Report& report);

}  // namespace phaseguard::check
