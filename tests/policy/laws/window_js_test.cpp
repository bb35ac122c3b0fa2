#include "monitor/policy/laws/window_js.h"

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <vector>

#include "monitor/policy/laws/detector.h"
#include "monitor/policy/laws/natural_log.h"
#include "tests/support/catch.h"
#include "tests/support/words.h"

namespace phaseguard::policy {
namespace {

// Distance in representable doubles; both finite and of one sign.
std::int64_t ulps(double a, double b) {
  const auto x = std::bit_cast<std::int64_t>(a);
  const auto y = std::bit_cast<std::int64_t>(b);
  return x > y ? x - y : y - x;
}

TEST_CASE("natural_log: within 1 ulp of libm, everywhere", "[policy][property]") {
  std::mt19937_64 random(7);
  std::int64_t worst = 0;
  const auto check = [&](double x) {
    const double got = natural_log(x);
    const double want = std::log(x);
    const std::int64_t off = want == 0.0 ? (got == 0.0 ? 0 : 99) : ulps(got, want);
    if (off > worst) worst = off;
  };
  for (int i = 0; i < 200000; ++i) {
    check(static_cast<double>(random() >> 11) * 0x1p-52);  // 0..2
    check(1.0 + (static_cast<double>(random() >> 11) * 0x1p-53 - 0.5) * 1e-3);
    const double any = std::bit_cast<double>(random() & 0x7fffffffffffffffU);
    if (std::isfinite(any) && any > 0.0) check(any);
  }
  for (const double x : {1.0, 2.0, 0.5, 5e-324, 2.2250738585072014e-308, 1.7976931348623157e308,
                         1.4142135623730951, 1.414213562373095, 0.70710678118654752}) {
    check(x);
    check(std::nextafter(x, 0.0) > 0.0 ? std::nextafter(x, 0.0) : x);
  }
  CHECK(worst <= 1);
}

TEST_CASE("natural_log: ends of the line", "[policy]") {
  const double inf = std::numeric_limits<double>::infinity();
  CHECK(natural_log(0.0) == -inf);
  CHECK(natural_log(-0.0) == -inf);
  CHECK(natural_log(inf) == inf);
  CHECK(std::isnan(natural_log(-1.0)));
  CHECK(std::isnan(natural_log(std::numeric_limits<double>::quiet_NaN())));
  CHECK(natural_log(1.0) == 0.0);
  CHECK(natural_log(2.0) == kLn2);
}

// By the entropies, in libm's logarithms.
double js_by_entropy(const std::vector<double>& p, const std::vector<double>& q) {
  const auto h = [](double x) { return x > 0.0 ? -x * std::log(x) : 0.0; };
  double sum = 0.0;
  for (std::size_t i = 0; i < p.size(); ++i) {
    sum += h((p[i] + q[i]) / 2) - (h(p[i]) + h(q[i])) / 2;
  }
  return sum;
}

TEST_CASE("js_of_sums: equal, disjoint, symmetric, and by entropies", "[policy][golden]") {
  const std::vector<double> p{0.75, 0.25, 0.0}, q{0.0, 0.25, 0.75};
  CHECK(js_of_sums(p.data(), p.data(), 3, 1.0) == 0.0);
  const std::vector<double> a{1.0, 0.0}, b{0.0, 1.0};
  CHECK(js_of_sums(a.data(), b.data(), 2, 1.0) == Approx(kLn2).epsilon(1e-15));
  CHECK(js_of_sums(a.data(), b.data(), 2, 1.0) <= kLn2);
  CHECK(js_of_sums(p.data(), q.data(), 3, 1.0) == js_of_sums(q.data(), p.data(), 3, 1.0));
  CHECK(js_of_sums(p.data(), q.data(), 3, 1.0) == Approx(js_by_entropy(p, q)).epsilon(1e-14));
  // Sums of 4 rows give what their mean gives.
  const std::vector<double> p4{3.0, 1.0, 0.0}, q4{0.0, 1.0, 3.0};
  CHECK(js_of_sums(p4.data(), q4.data(), 3, 4.0) == js_of_sums(p.data(), q.data(), 3, 1.0));
}

TEST_CASE("js_of_sums: near-identical rows keep their digits", "[policy][golden]") {
  const double e = 1e-9;
  const std::vector<double> p{0.5 + e, 0.5 - e}, q{0.5 - e, 0.5 + e};
  // Leading term 1/8 sum (p - q)^2 / m.
  const double gap = p[0] - q[0];
  CHECK(js_of_sums(p.data(), q.data(), 2, 1.0) == Approx(gap * gap / 2.0).epsilon(1e-12));
}

TEST_CASE("are_distributions: shape, range and sum", "[policy][hostile]") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  CHECK(are_distributions(std::vector<double>{0.25, 0.75, 1.0, 0.0}, 2));
  CHECK_FALSE(are_distributions(std::vector<double>{}, 2));
  CHECK_FALSE(are_distributions(std::vector<double>{0.25, 0.75, 1.0}, 2));
  CHECK_FALSE(are_distributions(std::vector<double>{0.25, 0.7}, 2));
  CHECK_FALSE(are_distributions(std::vector<double>{1.25, -0.25}, 2));
  CHECK_FALSE(are_distributions(std::vector<double>{nan, 1.0}, 2));
  CHECK_FALSE(are_distributions(std::vector<double>{nan, nan}, 2));
}

DetectorSpec window_of(std::int64_t window, double above) {
  DetectorSpec spec;
  spec.law = WindowJsLaw{window};
  spec.above = above;
  return spec;
}

TEST_CASE("window_js: a step is seen one window later, its peak where it was", "[policy][golden]") {
  const DetectorSpec spec = window_of(2, 0.13);
  const std::vector<double> low{0.75, 0.25}, high{0.25, 0.75};
  DetectorState state;
  std::vector<double> seen;
  for (std::int64_t t = 1; t <= 8; ++t) {
    const std::vector<double>& row = t <= 4 ? low : high;
    feed(spec, state, Step{5 * t}, Quality::kGood, 0.0, {row, 2});
    seen.push_back(state.statistic);
  }
  CHECK(std::isnan(seen[2]));
  CHECK(seen[3] == 0.0);
  CHECK(seen[5] == Approx(0.13081203594113697).epsilon(1e-14));
  CHECK(state.first_vote == Step{30});
  CHECK(state.law.peak_step == Step{20});  // left of the candidate
  CHECK(seen[7] == 0.0);
  CHECK_FALSE(is_voting(spec, state));
}

TEST_CASE("window_js: against the whole history, three canaries, with gaps", "[policy][property]") {
  std::mt19937_64 random(11);
  const std::int64_t window = 3, columns = 4;
  const DetectorSpec spec = window_of(window, 10.0);
  DetectorState state;
  std::vector<std::vector<double>> past;
  for (std::int64_t step = 1; step <= 40; ++step) {
    std::vector<double> rows;
    for (int row = 0; row < 3; ++row) {
      std::vector<double> counts;
      double total = 0.0;
      for (int i = 0; i < columns; ++i) {
        counts.push_back(static_cast<double>(random() % 8));
        total += counts.back();
      }
      if (total == 0.0) counts[0] = total = 1.0;
      for (const double count : counts) rows.push_back(count / total);
    }
    if (step % 7 == 0) {
      feed(spec, state, Step{step}, Quality::kBad, 0.0, {rows, columns});
      continue;
    }
    past.push_back(rows);
    feed(spec, state, Step{step}, Quality::kGood, 0.0, {rows, columns});
    if (past.size() < 6) continue;
    double want = 0.0;
    for (std::size_t row = 0; row < 3; ++row) {
      std::vector<double> left(4, 0.0), right(4, 0.0);
      for (std::size_t back = 0; back < 6; ++back) {
        for (std::size_t i = 0; i < 4; ++i) {
          (back < 3 ? right : left)[i] += past[past.size() - 1 - back][row * 4 + i] / 3.0;
        }
      }
      want += js_by_entropy(left, right) / 3.0;
    }
    CHECK(state.statistic == Approx(want).margin(1e-13));
  }
}

TEST_CASE("a distribution: each probability and the sum within 1e-4, edges included", "[policy]") {
  const double above = 1.0 + kRowSumTolerance;
  const double below = 1.0 - kRowSumTolerance;
  const double inf = std::numeric_limits<double>::infinity();
  CHECK(are_distributions(std::vector<double>{above, 0.0}, 2));
  CHECK(are_distributions(std::vector<double>{0.0, above}, 2));
  CHECK(are_distributions(std::vector<double>{below, 0.0}, 2));
  CHECK_FALSE(are_distributions(std::vector<double>{std::nextafter(above, inf), 0.0}, 2));
  CHECK_FALSE(are_distributions(std::vector<double>{std::nextafter(below, 0.0), 0.0}, 2));
  CHECK_FALSE(are_distributions(std::vector<double>{0.5, 0.5 + 2e-4}, 2));
  CHECK_FALSE(are_distributions(std::vector<double>{1.00005, -0.00005}, 2));
  CHECK_FALSE(are_distributions(std::vector<double>{1.0, wire::kNaN}, 2));
  CHECK_FALSE(are_distributions(std::vector<double>{}, 2));
  CHECK_FALSE(are_distributions(std::vector<double>{0.5, 0.25, 0.25}, 2));
  CHECK(are_distributions(std::vector<double>{0.5, 0.25, 0.25}, 3));
  CHECK(are_distributions(std::vector<double>{1.0, 1.0}, 1));
  CHECK_FALSE(are_distributions(std::vector<double>{0.5, 0.5, 0.5, 0.6}, 2));
}

TEST_CASE("window_js: no rows, other rows, too many rows are BAD", "[policy][hostile]") {
  const DetectorSpec spec = window_of(1, 0.1);
  DetectorState state;
  feed(spec, state, Step{1}, Quality::kGood, 0.5);
  CHECK(state.quality == Quality::kBad);
  const std::vector<double> two{0.5, 0.5}, four{0.5, 0.5, 0.5, 0.5};
  feed(spec, state, Step{2}, Quality::kGood, 0.5, {two, 2});
  CHECK(state.n == 1);
  feed(spec, state, Step{3}, Quality::kGood, 0.5, {four, 2});  // two canaries now
  feed(spec, state, Step{4}, Quality::kGood, 0.5, {two, 1});
  CHECK(state.n == 1);
  CHECK(state.quality == Quality::kBad);
  feed(spec, state, Step{5}, Quality::kGood, 0.5, {two, 2});
  CHECK(state.statistic == 0.0);
  DetectorState other;
  const std::vector<double> many(4098, 0.5);
  feed(spec, other, Step{1}, Quality::kGood, 0.5, {many, 2});
  CHECK(other.quality == Quality::kBad);
  CHECK(other.law.values.empty());
}

}  // namespace
}  // namespace phaseguard::policy
