#include "monitor/dashboard/plot/data.h"

#include <algorithm>
#include <cmath>

namespace phaseguard::plot {
namespace {

double step_of(const run::Series& series, std::size_t i) {
  return static_cast<double>(series.step_at(i).value);
}

// First point of [stretch.first, stretch.last) with step >= x.
std::size_t first_at(const run::Series& series, const run::Stretch& stretch, double x) {
  std::size_t lo = stretch.first;
  std::size_t hi = stretch.last;
  while (lo < hi) {
    const std::size_t middle = lo + (hi - lo) / 2;
    if (step_of(series, middle) < x) {
      lo = middle + 1;
    } else {
      hi = middle;
    }
  }
  return lo;
}

void widen(Extent& extent, double lo, double hi) {
  extent.lo = std::min(extent.lo, lo);
  extent.hi = std::max(extent.hi, hi);
}

// Turns the columns of one stretch into vertices: breaks at holes and at distances over `max_gap`.
void join(const std::vector<run::Column>& columns, double max_gap, bool old,
          std::vector<Vertex>& out) {
  bool broken = true;
  double last_x = 0.0;
  for (const run::Column& c : columns) {
    if (c.extent.good == 0) {
      if (c.extent.gaps > 0) out.push_back({.x = c.x, .starts = true, .hole = true, .old = old});
      broken = true;
      continue;
    }
    const bool starts = broken || std::isnan(c.first) || c.x - last_x > max_gap;
    out.push_back({.x = c.x, .lo = c.extent.lo, .hi = c.extent.hi, .starts = starts, .old = old});
    broken = std::isnan(c.last);
    last_x = c.x_end;
  }
}

std::optional<Nearest> nearest_in(const run::Series& series, double x, bool held) {
  std::optional<Nearest> best;
  for (const run::Stretch& stretch : series.stretches()) {
    std::size_t i = first_at(series, stretch, x);
    if (held) {  // the value in force at x is that of the last change before it
      if (i == stretch.last || step_of(series, i) > x) {
        if (i == stretch.first) continue;
        --i;
      }
    } else if (i == stretch.last ||
               (i > stretch.first && x - step_of(series, i - 1) < step_of(series, i) - x)) {
      --i;
    }
    const Nearest found{step_of(series, i), series.value_at(i)};
    if (!best || held || std::abs(found.x - x) <= std::abs(best->x - x)) best = found;
  }
  return best;
}

}  // namespace

void SeriesData::vertices(Range x, int columns, std::vector<Vertex>& out) const {
  const auto stretches = series_->stretches();
  for (std::size_t i = 0; i < stretches.size(); ++i) {
    join(series_->columns(stretches[i], x.lo, x.hi, columns), max_gap_, i + 1 < stretches.size(),
         out);
  }
}

Extent SeriesData::present_extent() const {
  Extent out;
  const auto stretches = series_->stretches();
  if (stretches.empty()) return out;
  const run::Extent e = series_->extent(stretches.back().first, stretches.back().last);
  if (e.good > 0) widen(out, e.lo, e.hi);
  return out;
}

Stamp MaxData::stamp() const {
  Stamp out{series_.empty() ? nullptr : series_.front(), 0, 0.0};
  for (const run::Series* series : series_) out.points += series->size();
  return out;
}

Extent SeriesData::extent(Range x) const {
  Extent all;
  for (const run::Stretch& stretch : series_->stretches()) {
    const std::size_t first = first_at(*series_, stretch, x.lo);
    const std::size_t last = first_at(*series_, stretch, std::nextafter(x.hi, x.hi + 1.0));
    if (first >= last) continue;
    const run::Extent e = series_->extent(first, last);
    if (e.good > 0) widen(all, e.lo, e.hi);
  }
  return all;
}

std::optional<Nearest> SeriesData::nearest(double x) const {
  return nearest_in(*series_, x, false);
}

void MaxData::vertices(Range x, int columns, std::vector<Vertex>& out) const {
  std::vector<Vertex> all;
  std::vector<Vertex> one;
  for (const run::Series* series : series_) {
    one.clear();
    SeriesData(*series).vertices(x, columns, one);
    if (all.empty()) {
      all = one;
      continue;
    }
    if (one.size() != all.size()) continue;  // not measured together: it cannot be compared
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (one[i].hole || one[i].x != all[i].x) continue;
      if (all[i].hole || one[i].hi > all[i].hi) all[i] = one[i];
    }
  }
  for (Vertex& v : all) v.lo = v.hi;
  out.insert(out.end(), all.begin(), all.end());
}

Extent MaxData::extent(Range x) const {
  Extent all;
  for (const run::Series* series : series_) {
    const Extent e = SeriesData(*series).extent(x);
    if (!e.empty()) widen(all, e.lo, e.hi);
  }
  return all;
}

std::optional<Nearest> MaxData::nearest(double x) const {
  std::optional<Nearest> best;
  for (const run::Series* series : series_) {
    const auto found = nearest_in(*series, x, false);
    if (found && (!best || std::isnan(best->y) || found->y > best->y)) best = found;
  }
  return best;
}

void HeldData::vertices(Range x, int columns, std::vector<Vertex>& out) const {
  const auto stretches = series_->stretches();
  for (std::size_t s = 0; s < stretches.size(); ++s) {
    const run::Stretch& stretch = stretches[s];
    const bool old = s + 1 < stretches.size();
    std::size_t first = first_at(*series_, stretch, x.lo);
    if (first > stretch.first) --first;
    const std::size_t last = std::min(stretch.last, first_at(*series_, stretch, x.hi) + 1);
    if (first >= last) continue;
    if (last - first > 2 * static_cast<std::size_t>(columns)) {
      join(series_->columns(stretch, x.lo, x.hi, columns), 1e300, old, out);
      continue;
    }
    bool starts = true;
    for (std::size_t i = first; i < last; ++i) {
      const double value = series_->value_at(i);
      if (std::isnan(value)) {
        starts = true;
        continue;
      }
      const double from = step_of(*series_, i);
      double to = i + 1 < stretch.last ? step_of(*series_, i + 1) : from;
      if (i + 1 == stretch.last && !old) to = std::max(from, until_);
      out.push_back({.x = from, .lo = value, .hi = value, .starts = starts, .old = old});
      out.push_back({.x = to, .lo = value, .hi = value, .old = old});
      starts = false;
    }
  }
}

Extent HeldData::extent(Range x) const {
  Extent all = SeriesData(*series_).extent(x);
  const auto in_force = nearest_in(*series_, x.lo, true);
  if (in_force && !std::isnan(in_force->y)) widen(all, in_force->y, in_force->y);
  return all;
}

std::optional<Nearest> HeldData::nearest(double x) const { return nearest_in(*series_, x, true); }

}  // namespace phaseguard::plot
