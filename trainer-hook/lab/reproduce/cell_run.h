// Does one cell, in a process of its own: trains, under a hook where a policy decides, and measures
// what the model does. Trainer's thread.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "monitor/base/result.h"
#include "trainer-hook/lab/reproduce/cell.h"

namespace phaseguard::lab::reproduce {

// Where a cell finds what it needs.
struct Place {
  std::string theta0, base;  // base: "" for the shipped one
  std::string policy;        // file, for the engine in this process
  std::string endpoint;      // the daemon's; "" where the engine is in this process
  std::string run_file;      // the daemon's record of this run
};
[[nodiscard]] nlohmann::json to_json(const Place& place);

// Errors: what finetune and the hook say; no daemon in 30 seconds.
[[nodiscard]] Result<Outcome> run_cell(const Cell& cell, const Place& place);

// The program's part: `task` is {"cell": ..., "place": ...}, or {"world": N, "folder": ...,
// "steps": N} for theta0 of a world; a cell's outcome is written to `result`, whole or not at all.
// The exit code.
int run_task(const std::string& task, const std::string& result);

}  // namespace phaseguard::lab::reproduce
