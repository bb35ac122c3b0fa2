// Messages of our own side, such as a declaration that a person wrote. Pure; any thread.
// C++17-clean.
#pragma once

#include <string_view>

#include "monitor/base/result.h"
#include "monitor/wire/limits.h"
#include "monitor/wire/messages.h"

namespace phaseguard::wire {

// As decode() (codec.h), but a key that there is not is kMalformed: it is a slip of the pen.
[[nodiscard]] Result<Message> decode_strictly(std::string_view bytes,
                                              const Limits& limits = kTelemetryLimits);

}  // namespace phaseguard::wire
