// An amount of time or of measurements as the policy file writes it: "3 intervals", "2 points",
// "10 steps", "30 s". Plain data; read by parse_span (parse_common.h).
#pragma once

#include <cstdint>
#include <string>

namespace phaseguard::policy {

enum class SpanUnit : std::uint8_t {
  kIntervals,  // of the signal's declared cadence
  kPoints,     // counted measurements
  kSteps,      // completed optimiser updates
  kSeconds     // of the trainer's own clock: header.t of its events, running maximum
};

// `count` is above 0 and, but for seconds, a whole number.
struct Span {
  double count = 0.0;
  SpanUnit unit = SpanUnit::kSteps;
};

// "interval", "point", "step" or "s": as in "3 intervals".
[[nodiscard]] std::string to_text(const Span& span);

// What a span of steps, points or intervals counts. Not for seconds.
[[nodiscard]] inline std::int64_t whole(const Span& span) {
  return static_cast<std::int64_t>(span.count);
}

}  // namespace phaseguard::policy
