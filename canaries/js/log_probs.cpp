#include "canaries/js/log_probs.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace phaseguard::canaries::detail {

LogProbs::LogProbs(Span<const float> row) : z(row.begin(), row.end()) {
  max = -std::numeric_limits<double>::infinity();
  for (const double v : z) {
    bad = bad || std::isnan(v);
    max = std::max(max, v);
  }
  bad = bad || !std::isfinite(max);
  double sum = 0.0;
  for (const double v : z) sum += std::exp(v - max);
  log_sum = std::log(sum);
}

std::vector<std::int64_t> top_of(Span<const float> row, std::size_t k) {
  std::vector<std::int64_t> order(row.size());
  std::iota(order.begin(), order.end(), std::int64_t{0});
  const auto before = [&](std::int64_t a, std::int64_t b) {
    const float x = row[static_cast<std::size_t>(a)], y = row[static_cast<std::size_t>(b)];
    return x != y ? x > y : a < b;
  };
  std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(k), order.end(),
                    before);
  order.resize(k);
  return order;
}

double tail_of(const LogProbs& row, Span<const std::int64_t> top) {
  std::vector<char> inside(row.z.size(), 0);
  for (const std::int64_t id : top) inside[static_cast<std::size_t>(id)] = 1;
  double tail = 0.0;
  for (std::size_t i = 0; i < inside.size(); ++i) {
    if (inside[i] == 0) tail += std::exp(row.at(i));
  }
  return tail;
}

}  // namespace phaseguard::canaries::detail
