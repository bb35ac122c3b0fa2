// A series smoothed: one value for each of its points, made from the points up to that one in the
// same stretch, so that nothing of a line that was rolled back comes into the next one. A bad point
// has no value and gives nothing to the others. Grows with the series. Drawing thread only; pure.
#pragma once

#include <cstddef>
#include <memory_resource>
#include <set>
#include <vector>

#include "monitor/dashboard/plot/curves/axes.h"
#include "monitor/run/pyramid/pyramid.h"
#include "monitor/run/pyramid/row.h"
#include "monitor/run/series.h"

namespace phaseguard::plot {

// Sum and mean of a window that moves on, without a subtraction: a value of 1e300 that leaves takes
// nothing with it.
class WindowMean {
 public:
  void push(double value);
  void pop();  // the oldest
  void clear();
  [[nodiscard]] double mean() const;  // NaN: empty

 private:
  std::vector<long double> older_;  // sums from a value to the end of this part, the oldest last
  std::vector<double> newer_;
  long double newer_sum_ = 0.0L;
};

// Median of a window that moves on; the mean of the two in the middle of an even number.
class WindowMedian {
 public:
  void push(double value);
  void pop(double value);  // one of those that were pushed
  void clear();
  [[nodiscard]] double median() const;  // NaN: empty

 private:
  void balance();
  std::multiset<double> low_;  // as many as high_, or one more
  std::multiset<double> high_;
};

class Smoothed {
 public:
  explicit Smoothed(Smooth how,
                    std::pmr::memory_resource* memory = std::pmr::get_default_resource())
      : how_(how), values_(memory), pyramid_(memory) {}

  // Takes at most `most` points more of the series; true when it has all of them. `series` may have
  // become another one; what is made is kept where its points are. A long series is smoothed over
  // several frames.
  bool update(const run::Series& series, std::size_t most);

  [[nodiscard]] const Smooth& how() const { return how_; }
  // As far as it is: by point of the series, NaN where there is no value.
  [[nodiscard]] const run::Row<double>& values() const { return values_; }
  [[nodiscard]] const run::Pyramid& pyramid() const { return pyramid_; }
  // Another number when values() has changed.
  [[nodiscard]] std::size_t version() const { return values_.size() + 1; }

 private:
  void restart(std::size_t at);
  void take(const run::Series& series, std::size_t i);
  [[nodiscard]] double next_ema(double x, double value);
  [[nodiscard]] double next_of_window(const run::Series& series, std::size_t i);

  Smooth how_;
  const run::Series* of_ = nullptr;
  run::Row<double> values_;
  run::Pyramid pyramid_;
  std::size_t stretch_ = 0;  // of the newest point
  std::size_t oldest_ = 0;   // in the window
  double last_x_ = 0.0;
  long double sum_ = 0.0L;  // of weighted values, and of the weights
  long double weight_ = 0.0L;
  WindowMean mean_;
  WindowMedian median_;
};

}  // namespace phaseguard::plot
