// Axis arithmetic of the plots: ranges, nice 1-2-5 ticks, zoom, pan and fit. Used by the plot
// drawing and by the sparklines; any thread; pure.
#pragma once

#include <string>
#include <vector>

namespace phaseguard::plot {

// An interval of an axis. Always finite, lo < hi.
struct Range {
  double lo = 0.0;
  double hi = 1.0;
  [[nodiscard]] double span() const { return hi - lo; }
  [[nodiscard]] bool contains(double value) const { return value >= lo && value <= hi; }
};

// Where the ticks of an axis go: first + i * step for i in [0, count).
struct Ticks {
  double first = 0.0;
  double step = 1.0;
  int count = 0;
  [[nodiscard]] double at(int i) const { return first + i * step; }
};

// Ticks of 1, 2 or 5 times a power of ten inside `range`, at most `max_count` (at least 2) of them.
// `integer`: never closer than 1 (steps of a run).
[[nodiscard]] Ticks nice_ticks(Range range, int max_count, bool integer = false);

// The label of a tick: as many decimals as `step` needs, "12k" and "3.5M" for large ones.
[[nodiscard]] std::string tick_label(double value, double step);

// A value for a person: four significant digits, no exponent between 1e-4 and 1e6; "NaN" for NaN.
[[nodiscard]] std::string value_label(double value);

// `range` scaled about the value `about`, which keeps its place; factor < 1 zooms in. The span
// stays inside [min_span, max_span].
[[nodiscard]] Range zoomed(Range range, double about, double factor, double min_span,
                           double max_span);

// `range` moved by `delta`, and back as far as needed to stay in sight of `full`.
[[nodiscard]] Range panned(Range range, double delta, Range full);

// A range that shows [lo, hi] with some room; a flat or non-finite one is widened. Zero is kept as
// the floor when every value is >= 0 (run::value_range without a declared range).
[[nodiscard]] Range fitted(double lo, double hi);

// Linear map of an axis to pixels; px_hi may be smaller than px_lo (y grows upward).
struct Scale {
  Range range;
  float px_lo = 0.0F;
  float px_hi = 1.0F;
  [[nodiscard]] float px(double value) const {
    const double t = (value - range.lo) / range.span();
    const double clipped = t < -8.0 ? -8.0 : t > 9.0 ? 9.0 : t;  // floats far outside the clip box
    return static_cast<float>(px_lo + clipped * (px_hi - px_lo));
  }
  [[nodiscard]] double value(float at) const {
    return range.lo + (at - px_lo) / (px_hi - px_lo) * range.span();
  }
};

}  // namespace phaseguard::plot
