// Where the points of a series lie along x: at their step, their time, or the tokens that had been
// trained on by then. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "monitor/dashboard/plot/curves/axis.h"
#include "monitor/run/series.h"

namespace phaseguard::plot {

// How many tokens had been trained on at a step, from a signal that counts them. Where a rollback
// or a resume went back, the later count holds. Between two counts it is on the line that joins
// them.
class Counter {
 public:
  // Takes what the series has more than last time; `series` may have become another one.
  void update(const run::Series& series);
  [[nodiscard]] bool empty() const { return steps_.empty(); }
  // Whether it only ever rises, which is what counting is.
  [[nodiscard]] bool counts() const { return counts_; }
  [[nodiscard]] double at(double step) const;
  [[nodiscard]] double step_of(double count) const;  // the other way round

 private:
  const run::Series* of_ = nullptr;
  std::size_t taken_ = 0;
  bool counts_ = true;
  std::vector<double> steps_;
  std::vector<double> totals_;
};

struct Along {
  XKind kind = XKind::kStep;
  double shift = 0.0;                // taken off
  const Counter* counter = nullptr;  // of kTokens

  [[nodiscard]] run::By by() const {
    const bool time = kind == XKind::kWall || kind == XKind::kElapsed;
    return time ? run::By::kTime : run::By::kStep;
  }
  // Of a point, and the other way round: of an x, the step or the time of which it is.
  [[nodiscard]] double x(const run::Series& series, std::size_t i) const {
    return x_of(series.x_near(i, by()));
  }
  [[nodiscard]] double x_of(double raw) const {
    return (counter != nullptr ? counter->at(raw) : raw) - shift;
  }
  [[nodiscard]] double raw(double x) const {
    return counter != nullptr ? counter->step_of(x + shift) : x + shift;
  }
  friend bool operator==(const Along& a, const Along& b) {
    return a.kind == b.kind && a.shift == b.shift && a.counter == b.counter;
  }
};

}  // namespace phaseguard::plot
