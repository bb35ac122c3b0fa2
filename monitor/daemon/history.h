// What a tool asks of a run's record, read from its file.
#pragma once

#include <filesystem>

#include "monitor/daemon/engine/engine.h"

namespace phaseguard::daemon {

// A page of the record of `wanted.run` from its file in `runs_dir`: whole messages as on the feed,
// within the frame limit of a reply. A file that cannot be read is told in the reply.
[[nodiscard]] wire::Reply read_history(const std::filesystem::path& runs_dir,
                                       const HistoryQuery& wanted);

}  // namespace phaseguard::daemon
