// What a checkpoint keeps of its run, so that a process that goes on from it holds what was held,
// and a daemon knows whether its line was rolled back (docs/PROTOCOL.md, "Resuming"). C++17-clean,
// pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "monitor/base/result.h"
#include "monitor/base/types.h"
#include "monitor/wire/messages.h"

namespace phaseguard::reporter {

struct Lineage {
  std::string record;          // identity of the daemon's record; "": none was ever told
  Seq position{-1};            // last place in it that was told
  std::int64_t rollbacks = 0;  // of the run before this attempt
  std::vector<wire::Held> held;
};

// The bytes to store with a checkpoint of `step`, after `segment` rollbacks of this attempt: a
// hello frame without a declaration.
[[nodiscard]] std::string write_lineage(const Lineage& lineage, const RunId& run, Step step,
                                        std::int64_t segment);

// Puts them into the hello of the process that goes on. Errors: they are damaged; the hello starts
// at another step than the checkpoint's.
[[nodiscard]] Result<void> resume_from(const std::string& bytes, wire::Hello& hello);

// Every declared knob, in order, before any daemon is heard: as declared, or as the checkpoint
// holds it, whichever protects more.
[[nodiscard]] std::vector<wire::KnobSetting> initial_settings(const wire::Hello& hello);

}  // namespace phaseguard::reporter
