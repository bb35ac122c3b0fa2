// One signal over a run, with what a plot needs: columns of steps, times and values, and a min/max
// pyramid beside them, so that the cost of drawing does not depend on the number of points. Owned
// by RunState; read by the dashboard's plots, the report and health. Not thread-safe; pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "monitor/base/types.h"

namespace phaseguard::run {

// What lies in one range of points, exact to float. `good` = 0: nothing to draw, lo and hi are NaN.
struct Extent {
  float lo = 0.0F;
  float hi = 0.0F;
  std::size_t good = 0;
  std::size_t gaps = 0;  // BAD or MISSING points
};

// One pixel column of a plot.
struct Column {
  double x = 0.0;      // step of its first point
  double x_end = 0.0;  // step of its last point
  Extent extent;
  float first = 0.0F;  // first and last point of the column, NaN for a gap: for joining columns
  float last = 0.0F;
};

// Points [first, last) between two breaks; steps do not fall inside it.
struct Stretch {
  std::size_t first = 0;
  std::size_t last = 0;
};

class Series {
 public:
  // A step lower than the one before it (a resume or a rollback) starts a new stretch by itself. A
  // value that is not GOOD is a gap: its number is never drawn or compared, value_at gives NaN.
  void append(Step step, double t, double value, Quality quality);

  // The next point starts a new stretch even if its step is not lower. Nothing happens twice in a
  // row.
  void break_here();

  [[nodiscard]] std::size_t size() const { return steps_.size(); }
  [[nodiscard]] bool empty() const { return steps_.empty(); }
  // i < size()
  [[nodiscard]] Step step_at(std::size_t i) const { return Step{steps_[i]}; }
  [[nodiscard]] double t_at(std::size_t i) const { return times_[i]; }
  [[nodiscard]] double value_at(std::size_t i) const { return values_[i]; }
  [[nodiscard]] Quality quality_at(std::size_t i) const {
    return static_cast<Quality>(qualities_[i]);
  }

  // Places of BAD and MISSING points, ascending; step_at gives where to mark them.
  [[nodiscard]] const std::vector<std::size_t>& gaps() const { return gaps_; }
  // Never empty ranges, in order of arrival; no stretch when there is no point.
  [[nodiscard]] std::vector<Stretch> stretches() const;
  // Lowest and highest step of all points; {0, 0} when there is none.
  [[nodiscard]] Step first_step() const { return Step{lowest_}; }
  [[nodiscard]] Step last_step() const { return Step{highest_}; }

  // Smallest and largest GOOD value of points [first, last), as float. O(log n).
  [[nodiscard]] Extent extent(std::size_t first, std::size_t last) const;

  // The points of one stretch with step in [x0, x1], at most one column for each of n_columns equal
  // parts of [x0, x1]; parts without points give no column. When there are fewer points than
  // columns, one column a point (repeated steps share one). One point beyond each side is included
  // so that a line enters and leaves the plot. From 64 points a column up, a column may begin up to
  // a quarter of its width early, on a bucket of the pyramid; no point is left out or shown twice.
  [[nodiscard]] std::vector<Column> columns(const Stretch& stretch, double x0, double x1,
                                            int n_columns) const;

 private:
  struct Bucket {
    float lo;
    float hi;
  };
  void grow(std::size_t i);
  [[nodiscard]] std::size_t lower_bound(const Stretch& stretch, double x) const;
  [[nodiscard]] std::size_t bound_near(std::size_t lo, std::size_t hi, std::size_t guess,
                                       double x) const;
  [[nodiscard]] static std::size_t snap_for(std::size_t points);
  [[nodiscard]] Column column(std::size_t first, std::size_t last) const;

  std::vector<std::int64_t> steps_;
  std::vector<double> times_;
  std::vector<double> values_;
  std::vector<std::uint8_t> qualities_;
  std::vector<std::size_t> gaps_;
  std::vector<std::size_t> breaks_;           // where a stretch starts, 0 excluded
  std::vector<std::vector<Bucket>> pyramid_;  // level 0: 16 points a bucket, then 4 buckets each
  std::int64_t lowest_ = 0;
  std::int64_t highest_ = 0;
  bool break_next_ = false;
};

}  // namespace phaseguard::run
