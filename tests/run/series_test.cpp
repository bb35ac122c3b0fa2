#include "monitor/run/series.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

#include "tests/support/catch.h"
#include "tests/support/words.h"

using namespace phaseguard;
using run::Column;
using run::Extent;
using run::Series;
using run::Stretch;

namespace {

Series random_series(std::mt19937_64& random, std::size_t n, bool with_falls) {
  Series out;
  std::int64_t step = 0;
  for (std::size_t i = 0; i < n; ++i) {
    step += static_cast<std::int64_t>(random() % 3);
    if (with_falls && random() % 500 == 0) step = step / 2;
    const bool gap = random() % 7 == 0;
    const double value = std::ldexp(static_cast<double>(random() % 100000) - 50000.0, -8);
    out.append(Step{step}, static_cast<double>(i), value,
               gap ? (random() % 2 == 0 ? Quality::kBad : Quality::kMissing) : Quality::kGood);
  }
  return out;
}

Extent by_scan(const Series& series, std::size_t first, std::size_t last) {
  Extent out;
  out.lo = std::numeric_limits<double>::infinity();
  out.hi = -out.lo;
  for (std::size_t i = first; i < last; ++i) {
    if (series.quality_at(i) != Quality::kGood) {
      ++out.gaps;
      continue;
    }
    ++out.good;
    out.lo = std::min(out.lo, series.value_at(i));
    out.hi = std::max(out.hi, series.value_at(i));
  }
  return out;
}

bool same(const Extent& a, const Extent& b) {
  if (a.good != b.good || a.gaps != b.gaps) return false;
  return a.good == 0 ? std::isnan(a.lo) && std::isnan(a.hi) : a.lo == b.lo && a.hi == b.hi;
}

}  // namespace

TEST_CASE("extent equals a scan on random ranges", "[run][property]") {
  std::mt19937_64 random(7);
  for (const std::size_t n : {0UL, 1UL, 15UL, 16UL, 17UL, 63UL, 64UL, 65UL, 1000UL, 70000UL}) {
    const Series series = random_series(random, n, true);
    for (int round = 0; round < 3000; ++round) {
      std::size_t a = random() % (n + 1);
      std::size_t b = random() % (n + 1);
      if (a > b) std::swap(a, b);
      if (round % 3 == 0) b = std::min(n, a + random() % 40);
      const Extent got = series.extent(a, b);
      INFO("n " << n << " range " << a << " " << b);
      REQUIRE(same(got, by_scan(series, a, b)));
    }
  }
}

struct Counted {
  std::size_t good = 0;
  std::size_t gaps = 0;
  double lowest = std::numeric_limits<double>::infinity();
  bool operator==(const Counted&) const = default;
};

Counted in_columns(const Series& series, const Stretch& stretch, double from, double to,
                   int width) {
  Counted out;
  for (const Column& column : series.columns(stretch, from, to, width)) {
    if (column.x < from || column.x_end > to) continue;  // the neighbour beyond the edge
    out.good += column.extent.good;
    out.gaps += column.extent.gaps;
    if (column.extent.good > 0) out.lowest = std::min(out.lowest, column.extent.lo);
  }
  return out;
}

Counted point_by_point(const Series& series, const Stretch& stretch, double from, double to) {
  Counted out;
  for (std::size_t i = stretch.first; i < stretch.last; ++i) {
    const auto x = static_cast<double>(series.step_at(i).value);
    if (x < from || x > to) continue;
    if (series.quality_at(i) == Quality::kGood) {
      ++out.good;
      out.lowest = std::min(out.lowest, series.value_at(i));
    } else {
      ++out.gaps;
    }
  }
  return out;
}

TEST_CASE("columns cover each point of the window once and show every spike", "[run][property]") {
  std::mt19937_64 random(11);
  for (const std::size_t n : {1UL, 50UL, 5000UL, 60000UL}) {
    const Series series = random_series(random, n, true);
    for (const Stretch& stretch : series.stretches()) {
      for (const int width : {1, 7, 300, 2000}) {
        const double from = static_cast<double>(series.step_at(stretch.first).value) + 3.5;
        const double to = static_cast<double>(series.step_at(stretch.last - 1).value) * 0.8 + 1.0;
        if (!(from <= to)) continue;
        REQUIRE(in_columns(series, stretch, from, to, width) ==
                point_by_point(series, stretch, from, to));
      }
    }
  }
}

TEST_CASE("slices by time cover each point of the window once", "[run][property]") {
  std::mt19937_64 random(13);
  for (const std::size_t n : {1UL, 50UL, 5000UL, 60000UL}) {
    Series series;
    double t = 1.7e9;
    for (std::size_t i = 0; i < n; ++i) {
      t += std::ldexp(static_cast<double>(random() % 1000), -8);
      series.append(Step{static_cast<std::int64_t>(i / 3)}, t, 1.0, Quality::kGood);
    }
    const Stretch all = series.stretches().front();
    for (const int width : {1, 7, 300, 2000}) {
      const double from = 1.7e9 + static_cast<double>(random() % 100) * 0.01 * (t - 1.7e9);
      const double to = from + 0.5 * (t - from);
      std::size_t next = series.first_from(all, from, run::By::kTime);
      const std::size_t begin = next;
      const std::size_t end = series.first_from(all, std::nextafter(to, 1e300), run::By::kTime);
      for (const Stretch& slice : series.slices(all, from, to, width, run::By::kTime)) {
        if (slice.last <= begin || slice.first >= end) continue;  // the neighbour beyond the edge
        REQUIRE(slice.first == next);
        next = slice.last;
      }
      REQUIRE(next == end);
    }
  }
}

TEST_CASE("what lies outside of limits is counted as by a scan", "[run][property]") {
  std::mt19937_64 random(17);
  for (const std::size_t n : {1UL, 16UL, 100UL, 5000UL, 70000UL}) {
    const Series series = random_series(random, n, true);
    for (int round = 0; round < 300; ++round) {
      std::size_t a = random() % (n + 1);
      std::size_t b = random() % (n + 1);
      if (a > b) std::swap(a, b);
      const double lo = static_cast<double>(random() % 400) - 250.0;
      const double hi = lo + static_cast<double>(random() % 300);
      std::size_t below = 0;
      std::size_t above = 0;
      for (std::size_t i = a; i < b; ++i) {
        below += series.value_at(i) < lo ? 1 : 0;
        above += series.value_at(i) > hi ? 1 : 0;
      }
      const run::Beyond got = series.beyond(a, b, lo, hi, n);
      REQUIRE(got.all);
      REQUIRE(got.below == below);
      REQUIRE(got.above == above);
      const run::Beyond hurried = series.beyond(a, b, lo, hi, 3);  // it says so when it gives up
      REQUIRE(hurried.above <= above);
      REQUIRE((hurried.all == false || hurried.above == above));
    }
  }
}

TEST_CASE("the number of columns does not grow with the number of points", "[run]") {
  Series series;
  for (int i = 0; i < 200000; ++i) series.append(Step{i}, i, std::sin(i * 0.001), Quality::kGood);
  const auto columns = series.columns(series.stretches().front(), 0, 199999, 800);
  REQUIRE(columns.size() == 800);
  REQUIRE(series.columns(series.stretches().front(), 100, 150, 800).size() == 53);
  // one column a point, and the neighbour on each side
}

TEST_CASE("a step that falls and break_here start a stretch", "[run]") {
  Series series;
  REQUIRE(series.stretches().empty());
  series.break_here();  // before any point: nothing to break
  for (const int step : {0, 5, 10, 10, 0, 5}) series.append(Step{step}, 0, 1.0, Quality::kGood);
  series.break_here();
  series.break_here();
  series.append(Step{10}, 0, 2.0, Quality::kGood);
  const auto stretches = series.stretches();
  REQUIRE(stretches.size() == 3);
  REQUIRE(stretches[1].first == 4);
  REQUIRE(stretches[1].last == 6);
  REQUIRE(series.first_step() == Step{0});
  REQUIRE(series.last_step() == Step{10});
}

TEST_CASE("what could not be computed is a gap with a place, never a number", "[run]") {
  Series series;
  series.append(Step{0}, 0, 0.5, Quality::kGood);
  series.append(Step{1}, 0, 99.0, Quality::kBad);
  series.append(Step{2}, 0, std::nan(""), Quality::kGood);  // a caller's slip
  series.append(Step{3}, 0, 0.1, Quality::kMissing);
  series.append(Step{4}, 0, 1e300, Quality::kGood);
  REQUIRE(series.gaps() == std::vector<std::size_t>{1, 2, 3});
  REQUIRE(series.quality_at(2) == Quality::kBad);
  REQUIRE(std::isnan(series.value_at(1)));
  const Extent extent = series.extent(0, 5);
  REQUIRE(extent.lo == 0.5);
  REQUIRE(extent.hi == 1e300);
  REQUIRE(extent.gaps == 3);
  REQUIRE(std::isnan(series.extent(1, 4).lo));
}
