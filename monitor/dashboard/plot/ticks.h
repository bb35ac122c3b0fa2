// Ticks of an axis and what stands beside them. Pure.
#pragma once

#include <string>
#include <vector>

#include "monitor/dashboard/plot/axis.h"

namespace phaseguard::plot {

// Where the ticks of a linear axis go: first + i * step for i in [0, count).
struct Ticks {
  double first = 0.0;
  double step = 1.0;
  int count = 0;
  [[nodiscard]] double at(int i) const { return first + i * step; }
};

inline constexpr int kLeastTicks = 3;

// Ticks of a round step inside `range`: of 1, 2 or 5 times a power of ten where at least
// kLeastTicks and at most `max_count` of them fit, else of 1.5, 2.5, 3, 4, 6 or 8 times one, else
// as few above max_count as there are. `integer`: never closer than 1 (steps of a run), and so
// fewer on an axis that is that short.
[[nodiscard]] Ticks nice_ticks(Range range, int max_count, bool integer = false);

// The label of a tick: as many decimals as `step` needs, "12k" and "3.5M" for large ones, "3.4e38"
// for larger ones.
[[nodiscard]] std::string tick_label(double value, double step);

struct Tick {
  double value = 0.0;
  std::string label;
};

// The ticks of an axis. `base`: what the labels leave out where they would be too long ("from
// 1234567" for labels as "+0.25", "in 1e287"); "" as a rule.
struct AxisTicks {
  std::vector<Tick> ticks;
  std::string base;
};
[[nodiscard]] AxisTicks value_ticks(Range range, const Spread& spread, int max_count);

// Of an x axis: steps and tokens as whole numbers, elapsed time as "1h05", the time of day in UTC.
[[nodiscard]] std::vector<Tick> x_ticks(Range range, run::XKind kind, int max_count);
// One place of it, in full: "step 1234", "2026-11-28 04:36:11 UTC", "1 h 05 min 02 s",
// "1234567 tokens".
[[nodiscard]] std::string x_label(double x, run::XKind kind);
// A distance of it: "104 steps", "35 s", "2000 tokens".
[[nodiscard]] std::string distance_label(double distance, run::XKind kind);

}  // namespace phaseguard::plot
