#include "monitor/run/pyramid/pyramid.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace phaseguard::run {

namespace {

constexpr std::size_t kBase = 16;
constexpr std::size_t kFan = 4;
static_assert(Row<double>::kBlock % kBase == 0, "what one bucket sums up lies side by side");
constexpr double kInf = std::numeric_limits<double>::infinity();

}  // namespace

// Every level has a bucket for the newest number; a level is added when the top one outgrows a fan.
void Pyramid::grow(const Row<double>& row) {
  if (levels_.empty()) levels_.emplace_back(memory_);
  const std::size_t i = row.size() - 1;
  const double value = row[i];
  std::size_t numbers = kBase;
  for (auto& level : levels_) {
    if (i / numbers == level.size()) level.push_back({kInf, -kInf, 0});
    if (!std::isnan(value)) {
      Bucket& bucket = level.back();
      bucket.lo = std::min(bucket.lo, value);
      bucket.hi = std::max(bucket.hi, value);
      ++bucket.numbers;
    }
    numbers *= kFan;
  }
  if (levels_.back().size() <= kFan) return;
  const auto& below = levels_.back();
  Row<Bucket> top(memory_);
  for (std::size_t b = 0; b < below.size(); ++b) {
    if (b % kFan == 0) top.push_back({kInf, -kInf, 0});
    Bucket& bucket = top.back();
    bucket.lo = std::min(bucket.lo, below[b].lo);
    bucket.hi = std::max(bucket.hi, below[b].hi);
    bucket.numbers += below[b].numbers;
  }
  levels_.push_back(std::move(top));
}

// The largest bucket that begins at i, a multiple of kBase, and ends at `last` or before.
Pyramid::Place Pyramid::highest(std::size_t i, std::size_t last) const {
  Place place{0, kBase};
  while (place.level + 1 < levels_.size() && i % (place.numbers * kFan) == 0 &&
         i + place.numbers * kFan <= last) {
    ++place.level;
    place.numbers *= kFan;
  }
  return place;
}

void Pyramid::widen(const Row<double>& row, std::size_t first, std::size_t last, double& lo,
                    double& hi) const {
  for (std::size_t i = first; i < last;) {
    if (i % kBase != 0 || i + kBase > last) {
      const std::size_t n = std::min(last - i, kBase - i % kBase);
      const double* numbers = &row[i];
      for (std::size_t k = 0; k < n; ++k) {  // a NaN is neither less nor more
        lo = numbers[k] < lo ? numbers[k] : lo;
        hi = numbers[k] > hi ? numbers[k] : hi;
      }
      i += n;
      continue;
    }
    const Place place = highest(i, last);
    const Bucket& bucket = levels_[place.level][i / place.numbers];
    lo = std::min(lo, bucket.lo);
    hi = std::max(hi, bucket.hi);
    i += place.numbers;
  }
}

Beyond Pyramid::beyond(const Row<double>& row, std::size_t first, std::size_t last, double lo,
                       double hi, std::size_t most) const {
  Beyond out;
  std::size_t looked = 0;
  for (std::size_t i = first; i < last;) {
    if (i % kBase == 0 && i + kBase <= last) {
      // Down from the largest bucket to one that is on one side as a whole.
      Place place = highest(i, last);
      const auto mixed = [&] {
        const Bucket& b = levels_[place.level][i / place.numbers];
        return b.numbers > 0 && !(b.lo >= lo && b.hi <= hi) && !(b.lo > hi) && !(b.hi < lo);
      };
      while (place.level > 0 && mixed()) {
        --place.level;
        place.numbers /= kFan;
      }
      if (!mixed()) {
        const Bucket& bucket = levels_[place.level][i / place.numbers];
        out.above += bucket.lo > hi ? bucket.numbers : 0;
        out.below += bucket.hi < lo ? bucket.numbers : 0;
        i += place.numbers;
        continue;
      }
    }
    if (++looked > most) {
      out.all = false;
      return out;
    }
    const std::size_t n = std::min(last - i, kBase - i % kBase);
    const double* numbers = &row[i];
    for (std::size_t k = 0; k < n; ++k) {
      out.above += numbers[k] > hi ? 1 : 0;
      out.below += numbers[k] < lo ? 1 : 0;
    }
    i += n;
  }
  return out;
}

std::size_t Pyramid::snap_for(std::size_t numbers) {
  std::size_t snap = 1;
  for (std::size_t bucket = kBase; bucket * 4 <= numbers; bucket *= kFan) snap = bucket;
  return snap;
}

void Pyramid::put(ByteSink& sink) const {
  for (const auto& level : levels_) put_row(level, sink);
}

// How many levels a row has, and of which size, follows from its length (grow()).
bool Pyramid::take(ByteSource& source, std::size_t n) {
  for (std::size_t numbers = kBase; n > 0; numbers *= kFan) {
    const std::size_t buckets = (n - 1) / numbers + 1;
    levels_.emplace_back(memory_);
    if (!take_row(source, buckets, levels_.back())) return false;
    if (buckets <= kFan) break;
  }
  return true;
}

}  // namespace phaseguard::run
