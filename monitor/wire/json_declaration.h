// A declaration as a person writes it, JSON, as the hello that a session sends. Pure; any thread.
// C++17-clean.
#pragma once

#include <string_view>

#include "monitor/base/result.h"
#include "monitor/base/types.h"
#include "monitor/wire/messages.h"

namespace phaseguard::wire {

// `json`: one object with the keys of a hello (docs/PROTOCOL.md). Errors: not JSON; a key that
// there is not, a value of another type or one that is missing, each with its path.
[[nodiscard]] Result<Hello> parse_declaration(std::string_view json, const RunId& run);

}  // namespace phaseguard::wire
