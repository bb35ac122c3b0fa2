#include "monitor/dashboard/plot/lines.h"

#include <algorithm>
#include <cmath>

#include "monitor/run/plots.h"

namespace phaseguard::plot {
namespace {

constexpr std::size_t kFewest = 16;     // vertices; of fewer, none is an outlier
constexpr std::size_t kLookedAt = 400;  // vertices, evenly spaced, for what most of them are
constexpr std::size_t kOneIn = 50;      // so many may lie outside, on either side
constexpr double kFlattens = 12.0;      // by more than that the others would be squeezed
constexpr double kLargest = 4e307;      // of an axis: differences stay finite
constexpr double kSmallest = 1e-300;    // of an axis that can be told from a point
constexpr double kRoom = 0.06;          // of a logarithmic axis, on either side

void join(Extent& all, const Extent& more) {
  all.lo = std::min(all.lo, more.lo);
  all.hi = std::max(all.hi, more.hi);
}

// Median size of what is not 0, of some vertices.
double typical_of(const std::vector<Vertex>& vertices) {
  std::vector<double> sizes;
  const std::size_t stride = std::max<std::size_t>(1, vertices.size() / kLookedAt);
  for (std::size_t i = 0; i < vertices.size(); i += stride) {
    if (!vertices[i].hole && vertices[i].hi != 0.0) sizes.push_back(std::abs(vertices[i].hi));
  }
  if (sizes.empty()) return 0.0;
  const auto middle = sizes.begin() + static_cast<std::ptrdiff_t>(sizes.size() / 2);
  std::nth_element(sizes.begin(), middle, sizes.end());
  return *middle;
}

void look_at(YKind spread, ValueAxis::Drawn& drawn) {
  drawn.spread = spread;
  drawn.positive = {};
  for (const Vertex& v : drawn.vertices) {
    if (!v.hole && v.hi > 0.0) join(drawn.positive, {v.lo > 0.0 ? v.lo : v.hi, v.hi});
  }
  if (spread == YKind::kSymlog) drawn.typical = typical_of(drawn.vertices);
  drawn.crowd = crowd_of(drawn.vertices);  // with those just outside, which do not count
  drawn.crowd.lo = std::max(drawn.crowd.lo, drawn.whole.lo);
  drawn.crowd.hi = std::min(drawn.crowd.hi, drawn.whole.hi);
}

double clamped(double value) { return std::clamp(value, -kLargest, kLargest); }

Range log_range(const Extent& positive) {
  if (positive.empty()) return {0.1, 1.0};
  const double lo = std::log10(std::clamp(positive.lo, kSmallest, kLargest));
  const double hi = std::log10(std::clamp(positive.hi, kSmallest, kLargest));
  const double room = std::max(kRoom * (hi - lo), 0.05);
  const double top = std::min(hi + room, 307.6);
  return {std::pow(10.0, std::max(lo - room, -306.0)), std::pow(10.0, top)};
}

Range symlog_range(const Extent& whole, const Spread& spread) {
  if (whole.empty()) return {-1.0, 1.0};
  const double lo = spread.to(clamped(whole.lo));
  const double hi = spread.to(clamped(whole.hi));
  const double room = std::max(kRoom * (hi - lo), 0.05);
  const auto value = [&](double place) {
    return std::clamp(spread.from(place), -2.0 * kLargest, 2.0 * kLargest);
  };
  return {value(lo - room), value(hi + room)};
}

// What the axis is to show, thresholds included where they leave the values room.
Extent wanted(const PlotSpec& spec, Extent values) {
  Extent all = values;
  for (const Threshold& t : spec.thresholds) {
    if (run::has_room(t.y, values.lo, values.hi)) join(all, {t.y, t.y});
  }
  return all;
}

struct InSight {
  Extent whole;
  Extent crowd;
  Extent positive;
  double typical = 0.0;
};

InSight in_sight(const PlotSpec& spec, const ValueAxis& values) {
  InSight out;
  for (std::size_t i = 0; i < spec.lines.size(); ++i) {
    const Line& line = spec.lines[i];
    if (line.data == nullptr || line.hidden) continue;
    const ValueAxis::Drawn& drawn = values.drawn[i];
    join(out.whole, line.behind ? drawn.crowd : drawn.whole);
    join(out.crowd, drawn.crowd);
    join(out.positive, drawn.positive);
    out.typical = std::max(out.typical, drawn.typical);
  }
  return out;
}

Extent robust(const InSight& seen) {
  const double crowd = seen.crowd.hi - seen.crowd.lo;
  const bool flat = crowd > 0.0 && 0.5 * seen.whole.hi - 0.5 * seen.whole.lo >
                                       0.5 * kFlattens * std::max(crowd, 1e-300);
  return flat ? seen.crowd : seen.whole;
}

}  // namespace

Extent crowd_of(const std::vector<Vertex>& vertices) {
  std::vector<double> lows;
  std::vector<double> highs;
  lows.reserve(2 * kLookedAt);
  highs.reserve(2 * kLookedAt);
  const std::size_t stride = std::max<std::size_t>(1, vertices.size() / kLookedAt);
  for (std::size_t i = 0; i < vertices.size(); i += stride) {
    if (vertices[i].hole) continue;
    lows.push_back(vertices[i].lo);
    highs.push_back(vertices[i].hi);
  }
  if (lows.empty()) return {};
  std::size_t out = lows.size() / kOneIn;
  if (out == 0 && lows.size() >= kFewest) out = 1;
  const auto nth = static_cast<std::ptrdiff_t>(out);
  std::nth_element(lows.begin(), lows.begin() + nth, lows.end());
  std::nth_element(highs.begin(), highs.end() - 1 - nth, highs.end());
  return {lows[out], highs[highs.size() - 1 - out]};
}

void refresh_lines(const PlotSpec& spec, Range x, int columns, ValueAxis& values) {
  values.drawn.resize(spec.lines.size());
  for (std::size_t i = 0; i < spec.lines.size(); ++i) {
    const Line& line = spec.lines[i];
    if (line.data == nullptr) continue;
    ValueAxis::Drawn& drawn = values.drawn[i];
    const Stamp stamp = line.data->stamp();
    const bool same = drawn.stamp == stamp && drawn.x == x && drawn.columns == columns;
    if (same && drawn.spread == spec.y) continue;
    drawn.vertices.clear();
    line.data->vertices(x, columns, drawn.vertices);
    drawn.stamp = stamp;
    drawn.x = x;
    drawn.columns = columns;
    drawn.whole = line.data->extent(x);
    look_at(spec.y, drawn);
  }
}

void fit_values(const PlotSpec& spec, ValueAxis& values) {
  const InSight seen = in_sight(spec, values);
  values.spread.kind = spec.y;
  if (spec.y == YKind::kSymlog && values.automatic) {
    const double size = seen.typical > 0.0 ? seen.typical : 1.0;
    values.spread.linear_to =
        std::clamp(std::pow(10.0, std::floor(std::log10(size)) - 1.0), 1e-300, 1e300);
  }
  if (!values.automatic) return;
  if (spec.y == YKind::kLog) {
    values.view = log_range(seen.positive);
    return;
  }
  if (spec.y == YKind::kSymlog) {
    values.view = symlog_range(wanted(spec, seen.whole), values.spread);
    return;
  }
  const Extent e = wanted(spec, spec.robust ? robust(seen) : seen.whole);
  const double lo = e.empty() ? e.lo : clamped(e.lo);
  const double hi = e.empty() ? e.hi : clamped(e.hi);
  const run::ValueRange range = run::value_range(lo, hi, spec.min, spec.max);
  values.view = {std::max(range.lo, -2.0 * kLargest), std::min(range.hi, 2.0 * kLargest)};
  values.view.hi = std::max(values.view.hi, values.view.lo + kSmallest);
}

run::Beyond count_beyond(const PlotSpec& spec, Range x, ValueAxis& values) {
  run::Beyond all;
  for (std::size_t i = 0; i < spec.lines.size(); ++i) {
    const Line& line = spec.lines[i];
    if (line.data == nullptr || line.hidden || i >= values.drawn.size()) continue;
    ValueAxis::Drawn& drawn = values.drawn[i];
    if (values.view.contains(drawn.whole.lo) && values.view.contains(drawn.whole.hi)) continue;
    if (!(drawn.counted == drawn.stamp) || !(drawn.counted_x == x) ||
        !(drawn.counted_y == values.view)) {
      drawn.beyond = line.data->beyond(x, values.view);
      drawn.counted = drawn.stamp;
      drawn.counted_x = x;
      drawn.counted_y = values.view;
    }
    all.below += drawn.beyond.below;
    all.above += drawn.beyond.above;
    all.all = all.all && drawn.beyond.all;
  }
  return all;
}

}  // namespace phaseguard::plot
