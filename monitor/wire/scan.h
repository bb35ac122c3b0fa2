// The first of the decoder's two passes over a frame: checks every size against the limits and the
// shape against MessagePack, and finds the envelope's version and kind, without allocating anything
// for the frame's content. Internal to the codec.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "monitor/base/result.h"
#include "monitor/wire/limits.h"
#include "monitor/wire/messages.h"

namespace phaseguard::wire {

struct Scan {
  std::optional<Version> version;  // absent: no key "v", or not two small integers
  // Absent: no key "kind", or not a string. Points into the bytes.
  std::optional<std::string_view> kind;
  std::optional<Error> error;  // what is wrong with the frame as a whole
};

// Depth beyond which no limit may go: the passes keep fixed stacks.
inline constexpr std::size_t kMaxDepth = 16;
inline constexpr std::size_t kMaxMapEntries = 64;

[[nodiscard]] Scan scan(std::string_view bytes, const Limits& limits);

}  // namespace phaseguard::wire
