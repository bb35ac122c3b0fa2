#include "monitor/dashboard/plot/curves/data.h"

#include <algorithm>
#include <cmath>

#include "monitor/dashboard/plot/curves/smooth.h"

namespace phaseguard::plot {
namespace {

constexpr std::size_t kMostLooked = 2000;  // buckets; then values outside are "at least so many"

std::size_t first_at(const run::Series& series, const run::Stretch& stretch, const Along& along,
                     double x) {
  return series.first_from(stretch, along.raw(x), along.by());
}

double step_of(const run::Series& series, std::size_t i) {
  return series.x_near(i, run::By::kStep);
}

void widen_by(Extent& extent, double lo, double hi) {
  extent.lo = std::min(extent.lo, lo);
  extent.hi = std::max(extent.hi, hi);
}

void add(run::Beyond& all, const run::Beyond& more) {
  all.below += more.below;
  all.above += more.above;
  all.all = all.all && more.all;
}

std::optional<std::size_t> nearest_point(const run::Series& series, const Along& along, double x,
                                         bool held) {
  std::optional<std::size_t> best;
  const auto distance = [&](std::size_t i) { return std::abs(along.x(series, i) - x); };
  for (const run::Stretch& stretch : series.stretches()) {
    std::size_t i = first_at(series, stretch, along, x);
    if (held) {  // the value in force at x is that of the last change before it
      if (i == stretch.last || along.x(series, i) > x) {
        if (i == stretch.first) continue;
        --i;
      }
    } else if (i == stretch.last ||
               (i > stretch.first && x - along.x(series, i - 1) < along.x(series, i) - x)) {
      --i;
    }
    if (!best || held || distance(i) <= distance(*best)) best = i;
  }
  return best;
}

std::optional<Nearest> nearest_in(const run::Series& series, const Along& along, double x,
                                  bool held) {
  const auto i = nearest_point(series, along, x, held);
  return i ? std::optional<Nearest>({along.x(series, *i), series.value_at(*i)}) : std::nullopt;
}

}  // namespace

Stamp SeriesData::stamp() const {
  const std::size_t smoothed = smoothed_ != nullptr ? smoothed_->version() : 0;
  return {series_, series_->size(), max_gap_, smoothed, along_};
}

// Of a smoothed line, as far as it has been made.
std::vector<run::Stretch> SeriesData::stretches() const {
  std::vector<run::Stretch> out = series_->stretches();
  if (smoothed_ == nullptr) return out;
  for (run::Stretch& s : out) s.last = std::min(s.last, smoothed_->values().size());
  out.erase(std::remove_if(out.begin(), out.end(),
                           [](const run::Stretch& s) { return s.first >= s.last; }),
            out.end());
  return out;
}

void SeriesData::widen(const run::Stretch& slice, Extent& extent) const {
  if (smoothed_ != nullptr) {
    smoothed_->pyramid().widen(smoothed_->values(), slice.first, slice.last, extent.lo, extent.hi);
    return;
  }
  series_->widen(slice.first, slice.last, extent.lo, extent.hi);
}

void SeriesData::vertices(Range x, int columns, std::vector<Vertex>& out) const {
  const auto all = stretches();
  const std::size_t n = series_->stretches().size();
  for (std::size_t s = 0; s < all.size(); ++s) add_stretch(all[s], s + 1 < n, x, columns, out);
}

// A column breaks the line where it holds nothing to draw, where its ends are bad, and where the
// distance to the one before is over max_gap.
void SeriesData::add_stretch(const run::Stretch& stretch, bool old, Range x, int columns,
                             std::vector<Vertex>& out) const {
  const auto is_bad = [&](std::size_t i) { return series_->quality_at(i) != Quality::kGood; };
  const bool has_gaps = std::isfinite(max_gap_);
  bool broken = true;
  double last_step = 0.0;
  for (const run::Stretch& slice :
       series_->slices(stretch, along_.raw(x.lo), along_.raw(x.hi), columns, along_.by())) {
    const std::size_t gaps = series_->gaps_in(slice.first, slice.last);
    Vertex v;
    v.x = along_.x(*series_, slice.first);
    v.bad = gaps;
    v.old = old;
    if (gaps == slice.last - slice.first) {
      v.starts = v.hole = broken = true;
      out.push_back(v);
      continue;
    }
    Extent extent;
    widen(slice, extent);
    if (extent.empty()) continue;  // smoothed, and nothing to say here
    v.lo = extent.lo;
    v.hi = extent.hi;
    const bool far = has_gaps && step_of(*series_, slice.first) - last_step > max_gap_;
    v.starts = broken || far || (gaps > 0 && is_bad(slice.first));
    out.push_back(v);
    broken = gaps > 0 && is_bad(slice.last - 1);
    if (has_gaps) last_step = step_of(*series_, slice.last - 1);
  }
}

Extent SeriesData::present_extent() const {
  Extent out;
  const auto all = series_->stretches();
  if (!all.empty()) widen(all.back(), out);
  return out;
}

run::Stretch SeriesData::inside(const run::Stretch& stretch, Range x) const {
  const std::size_t first = first_at(*series_, stretch, along_, x.lo);
  const double beyond = std::nextafter(along_.raw(x.hi), HUGE_VAL);
  const std::size_t last = series_->first_from(stretch, beyond, along_.by());
  return {first, std::max(first, last)};
}

Extent SeriesData::extent(Range x) const {
  Extent all;
  for (const run::Stretch& stretch : stretches()) {
    const run::Stretch slice = inside(stretch, x);
    if (slice.first < slice.last) widen(slice, all);
  }
  return all;
}

run::Beyond SeriesData::beyond(Range x, Range y) const {
  run::Beyond all;
  for (const run::Stretch& stretch : stretches()) {
    const run::Stretch slice = inside(stretch, x);
    add(all, smoothed_ != nullptr
                 ? smoothed_->pyramid().beyond(smoothed_->values(), slice.first, slice.last, y.lo,
                                               y.hi, kMostLooked)
                 : series_->beyond(slice.first, slice.last, y.lo, y.hi, kMostLooked));
  }
  return all;
}

std::optional<Nearest> SeriesData::nearest(double x) const {
  const auto i = nearest_point(*series_, along_, x, false);
  if (!i) return std::nullopt;
  if (smoothed_ == nullptr) return Nearest{along_.x(*series_, *i), series_->value_at(*i)};
  if (*i >= smoothed_->values().size()) return std::nullopt;  // not made yet
  return Nearest{along_.x(*series_, *i), smoothed_->values()[*i]};
}

Stamp MaxData::stamp() const {
  Stamp out{series_.empty() ? nullptr : series_.front(), 0, 0.0, 0, along_};
  for (const run::Series* series : series_) out.points += series->size();
  return out;
}

void MaxData::vertices(Range x, int columns, std::vector<Vertex>& out) const {
  std::vector<Vertex> all;
  std::vector<Vertex> one;
  for (const run::Series* series : series_) {
    one.clear();
    SeriesData(*series, std::numeric_limits<double>::infinity(), along_).vertices(x, columns, one);
    if (all.empty()) {
      all = one;
      continue;
    }
    if (one.size() != all.size()) continue;  // not measured together: it cannot be compared
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (one[i].x != all[i].x) continue;
      const std::size_t bad = all[i].bad + one[i].bad;
      if (!one[i].hole && (all[i].hole || one[i].hi > all[i].hi)) all[i] = one[i];
      all[i].bad = bad;
    }
  }
  for (Vertex& v : all) v.lo = v.hi;
  out.insert(out.end(), all.begin(), all.end());
}

Extent MaxData::extent(Range x) const {
  Extent all;
  for (const run::Series* series : series_) {
    const Extent e = SeriesData(*series, std::numeric_limits<double>::infinity(), along_).extent(x);
    if (!e.empty()) widen_by(all, e.lo, e.hi);
  }
  return all;
}

run::Beyond MaxData::beyond(Range x, Range y) const {
  run::Beyond all;
  for (const run::Series* series : series_) {
    add(all, SeriesData(*series, std::numeric_limits<double>::infinity(), along_).beyond(x, y));
  }
  all.below = 0;  // of one that is low there may be another that is not
  return all;
}

std::optional<Nearest> MaxData::nearest(double x) const {
  std::optional<Nearest> best;
  for (const run::Series* series : series_) {
    const auto found = nearest_in(*series, along_, x, false);
    if (found && (!best || std::isnan(best->y) || found->y > best->y)) best = found;
  }
  return best;
}

void HeldData::vertices(Range x, int columns, std::vector<Vertex>& out) const {
  const auto stretches = series_->stretches();
  for (std::size_t s = 0; s < stretches.size(); ++s) {
    const run::Stretch& stretch = stretches[s];
    const bool old = s + 1 < stretches.size();
    std::size_t first = first_at(*series_, stretch, along_, x.lo);
    if (first > stretch.first) --first;
    const std::size_t last = std::min(stretch.last, first_at(*series_, stretch, along_, x.hi) + 1);
    if (first >= last) continue;
    if (last - first > 2 * static_cast<std::size_t>(columns)) {
      SeriesData(*series_, 1e300, along_).add_stretch(stretch, old, x, columns, out);
      continue;
    }
    bool starts = true;
    for (std::size_t i = first; i < last; ++i) {
      const double value = series_->value_at(i);
      const double from = along_.x(*series_, i);
      if (std::isnan(value)) {
        out.push_back({.x = from, .bad = 1, .starts = true, .hole = true, .old = old});
        starts = true;
        continue;
      }
      double to = i + 1 < stretch.last ? along_.x(*series_, i + 1) : from;
      if (i + 1 == stretch.last && !old) to = std::max(from, until_);
      out.push_back({.x = from, .lo = value, .hi = value, .starts = starts, .old = old});
      out.push_back({.x = to, .lo = value, .hi = value, .old = old});
      starts = false;
    }
  }
}

Extent HeldData::extent(Range x) const {
  Extent all = SeriesData(*series_, 1e300, along_).extent(x);
  const auto in_force = nearest_in(*series_, along_, x.lo, true);
  if (in_force && !std::isnan(in_force->y)) widen_by(all, in_force->y, in_force->y);
  return all;
}

run::Beyond HeldData::beyond(Range x, Range y) const {
  return SeriesData(*series_, 1e300, along_).beyond(x, y);
}

std::optional<Nearest> HeldData::nearest(double x) const {
  return nearest_in(*series_, along_, x, true);
}

}  // namespace phaseguard::plot
