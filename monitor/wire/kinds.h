// Kind names to bodies: the inverse of kind_of(). Internal to the codec.
#pragma once

#include <optional>
#include <string_view>

#include "monitor/wire/messages.h"

namespace phaseguard::wire {

// A body of that kind with every field at its default; nothing for a name protocol 1.0 lacks.
[[nodiscard]] std::optional<Body> empty_body(std::string_view kind);

// Whether a message of this kind is always about a run. A query, its reply, a heartbeat and a
// reject may come without.
[[nodiscard]] bool needs_run(const Body& body);

}  // namespace phaseguard::wire
