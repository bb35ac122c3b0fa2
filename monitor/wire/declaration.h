// Whether what a trainer declares can be meant. Pure; any thread. C++17-clean.
#pragma once

#include <string>

#include "monitor/wire/messages.h"

namespace phaseguard::wire {

// The first field that contradicts itself or another: what was expected and what was found. "": it
// can be meant.
[[nodiscard]] std::string contradiction_in(const Hello& hello);

}  // namespace phaseguard::wire
