// systemd's readiness protocol: one datagram to $NOTIFY_SOCKET; nothing when there is none.
#pragma once

#include <cstdint>
#include <string_view>

namespace phaseguard::daemon {

// "READY=1", "STOPPING=1", "WATCHDOG=1", "STATUS=..."; never blocks, and a failure is of no
// consequence.
void notify(std::string_view state);

// Half of $WATCHDOG_USEC, how often "WATCHDOG=1" is due, in milliseconds; 0: no watchdog.
[[nodiscard]] std::int64_t watchdog_interval_ms();

}  // namespace phaseguard::daemon
