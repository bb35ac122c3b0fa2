// What keeps a run's memory bounded whatever its trainer sends, and whatever its disk does. Pure;
// used by the engine and by the loop.
#pragma once

#include <cstddef>
#include <cstdint>

#include "monitor/base/types.h"
#include "monitor/policy/engine/machine.h"
#include "monitor/wire/messages.h"

namespace phaseguard::daemon {

// About what a message takes in memory while it waits for the disk.
[[nodiscard]] std::size_t footprint(const wire::Message& message);

// Takes the samples that no rule, detector or controller reads out of the report. How many.
std::size_t drop_unread(wire::Report& report, const policy::Machine& machine);

}  // namespace phaseguard::daemon
