// How a plot can be looked at: what its x counts, how its values are spread. Plain words that the
// view keeps and the plots draw by. Pure.
#pragma once

#include <cstdint>

namespace phaseguard::run {

// What x counts.
enum class XKind : std::uint8_t {
  kStep,
  kWall,     // seconds since 1970, as recorded
  kElapsed,  // seconds since the first message of the run
  kTokens    // of a signal that counts them
};

// How values are spread over the height.
enum class YKind : std::uint8_t {
  kLinear,
  kLog,    // values above 0 alone
  kSymlog  // logarithmic on either side of a linear piece about 0
};

// What is drawn in place of the values themselves, from each value back.
enum class SmoothKind : std::uint8_t {
  kNone,
  kEma,    // weights that halve with each `length`, the start not biased towards 0
  kMean,   // of the last `length`
  kMedian  // of the last `length`
};
struct Smooth {
  SmoothKind kind = SmoothKind::kNone;
  double length = 20.0;  // > 0: a half-life, or the width of a window
  bool seconds = false;  // else steps
  friend bool operator==(const Smooth& a, const Smooth& b) {
    return a.kind == b.kind && a.length == b.length && a.seconds == b.seconds;
  }
};

}  // namespace phaseguard::run
