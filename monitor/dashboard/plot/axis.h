// Axis arithmetic of the plots: ranges, how values are spread, zoom, pan and fit. Used by the plot
// drawing and by the sparklines; any thread; pure.
#pragma once

#include <string>
#include <vector>

#include "monitor/run/axes.h"

namespace phaseguard::plot {

// An interval of an axis. Always finite, lo < hi.
struct Range {
  double lo = 0.0;
  double hi = 1.0;
  [[nodiscard]] double span() const { return hi - lo; }
  [[nodiscard]] bool contains(double value) const { return value >= lo && value <= hi; }
  friend bool operator==(const Range& a, const Range& b) { return a.lo == b.lo && a.hi == b.hi; }
};

// A value for a person: four significant digits, no zeros that say nothing ("2", "0.000305"), an
// exponent below 1e-4 and from 1e6 on ("3.4e38"); "NaN" for NaN.
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

// How values are spread: `to` gives a place, equal distances of which are equal distances on the
// screen, `from` the value of a place.
struct Spread {
  run::YKind kind = run::YKind::kLinear;
  double linear_to = 1.0;  // symlog: about 0 it is linear so far
  // log: -1e4 for what has no logarithm, which is far below everything that has one.
  [[nodiscard]] double to(double value) const;
  [[nodiscard]] double from(double place) const;
  friend bool operator==(const Spread& a, const Spread& b) {
    return a.kind == b.kind && a.linear_to == b.linear_to;
  }
};

// `range` zoomed or moved as it is seen: by places, not by values. `factor` about the value
// `about`, then by `by` heights.
[[nodiscard]] Range spread_zoomed(Range range, const Spread& spread, double about, double factor);
[[nodiscard]] Range spread_panned(Range range, const Spread& spread, double by);

// Map of an axis to pixels; px_hi may be smaller than px_lo (y grows upward).
class Scale {
 public:
  Scale(Range shown, float from, float to, Spread how = {})
      : range(shown), px_lo(from), px_hi(to), spread(how) {
    lo_ = spread.to(range.lo);
    const double width = spread.to(range.hi) - lo_;
    per_unit_ = width > 0.0 ? 1.0 / width : 0.0;
  }
  [[nodiscard]] float px(double value) const {
    const double t = (spread.to(value) - lo_) * per_unit_;
    const double clipped = t < -8.0 ? -8.0 : t > 9.0 ? 9.0 : t;  // floats far outside the clip box
    return static_cast<float>(px_lo + clipped * (px_hi - px_lo));
  }
  [[nodiscard]] double value(float at) const {
    const double t = (at - px_lo) / (px_hi - px_lo);
    return per_unit_ > 0.0 ? spread.from(lo_ + t / per_unit_) : range.lo;
  }

  Range range;
  float px_lo;
  float px_hi;
  Spread spread;

 private:
  double lo_ = 0.0;
  double per_unit_ = 1.0;
};

}  // namespace phaseguard::plot
