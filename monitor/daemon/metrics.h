// What `/metrics` says, in the text form of Prometheus. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "monitor/daemon/engine/engine.h"

namespace phaseguard::daemon {

// What was refused before it came to the engine.
struct Refusals {
  std::uint64_t misshapen = 0;  // messages of more or fewer than one frame
  std::uint64_t unread = 0;     // frames for peers that do not read
  std::uint64_t http = 0;
};

// `fault`: why the record cannot be written; empty: it can.
[[nodiscard]] std::string metrics_text(const EngineCounters& counters,
                                       const std::vector<wire::Message>& statuses,
                                       const Refusals& refusals, const std::string& fault);

}  // namespace phaseguard::daemon
