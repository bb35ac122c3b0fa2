// The one clock text: a wall clock time in UTC. Any thread. Pure. C++17-clean.
#pragma once

#include <string>

namespace phaseguard {

// `t` in seconds since 1970, by a format of strftime; "" for a time that has no such text (NaN, or
// a year of more than four digits).
[[nodiscard]] std::string utc_text(double t, const char* format);

inline constexpr const char* kUtcMoment = "%Y-%m-%d %H:%M:%S UTC";
inline constexpr const char* kUtcClock = "%H:%M:%S";

}  // namespace phaseguard
