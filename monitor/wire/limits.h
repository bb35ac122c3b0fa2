// Sizes a message may have. Part of protocol 1.0 (docs/PROTOCOL.md, "Limits"): a reader checks each
// of them against the bytes at hand before it allocates anything, and refuses a frame that goes
// over. C++17-clean, pure.
#pragma once

#include <cstddef>

namespace phaseguard::wire {

struct Limits {
  std::size_t frame_bytes = 65536;   // one ZeroMQ frame: one message
  std::size_t string_bytes = 4096;   // one MessagePack str
  std::size_t binary_bytes = 65536;  // one MessagePack bin (policy texts, carried messages)
  std::size_t array_items = 4096;    // entries of one array
  std::size_t map_entries = 64;      // pairs of one map
  std::size_t depth = 8;             // containers inside one another; the message's map is 1
};

// Telemetry and operator sockets, both directions.
inline constexpr Limits kTelemetryLimits{};

// The feed, replies to an operator, and records in a run file.
inline constexpr Limits kFeedLimits{1048576, 4096, 1048576, 4096, 64, 8};

}  // namespace phaseguard::wire
