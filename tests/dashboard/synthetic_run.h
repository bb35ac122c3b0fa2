// Recorded runs as the daemon would have written them: declarations, measurements, a rule that
// fires, its decision, what was applied, a hole in a signal, the end. One is of the kind the lab
// gives for the malicious task; the other is of a trainer that knows nothing of ours: its own
// signals, its own knob, no canaries, no penalty, no rollback.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "monitor/wire/messages.h"

namespace phaseguard::test {

struct RunOptions {
  std::string name = "lab-malicious-7";
  bool fires = true;  // false: the harmless task, nothing happens
  bool ends = true;   // with a goodbye
  bool own_trainer = false;
  std::int64_t steps = 213;
  std::int64_t total = 337;
};

// The messages in order, seq 1, 2, ...
[[nodiscard]] std::vector<wire::Message> synthetic_run(const RunOptions& options = {});

// The same as a run file made by store::Writer. Gives its path.
std::filesystem::path write_run_file(const std::filesystem::path& directory,
                                     const RunOptions& options = {});

}  // namespace phaseguard::test
