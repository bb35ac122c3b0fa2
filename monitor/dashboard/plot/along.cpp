#include "monitor/dashboard/plot/along.h"

#include <algorithm>
#include <cmath>

namespace phaseguard::plot {
namespace {

// On the line through the two neighbours of `x`; beyond the ends on with the slope there.
double between(const std::vector<double>& xs, const std::vector<double>& ys, double x) {
  if (xs.empty()) return x;
  if (xs.size() == 1) return ys.front() + (x - xs.front());
  auto at = static_cast<std::size_t>(std::lower_bound(xs.begin(), xs.end(), x) - xs.begin());
  at = std::clamp<std::size_t>(at, 1, xs.size() - 1);
  const double width = xs[at] - xs[at - 1];
  if (width <= 0.0) return ys[at];
  return ys[at - 1] + (x - xs[at - 1]) / width * (ys[at] - ys[at - 1]);
}

}  // namespace

void Counter::update(const run::Series& series) {
  if (of_ != &series || series.size() < taken_) *this = Counter{};
  of_ = &series;
  for (; taken_ < series.size(); ++taken_) {
    const double total = series.value_at(taken_);
    if (std::isnan(total)) continue;
    const auto step = static_cast<double>(series.step_at(taken_).value);
    const auto from = std::lower_bound(steps_.begin(), steps_.end(), step) - steps_.begin();
    steps_.resize(static_cast<std::size_t>(from));
    totals_.resize(static_cast<std::size_t>(from));
    counts_ = counts_ && (totals_.empty() || total >= totals_.back());
    steps_.push_back(step);
    totals_.push_back(total);
  }
}

double Counter::at(double step) const { return between(steps_, totals_, step); }

double Counter::step_of(double count) const { return between(totals_, steps_, count); }

}  // namespace phaseguard::plot
