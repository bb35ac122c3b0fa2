#include "monitor/run/series.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "monitor/base/check.h"

namespace phaseguard::run {

namespace {

constexpr std::size_t kBasePoints = 16;
constexpr std::size_t kFan = 4;
constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNone = std::numeric_limits<float>::quiet_NaN();

float to_float(double value) {
  constexpr double kMax = std::numeric_limits<float>::max();
  return static_cast<float>(std::clamp(value, -kMax, kMax));
}

}  // namespace

void Series::append(Step step, double t, double value, Quality quality) {
  const std::size_t i = steps_.size();
  const bool good = quality == Quality::kGood && std::isfinite(value);
  if (quality == Quality::kGood && !good) quality = Quality::kBad;
  if (i > 0 && (break_next_ || step.value < steps_.back())) breaks_.push_back(i);
  break_next_ = false;
  lowest_ = i == 0 ? step.value : std::min(lowest_, step.value);
  highest_ = i == 0 ? step.value : std::max(highest_, step.value);
  steps_.push_back(step.value);
  times_.push_back(t);
  values_.push_back(good ? value : std::numeric_limits<double>::quiet_NaN());
  qualities_.push_back(static_cast<std::uint8_t>(quality));
  if (!good) gaps_.push_back(i);
  grow(i);
}

void Series::break_here() { break_next_ = !steps_.empty(); }

// Every level has a bucket for point i; a level is added when the top one outgrows a fan.
void Series::grow(std::size_t i) {
  if (pyramid_.empty()) pyramid_.emplace_back();
  const bool good = qualities_[i] == static_cast<std::uint8_t>(Quality::kGood);
  const float value = good ? to_float(values_[i]) : 0.0F;
  std::size_t points = kBasePoints;
  for (auto& level : pyramid_) {
    if (i / points == level.size()) level.push_back({kInf, -kInf});
    if (good) {
      level.back().lo = std::min(level.back().lo, value);
      level.back().hi = std::max(level.back().hi, value);
    }
    points *= kFan;
  }
  if (pyramid_.back().size() <= kFan) return;
  const auto& below = pyramid_.back();
  std::vector<Bucket> top((below.size() + kFan - 1) / kFan, Bucket{kInf, -kInf});
  for (std::size_t b = 0; b < below.size(); ++b) {
    top[b / kFan].lo = std::min(top[b / kFan].lo, below[b].lo);
    top[b / kFan].hi = std::max(top[b / kFan].hi, below[b].hi);
  }
  pyramid_.push_back(std::move(top));
}

std::vector<Stretch> Series::stretches() const {
  std::vector<Stretch> out;
  std::size_t first = 0;
  for (const std::size_t b : breaks_) {
    out.push_back({first, b});
    first = b;
  }
  if (first < size()) out.push_back({first, size()});
  return out;
}

Extent Series::extent(std::size_t first, std::size_t last) const {
  PHASEGUARD_CHECK(first <= last && last <= size());
  Extent out;
  float lo = kInf;
  float hi = -kInf;
  for (std::size_t i = first; i < last;) {
    std::size_t points = kBasePoints;
    if (i % points != 0 || i + points > last) {
      if (qualities_[i] == static_cast<std::uint8_t>(Quality::kGood)) {
        lo = std::min(lo, to_float(values_[i]));
        hi = std::max(hi, to_float(values_[i]));
      }
      ++i;
      continue;
    }
    std::size_t level = 0;
    while (level + 1 < pyramid_.size() && i % (points * kFan) == 0 && i + points * kFan <= last) {
      ++level;
      points *= kFan;
    }
    lo = std::min(lo, pyramid_[level][i / points].lo);
    hi = std::max(hi, pyramid_[level][i / points].hi);
    i += points;
  }
  const auto from = std::lower_bound(gaps_.begin(), gaps_.end(), first);
  out.gaps = static_cast<std::size_t>(std::lower_bound(from, gaps_.end(), last) - from);
  out.good = last - first - out.gaps;
  out.lo = out.good > 0 ? lo : kNone;
  out.hi = out.good > 0 ? hi : kNone;
  return out;
}

std::size_t Series::lower_bound(const Stretch& stretch, double x) const {
  const auto begin = steps_.begin();
  const auto at = std::lower_bound(
      begin + static_cast<std::ptrdiff_t>(stretch.first),
      begin + static_cast<std::ptrdiff_t>(stretch.last), x,
      [](std::int64_t step, double wanted) { return static_cast<double>(step) < wanted; });
  return static_cast<std::size_t>(at - begin);
}

// lower_bound in [lo, hi) for somebody who knows about where: looks outward from `guess`, so that a
// long series costs a column a few neighbouring reads and not a walk through all of memory.
std::size_t Series::bound_near(std::size_t lo, std::size_t hi, std::size_t guess, double x) const {
  const auto below = [&](std::size_t i) { return static_cast<double>(steps_[i]) < x; };
  std::size_t width = 8;
  if (below(guess)) {
    lo = guess + 1;
    for (; lo + width < hi && below(lo + width); width *= 2) lo += width + 1;
    hi = std::min(hi, lo + width);
  } else {
    hi = guess;
    for (; hi > lo + width && !below(hi - width); width *= 2) hi -= width;
    lo = hi > lo + width ? hi - width : lo;
  }
  return lower_bound({lo, hi}, x);
}

Column Series::column(std::size_t first, std::size_t last) const {
  Column out;
  out.x = static_cast<double>(steps_[first]);
  out.x_end = static_cast<double>(steps_[last - 1]);
  out.extent = extent(first, last);
  const auto number = [this](std::size_t i) {
    return qualities_[i] == static_cast<std::uint8_t>(Quality::kGood) ? to_float(values_[i])
                                                                      : kNone;
  };
  out.first = number(first);
  out.last = number(last - 1);
  return out;
}

// How coarse the ends of a column of `points` points may be: a quarter of it at most.
std::size_t Series::snap_for(std::size_t points) {
  std::size_t snap = 1;
  for (std::size_t bucket = kBasePoints; bucket * 4 <= points; bucket *= kFan) snap = bucket;
  return snap;
}

std::vector<Column> Series::columns(const Stretch& stretch, double x0, double x1,
                                    int n_columns) const {
  PHASEGUARD_CHECK(stretch.first <= stretch.last && stretch.last <= size());
  std::vector<Column> out;
  if (stretch.first == stretch.last || n_columns < 1 || !(x0 <= x1)) return out;
  const std::size_t begin = lower_bound(stretch, x0);
  const std::size_t end = lower_bound(stretch, std::nextafter(x1, HUGE_VAL));
  if (begin > stretch.first) out.push_back(column(begin - 1, begin));
  const std::size_t snap = snap_for((end - begin) / static_cast<std::size_t>(n_columns));
  const bool each_point = end - begin <= static_cast<std::size_t>(n_columns);
  std::size_t i = begin;
  for (int c = 0; i < end; ++c) {
    std::size_t next = i + 1;
    if (each_point) {
      while (next < end && steps_[next] == steps_[i]) ++next;
    } else {
      const double edge = x0 + (x1 - x0) * static_cast<double>(c + 1) / n_columns;
      const auto left = static_cast<std::size_t>(std::max(n_columns - c, 1));
      next = c + 1 >= n_columns ? end : bound_near(i, end, i + (end - i) / left, edge);
      next = next == end ? end : next / snap * snap;  // whole buckets only: no walk over points
      if (next < i) next = i;
      if (next == i) continue;  // no point in this column
    }
    out.push_back(column(i, next));
    i = next;
  }
  if (end < stretch.last) out.push_back(column(end, end + 1));
  return out;
}

}  // namespace phaseguard::run
