#include "monitor/dashboard/plot/curves/smooth.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>

namespace phaseguard::plot {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

}  // namespace

void WindowMean::push(double value) {
  newer_.push_back(value);
  newer_sum_ += value;
}

void WindowMean::pop() {
  if (older_.empty()) {
    long double sum = 0.0L;
    while (!newer_.empty()) {
      sum += newer_.back();
      older_.push_back(sum);
      newer_.pop_back();
    }
    newer_sum_ = 0.0L;
  }
  older_.pop_back();
}

void WindowMean::clear() { *this = WindowMean{}; }

double WindowMean::mean() const {
  const std::size_t n = older_.size() + newer_.size();
  if (n == 0) return kNone;
  const long double sum = (older_.empty() ? 0.0L : older_.back()) + newer_sum_;
  return static_cast<double>(sum / static_cast<long double>(n));
}

void WindowMedian::push(double value) {
  if (low_.empty() || value <= *low_.rbegin()) {
    low_.insert(value);
  } else {
    high_.insert(value);
  }
  balance();
}

void WindowMedian::pop(double value) {
  const auto found = low_.find(value);
  if (found != low_.end()) {
    low_.erase(found);
  } else {
    high_.erase(high_.find(value));
  }
  balance();
}

void WindowMedian::clear() { *this = WindowMedian{}; }

void WindowMedian::balance() {
  if (low_.size() > high_.size() + 1) {
    high_.insert(*low_.rbegin());
    low_.erase(std::prev(low_.end()));
  } else if (low_.size() < high_.size()) {
    low_.insert(*high_.begin());
    high_.erase(high_.begin());
  }
}

double WindowMedian::median() const {
  if (low_.empty()) return kNone;
  if (low_.size() > high_.size()) return *low_.rbegin();
  return 0.5 * *low_.rbegin() + 0.5 * *high_.begin();
}

void Smoothed::restart(std::size_t at) {
  oldest_ = at;
  sum_ = weight_ = 0.0L;
  mean_.clear();
  median_.clear();
}

bool Smoothed::update(const run::Series& series, std::size_t most) {
  if (of_ != &series || series.size() < values_.size()) {
    *this = Smoothed(how_, series.memory());
    of_ = &series;
  }
  const std::vector<run::Stretch> stretches = series.stretches();
  const std::size_t end = std::min(series.size(), values_.size() + most);
  for (std::size_t i = values_.size(); i < end; ++i) {
    while (stretches[stretch_].last <= i) ++stretch_;
    if (stretches[stretch_].first == i) restart(i);
    take(series, i);
  }
  return values_.size() == series.size();
}

void Smoothed::take(const run::Series& series, std::size_t i) {
  const double value = series.value_at(i);
  double out = kNone;
  if (how_.kind == SmoothKind::kEma) {
    const auto by = how_.seconds ? run::By::kTime : run::By::kStep;
    if (!std::isnan(value)) out = next_ema(series.x_at(i, by), value);
  } else {
    out = next_of_window(series, i);
  }
  values_.push_back(std::isnan(value) ? kNone : out);
  pyramid_.grow(values_);
}

// The weighted mean of all values so far. Without the division by the weights it would begin near
// 0.
double Smoothed::next_ema(double x, double value) {
  const double past = weight_ > 0.0L ? std::max(0.0, x - last_x_) : 0.0;
  const long double kept = std::exp2(-past / how_.length);
  last_x_ = x;
  sum_ = kept * sum_ + static_cast<long double>(value);
  weight_ = kept * weight_ + 1.0L;
  return static_cast<double>(sum_ / weight_);
}

double Smoothed::next_of_window(const run::Series& series, std::size_t i) {
  const auto by = how_.seconds ? run::By::kTime : run::By::kStep;
  const bool is_mean = how_.kind == SmoothKind::kMean;
  if (!std::isnan(series.value_at(i))) {
    is_mean ? mean_.push(series.value_at(i)) : median_.push(series.value_at(i));
  }
  const double from = series.x_at(i, by) - how_.length;
  for (; oldest_ < i && series.x_at(oldest_, by) <= from; ++oldest_) {
    const double gone = series.value_at(oldest_);
    if (std::isnan(gone)) continue;
    is_mean ? mean_.pop() : median_.pop(gone);
  }
  return is_mean ? mean_.mean() : median_.median();
}

}  // namespace phaseguard::plot
