#include "monitor/base/elapsed.h"

#include <algorithm>
#include <cmath>

namespace phaseguard {

std::size_t Elapsed::known() const {
  return static_cast<std::size_t>(std::clamp<std::int64_t>(count_, 0, kSpans));
}

double Elapsed::most() const {
  const std::size_t n = known();
  if (n == 0) return kLeastMost;
  std::array<double, kSpans> sorted = spans_;
  const auto middle = sorted.begin() + static_cast<std::ptrdiff_t>((n - 1) / 2);
  std::nth_element(sorted.begin(), middle, sorted.begin() + static_cast<std::ptrdiff_t>(n));
  return std::max(kLeastMost, kMedians * *middle);
}

void Elapsed::begin_segment() {
  step_ = Step{-1};
  step_t_ = kNone;
}

void Elapsed::add(Step step, double t) {
  if (!std::isfinite(t)) return;
  jump_ = 0.0;
  if (std::isnan(t_)) {
    total_ = 0.0;
  } else {
    const double span = t - t_;
    const double limit = most();
    if (span < 0.0) jump_ = span;
    if (span > limit && known() >= kSpansToJudge) jump_ = span - limit;
    total_ += std::clamp(span, 0.0, limit);
  }
  t_ = t;
  if (step <= step_) return;
  if (!std::isnan(step_t_)) {
    standing_ = t == step_t_ ? standing_ + 1 : 0;
    // A clock that went back says nothing of how long an update takes.
    if (t >= step_t_) spans_[static_cast<std::size_t>(count_++ % kSpans)] = t - step_t_;
  }
  step_ = step;
  step_t_ = t;
}

}  // namespace phaseguard
