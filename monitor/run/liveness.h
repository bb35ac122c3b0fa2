// Whether the other end of a link still speaks, by how long it has been silent. Asked by the
// trainer's reporter of the daemon, by the daemon of the trainer and by the viewers of both, so
// that they agree. Pure: the silence is an argument; any thread. C++17-clean.
#pragma once

#include <cstdint>

#include "monitor/base/types.h"
#include "monitor/wire/words.h"

namespace phaseguard::run {

// Silences that are still borne. The defaults are the protocol's (Welcome) and the daemon's.
struct Patience {
  std::int64_t silent_ms = 2000;  // longer: kSilent; the reporter calls it stale
  std::int64_t lost_ms = 10000;   // longer: kLost, whatever silent_ms is
};

// Of a viewer with one run's Status, which comes every second; and with a daemon that answers a
// question every two.
inline constexpr Patience kFeedPatience{2500};
inline constexpr Patience kDaemonPatience{3000};

// kActive, kSilent or kLost. A silence equal to a limit is borne.
[[nodiscard]] wire::LinkState liveness(Nanos silence, const Patience& patience = {});

// The same in seconds; NaN, nothing was ever heard: kAbsent.
[[nodiscard]] wire::LinkState liveness(double silence_s, const Patience& patience = {});

}  // namespace phaseguard::run
