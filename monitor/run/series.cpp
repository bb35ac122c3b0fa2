#include "monitor/run/series.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "monitor/base/check.h"

namespace phaseguard::run {

namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

// First b in [lo, hi) for which `reaches(b)` holds, hi if for none, for somebody who knows about
// where: looks outward from `guess`, so that a long series costs a few neighbouring reads and not a
// walk through all of memory.
template <class Reaches>
std::size_t first_near(std::size_t lo, std::size_t hi, std::size_t guess, Reaches reaches) {
  if (guess < hi && !reaches(guess)) {
    lo = guess + 1;
    std::size_t width = 0;
    for (; lo + width < hi && !reaches(lo + width); width = 4 * width + 1) lo += width + 1;
    hi = std::min(hi, lo + width);
  } else {
    hi = std::min(hi, guess);
    std::size_t width = 1;
    for (; hi > lo + width && reaches(hi - width); width *= 4) hi -= width;
    lo = hi > lo + width ? hi - width : lo;
  }
  while (lo < hi) {
    const std::size_t middle = lo + (hi - lo) / 2;
    if (reaches(middle)) {
      hi = middle;
    } else {
      lo = middle + 1;
    }
  }
  return lo;
}

}  // namespace

void Series::append(Step step, double t, double value, Quality quality) {
  const std::size_t i = size();
  const bool good = quality == Quality::kGood && std::isfinite(value);
  if (quality == Quality::kGood && !good) quality = Quality::kBad;
  if (i > 0 && (break_next_ || step < step_at(i - 1))) breaks_.push_back(i);
  break_next_ = false;
  lowest_ = i == 0 ? step.value : std::min(lowest_, step.value);
  highest_ = i == 0 ? step.value : std::max(highest_, step.value);
  const Place place{static_cast<double>(step.value), t};
  if (i % kDense == 0) near_.push_back(place);
  if (i % kSparse == 0) far_.push_back(place);
  std::uint64_t bits = 0;
  std::memcpy(&bits, &t, sizeof bits);
  steps_.push_back(static_cast<std::uint64_t>(step.value) ^ kSign);
  times_.push_back(bits);
  values_.push_back(good ? value : kNone);
  if (!good) {
    gaps_.push_back(i);
    gap_qualities_.push_back(quality);
  }
  pyramid_.grow(values_);
}

void Series::break_here() { break_next_ = !empty(); }

Quality Series::quality_of_gap(std::size_t i) const {
  const auto found = std::lower_bound(gaps_.begin(), gaps_.end(), i);
  return gap_qualities_[static_cast<std::size_t>(found - gaps_.begin())];
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

std::size_t Series::gaps_in(std::size_t first, std::size_t last) const {
  const auto from = std::lower_bound(gaps_.begin(), gaps_.end(), first);
  return static_cast<std::size_t>(std::lower_bound(from, gaps_.end(), last) - from);
}

Extent Series::extent(std::size_t first, std::size_t last) const {
  PHASEGUARD_CHECK(first <= last && last <= size());
  Extent out;
  double lo = std::numeric_limits<double>::infinity();
  double hi = -lo;
  pyramid_.widen(values_, first, last, lo, hi);
  out.gaps = gaps_in(first, last);
  out.good = last - first - out.gaps;
  out.lo = out.good > 0 ? lo : kNone;
  out.hi = out.good > 0 ? hi : kNone;
  return out;
}

std::size_t Series::first_from(const Stretch& stretch, double x, By by) const {
  std::size_t lo = stretch.first;
  std::size_t hi = stretch.last;
  for (const std::size_t unit : {kSparse, kDense, std::size_t{1}}) {
    std::size_t from = (lo + unit - 1) / unit;
    std::size_t to = (hi + unit - 1) / unit;
    while (from < to) {
      const std::size_t middle = from + (to - from) / 2;
      if (x_near(middle * unit, by) < x) {
        from = middle + 1;
        lo = middle * unit + 1;
      } else {
        to = middle;
        hi = middle * unit;
      }
    }
  }
  return hi;
}

Column Series::column(const Stretch& slice) const {
  Column out;
  out.x = x_at(slice.first, By::kStep);
  out.x_end = x_at(slice.last - 1, By::kStep);
  out.extent = extent(slice.first, slice.last);
  out.first = values_[slice.first];
  out.last = values_[slice.last - 1];
  return out;
}

std::vector<Stretch> Series::slices(const Stretch& stretch, double x0, double x1, int n_parts,
                                    By by) const {
  PHASEGUARD_CHECK(stretch.first <= stretch.last && stretch.last <= size());
  std::vector<Stretch> out;
  if (stretch.first == stretch.last || n_parts < 1 || !(x0 <= x1)) return out;
  const std::size_t begin = first_from(stretch, x0, by);
  const std::size_t end = first_from(stretch, std::nextafter(x1, HUGE_VAL), by);
  if (begin > stretch.first) out.push_back({begin - 1, begin});
  const std::size_t points = end > begin ? end - begin : 0;
  const std::size_t snap = Pyramid::snap_for(points / static_cast<std::size_t>(n_parts));
  const bool each_point = points <= static_cast<std::size_t>(n_parts);
  std::size_t i = begin;
  for (int c = 0; i < end; ++c) {
    std::size_t next = i + 1;
    if (each_point) {
      while (next < end && x_at(next, by) == x_at(i, by)) ++next;
    } else if (c + 1 >= n_parts) {
      next = end;
    } else {
      const double edge = x0 + (x1 - x0) * static_cast<double>(c + 1) / n_parts;
      const std::size_t each = (end - i) / static_cast<std::size_t>(n_parts - c);
      const std::size_t guess = (i + each) / snap;
      // Whole buckets only: no walk over points, and no look at what lies between their ends.
      const std::size_t bucket =
          first_near(i / snap + 1, (end - 1) / snap + 1, std::max(guess, i / snap + 1),
                     [&](std::size_t b) { return x_near(b * snap, by) >= edge; });
      next = snap == 1 ? bucket : (bucket - 1) * snap;
      if (snap == 1 && x_at(i, by) >= edge) next = i;
      if (next <= i) continue;  // no point in this part
    }
    out.push_back({i, next});
    i = next;
  }
  if (end < stretch.last && end >= begin) out.push_back({end, end + 1});
  return out;
}

std::vector<Column> Series::columns(const Stretch& stretch, double x0, double x1,
                                    int n_columns) const {
  std::vector<Column> out;
  for (const Stretch& slice : slices(stretch, x0, x1, n_columns)) out.push_back(column(slice));
  return out;
}

namespace {

struct Head {
  std::uint64_t points;
  std::uint64_t breaks;
  std::int64_t lowest;
  std::int64_t highest;
  std::uint64_t break_next;
};
constexpr std::uint64_t kMostPoints = std::uint64_t{1} << 40;

}  // namespace

void Series::put(ByteSink& sink) const {
  const Head head{size(), breaks_.size(), lowest_, highest_, break_next_ ? 1U : 0U};
  sink.put(&head, sizeof head);
  put_row(values_, sink);
  sink.put(gap_qualities_.data(), gap_qualities_.size() * sizeof(Quality));  // at each NaN
  for (const std::uint64_t at : breaks_) sink.put(&at, sizeof at);
  steps_.put(sink);
  times_.put(sink);
  put_row(near_, sink);
  sink.put(far_.data(), far_.size() * sizeof(Place));
  pyramid_.put(sink);
}

bool Series::take(ByteSource& source) {
  Head head{};
  if (!source.take(&head, sizeof head) || head.points > kMostPoints) return false;
  const auto n = static_cast<std::size_t>(head.points);
  const auto every = [n](std::size_t distance) { return (n + distance - 1) / distance; };
  lowest_ = head.lowest;
  highest_ = head.highest;
  break_next_ = head.break_next != 0;
  const bool has_points = take_row(source, n, values_) && take_gaps(source) &&
                          take_breaks(source, head.breaks) && steps_.take(source, n) &&
                          times_.take(source, n) && take_row(source, every(kDense), near_);
  if (!has_points) return false;
  far_.resize(every(kSparse));  // there were n values: it is not larger than they are
  return source.take(far_.data(), far_.size() * sizeof(Place)) && pyramid_.take(source, n);
}

// Where they are the values say, so that the two cannot differ.
bool Series::take_gaps(ByteSource& source) {
  for (std::size_t i = 0; i < size(); ++i) {
    if (std::isnan(values_[i])) gaps_.push_back(i);
  }
  gap_qualities_.resize(gaps_.size());
  if (!source.take(gap_qualities_.data(), gap_qualities_.size() * sizeof(Quality))) return false;
  return std::all_of(gap_qualities_.begin(), gap_qualities_.end(), [](Quality quality) {
    return quality == Quality::kBad || quality == Quality::kMissing;
  });
}

bool Series::take_breaks(ByteSource& source, std::uint64_t n) {
  for (std::uint64_t i = 0; i < n; ++i) {
    std::uint64_t at = 0;
    const std::uint64_t after = breaks_.empty() ? 0 : breaks_.back();
    if (!source.take(&at, sizeof at) || at <= after || at >= size()) return false;
    breaks_.push_back(static_cast<std::size_t>(at));
  }
  return true;
}

}  // namespace phaseguard::run
