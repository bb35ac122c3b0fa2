#include "monitor/policy/laws/window_js.h"

#include <algorithm>
#include <array>

#include "monitor/policy/laws/natural_log.h"

namespace phaseguard::policy {

namespace {

// 1, 1/6, 1/15, ...: 1 / (k (2 k - 1)). 0.0625^14 of the last is below 2^-64.
constexpr std::array<double, 14> kSeries = [] {
  std::array<double, 14> terms{};
  for (std::size_t k = 1; k <= terms.size(); ++k) {
    terms[k - 1] = 1.0 / static_cast<double>(k * (2 * k - 1));
  }
  return terms;
}();

// (1 + d) ln(1 + d) + (1 - d) ln(1 - d) for d in [-1, 1], >= 0. By its series d^2 + d^4/6 +
// d^6/15 + ... where the two terms would cancel.
double entropy_gap(double d) {
  const double z = d * d;
  if (z <= 0.0625) {
    double sum = 0.0;
    for (auto term = kSeries.rbegin(); term != kSeries.rend(); ++term) sum = z * (*term + sum);
    return sum;
  }
  const double a = 1.0 + d;
  const double b = 1.0 - d;
  const double left = a > 0.0 ? a * natural_log(a) : 0.0;
  const double right = b > 0.0 ? b * natural_log(b) : 0.0;
  return left + right;
}

void add_measurement(phaseguard::Span<double> sum, phaseguard::Span<const double> ring,
                     std::int64_t slot) {
  const double* from = ring.data() + static_cast<std::size_t>(slot) * sum.size();
  for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += from[i];
}

}  // namespace

bool are_distributions(phaseguard::Span<const double> items, std::int64_t columns) {
  const auto width = static_cast<std::size_t>(columns);
  if (items.empty() || items.size() % width != 0) return false;
  for (std::size_t row = 0; row < items.size(); row += width) {
    double sum = 0.0;
    for (std::size_t i = row; i < row + width; ++i) {
      if (!(items[i] >= 0.0 && items[i] <= 1.0 + kRowSumTolerance)) return false;
      sum += items[i];
    }
    if (!(sum >= 1.0 - kRowSumTolerance && sum <= 1.0 + kRowSumTolerance)) return false;
  }
  return true;
}

double js_of_sums(const double* p, const double* q, std::size_t n, double weight) {
  double total = 0.0;
  for (std::size_t i = 0; i < n; ++i) {
    const double sum = p[i] + q[i];
    if (!(sum > 0.0)) continue;
    total += sum * entropy_gap((p[i] - q[i]) / sum);
  }
  return 0.25 * total / weight;  // f = 1/2 m (...), m = (p + q) / 2 of the means
}

double dissimilarity(phaseguard::Span<const double> ring, std::int64_t window, std::int64_t size,
                     std::int64_t columns, std::int64_t oldest, phaseguard::Span<double> scratch) {
  const auto whole = static_cast<std::size_t>(size);
  const auto width = static_cast<std::size_t>(columns);
  const phaseguard::Span<double> left = scratch.sub(0, whole);
  const phaseguard::Span<double> right = scratch.sub(whole, whole);
  std::fill(left.begin(), left.end(), 0.0);
  std::fill(right.begin(), right.end(), 0.0);
  for (std::int64_t i = 0; i < 2 * window; ++i) {
    add_measurement(i < window ? left : right, ring, (oldest + i) % (2 * window));
  }
  double total = 0.0;
  for (std::size_t row = 0; row < whole; row += width) {
    total += js_of_sums(left.data() + row, right.data() + row, width, static_cast<double>(window));
  }
  return total / static_cast<double>(whole / width);
}

}  // namespace phaseguard::policy
