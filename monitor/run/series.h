// One signal over a run, with what a plot needs: columns of steps, times and values, and a min/max
// pyramid beside them, so that the cost of drawing does not depend on the number of points. About
// 17 bytes a point, and nothing of it is rounded. Owned by RunState; read by the dashboard's plots,
// the report and health. Not thread-safe; pure.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory_resource>
#include <vector>

#include "monitor/base/types.h"
#include "monitor/run/pyramid/bytes.h"
#include "monitor/run/pyramid/packed.h"
#include "monitor/run/pyramid/pyramid.h"
#include "monitor/run/pyramid/row.h"

namespace phaseguard::run {

// What lies in one range of points. `good` = 0: nothing to draw, lo and hi are NaN.
struct Extent {
  double lo = 0.0;
  double hi = 0.0;
  std::size_t good = 0;
  std::size_t gaps = 0;  // BAD or MISSING points
};

// One pixel column of a plot.
struct Column {
  double x = 0.0;      // step of its first point
  double x_end = 0.0;  // step of its last point
  Extent extent;
  double first = 0.0;  // first and last point of the column, NaN for a gap: for joining columns
  double last = 0.0;
};

// What the places of a plot are counted in.
enum class By { kStep, kTime };

// Points [first, last) between two breaks; steps do not fall inside it.
struct Stretch {
  std::size_t first = 0;
  std::size_t last = 0;
};

class Series {
 public:
  // What it holds of its points comes from `memory`, which must outlive it and its copies.
  explicit Series(std::pmr::memory_resource* memory = std::pmr::get_default_resource())
      : near_(memory),
        steps_(memory),
        times_(memory),
        values_(memory),
        pyramid_(memory),
        memory_(memory) {}
  [[nodiscard]] std::pmr::memory_resource* memory() const { return memory_; }

  // A step lower than the one before it (a resume or a rollback) starts a new stretch by itself. A
  // value that is not GOOD is a gap: its number is never drawn or compared, value_at gives NaN.
  void append(Step step, double t, double value, Quality quality);

  // The next point starts a new stretch even if its step is not lower. Nothing happens twice in a
  // row.
  void break_here();

  [[nodiscard]] std::size_t size() const { return values_.size(); }
  [[nodiscard]] bool empty() const { return values_.empty(); }
  // i < size()
  [[nodiscard]] Step step_at(std::size_t i) const {
    return Step{static_cast<std::int64_t>(steps_[i] ^ kSign)};
  }
  [[nodiscard]] double t_at(std::size_t i) const {
    const std::uint64_t bits = times_[i];
    double t = 0.0;
    std::memcpy(&t, &bits, sizeof t);
    return t;
  }
  // NaN for a gap, and for nothing else.
  [[nodiscard]] double value_at(std::size_t i) const { return values_[i]; }
  [[nodiscard]] Quality quality_at(std::size_t i) const {
    return std::isnan(values_[i]) ? quality_of_gap(i) : Quality::kGood;
  }
  // Step or time of a point.
  [[nodiscard]] double x_at(std::size_t i, By by) const {
    return by == By::kStep ? static_cast<double>(step_at(i).value) : t_at(i);
  }
  // The same, quick where the ends of slices() of a long series are: those places are kept together
  // too, so that a plot does not walk through all of memory.
  [[nodiscard]] double x_near(std::size_t i, By by) const {
    if (i % kSparse == 0) return by == By::kStep ? far_[i / kSparse].step : far_[i / kSparse].t;
    if (i % kDense == 0) return by == By::kStep ? near_[i / kDense].step : near_[i / kDense].t;
    return x_at(i, by);
  }

  // Places of BAD and MISSING points, ascending; step_at gives where to mark them.
  [[nodiscard]] const std::vector<std::size_t>& gaps() const { return gaps_; }
  [[nodiscard]] std::size_t gaps_in(std::size_t first, std::size_t last) const;
  // Never empty ranges, in order of arrival; no stretch when there is no point.
  [[nodiscard]] std::vector<Stretch> stretches() const;
  // Lowest and highest step of all points; {0, 0} when there is none.
  [[nodiscard]] Step first_step() const { return Step{lowest_}; }
  [[nodiscard]] Step last_step() const { return Step{highest_}; }

  // Smallest and largest GOOD value of points [first, last). O(log n).
  [[nodiscard]] Extent extent(std::size_t first, std::size_t last) const;
  // Widens lo and hi by them.
  void widen(std::size_t first, std::size_t last, double& lo, double& hi) const {
    pyramid_.widen(values_, first, last, lo, hi);
  }
  // How many GOOD values of them lie outside [lo, hi] (Pyramid::beyond).
  [[nodiscard]] Beyond beyond(std::size_t first, std::size_t last, double lo, double hi,
                              std::size_t most) const {
    return pyramid_.beyond(values_, first, last, lo, hi, most);
  }

  // First point of the stretch at x or behind it. Times are taken to rise within a stretch; where a
  // clock was set back, places by time are those of some point nearby.
  [[nodiscard]] std::size_t first_from(const Stretch& stretch, double x, By by = By::kStep) const;

  // The points of one stretch with x in [x0, x1] as ranges of places, at most one for each of
  // n_parts equal parts of [x0, x1]; parts without points give none. When there are fewer points
  // than parts, one a point (those of one x share one). One point beyond each side is included so
  // that a line enters and leaves the plot. From 64 points a part up, one may begin up to a quarter
  // of its width early, on a bucket of the pyramid; no point is left out or shown twice.
  [[nodiscard]] std::vector<Stretch> slices(const Stretch& stretch, double x0, double x1,
                                            int n_parts, By by = By::kStep) const;
  // The same by step, with what lies in each.
  [[nodiscard]] std::vector<Column> columns(const Stretch& stretch, double x0, double x1,
                                            int n_columns) const;

  // Its bytes, and the series back from them into an empty one of any memory. False: they are not
  // those of a series; it is to be thrown away.
  void put(ByteSink& sink) const;
  [[nodiscard]] bool take(ByteSource& source);

 private:
  [[nodiscard]] Column column(const Stretch& slice) const;
  [[nodiscard]] bool take_gaps(ByteSource& source);
  [[nodiscard]] bool take_breaks(ByteSource& source, std::uint64_t n);
  [[nodiscard]] Quality quality_of_gap(std::size_t i) const;

  // Step and time of every kDense-th and of every kSparse-th point.
  struct Place {
    double step;
    double t;
  };
  static constexpr std::size_t kDense = 64;
  static constexpr std::size_t kSparse = 1024;
  Row<Place> near_;
  std::vector<Place> far_;
  static constexpr std::uint64_t kSign = std::uint64_t{1} << 63;
  Packed steps_;  // with the sign turned over: as unsigned numbers they keep their order
  Packed times_;  // their bits: of neighbours that are alike, so are these
  Row<double> values_;
  std::vector<std::size_t> gaps_;
  std::vector<Quality> gap_qualities_;
  std::vector<std::size_t> breaks_;  // where a stretch starts, 0 excluded
  Pyramid pyramid_;                  // of values_
  std::pmr::memory_resource* memory_;
  std::int64_t lowest_ = 0;
  std::int64_t highest_ = 0;
  bool break_next_ = false;
};

}  // namespace phaseguard::run
