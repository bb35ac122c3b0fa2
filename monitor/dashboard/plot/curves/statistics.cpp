#include "monitor/dashboard/plot/curves/statistics.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace phaseguard::plot {
namespace {

// Where each stretch ends for good: the first point that a later stretch has done again.
std::vector<run::Stretch> present(const run::Series& series) {
  std::vector<run::Stretch> out = series.stretches();
  double least = std::numeric_limits<double>::infinity();
  for (auto s = out.rbegin(); s != out.rend(); ++s) {
    const double begin = series.x_at(s->first, run::By::kStep);
    s->last = series.first_from(*s, least);
    least = std::min(least, begin);
  }
  return out;
}

}  // namespace

Statistics statistics_of(const run::Series& series, const Along& along, Range x) {
  Statistics out;
  const double first_x = along.raw(x.lo);
  const double last_x = std::nextafter(along.raw(x.hi), HUGE_VAL);
  // Of the differences to the first point, so that large numbers keep their digits.
  long double sum_x = 0.0L, sum_y = 0.0L, sum_xx = 0.0L, sum_xy = 0.0L;
  double from_x = 0.0, from_y = 0.0, last_y = 0.0;
  const bool time = along.by() == run::By::kTime;
  for (const run::Stretch& stretch : time ? series.stretches() : present(series)) {
    const std::size_t begin = series.first_from(stretch, first_x, along.by());
    const std::size_t end = series.first_from(stretch, last_x, along.by());
    for (std::size_t i = begin; i < end; ++i) {
      const double y = series.value_at(i);
      if (std::isnan(y)) {
        ++out.bad;
        continue;
      }
      if (out.n == 0) from_x = along.x(series, i), from_y = y;
      const long double dx = along.x(series, i) - from_x;
      const long double dy = static_cast<long double>(y) - from_y;
      sum_x += dx, sum_y += dy, sum_xx += dx * dx, sum_xy += dx * dy;
      last_y = y;
      ++out.n;
    }
  }
  if (out.n == 0) return out;
  const auto n = static_cast<long double>(out.n);
  out.mean = static_cast<double>(from_y + sum_y / n);
  out.change = static_cast<double>(static_cast<long double>(last_y) - from_y);
  const long double spread = sum_xx - sum_x * sum_x / n;
  if (spread > 0.0L) out.slope = static_cast<double>((sum_xy - sum_x * sum_y / n) / spread);
  return out;
}

}  // namespace phaseguard::plot
