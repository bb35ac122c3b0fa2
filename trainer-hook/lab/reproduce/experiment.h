// The experiment as a whole: its folder, its worlds, its cells, done in processes of their own, and
// what is kept of each. An interruption at any moment loses the cells in work alone.
#pragma once

#include <atomic>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "monitor/base/result.h"
#include "trainer-hook/lab/reproduce/journal.h"
#include "trainer-hook/lab/reproduce/plan.h"
#include "trainer-hook/lab/reproduce/worlds.h"

namespace phaseguard::lab::reproduce {

struct ReproduceCommand {
  PlanOptions plan;
  std::string out;
  int jobs = 0;  // at once; 0: as many as there are cores
};

// All that a report is made of.
struct Results {
  PlanOptions plan;
  Origin origin;
  std::vector<WorldFiles> worlds;  // passed, by slot
  std::vector<WorldFiles> discarded;
  std::vector<std::pair<Cell, Outcome>> cells;  // in the order of the plan
  std::vector<std::string> failed;              // "key: why"
  double seconds = 0.0;                         // of this call
};

// Does what is not done yet. Prints progress to standard error. nothing: interrupted by `stop`, and
// said so. Errors: a folder that cannot be written, an unknown word, a file of another experiment,
// no world that passes, no daemon.
[[nodiscard]] Result<std::optional<Results>> run_experiment(const ReproduceCommand& command,
                                                            const std::atomic<bool>& stop);

}  // namespace phaseguard::lab::reproduce
