// What is said of the values in an interval. Pure.
#pragma once

#include <cstddef>
#include <limits>

#include "monitor/dashboard/plot/curves/along.h"

namespace phaseguard::plot {

struct Statistics {
  std::size_t n = 0;    // values
  std::size_t bad = 0;  // and those that could not be computed or did not come
  double mean = std::numeric_limits<double>::quiet_NaN();
  double slope = std::numeric_limits<double>::quiet_NaN();   // of the least squares' line, per x
  double change = std::numeric_limits<double>::quiet_NaN();  // last less first
};

// Of the points of `series` in `x`. By steps or tokens, what a rollback or a resume has superseded
// is left out; by time it is not, since it was then.
[[nodiscard]] Statistics statistics_of(const run::Series& series, const Along& along, Range x);

}  // namespace phaseguard::plot
