#include "monitor/dashboard/plot/curves/smooth.h"

#include <algorithm>
#include <cmath>
#include <random>

#include "monitor/dashboard/plot/curves/data.h"
#include "tests/support/catch.h"

using namespace phaseguard;
using namespace phaseguard::plot;
using plot::Smooth;
using plot::SmoothKind;

namespace {

run::Series random_series(std::mt19937_64& random, std::size_t n) {
  run::Series out;
  std::int64_t step = 0;
  double t = 100.0;
  for (std::size_t i = 0; i < n; ++i) {
    step += static_cast<std::int64_t>(1 + random() % 4);
    if (random() % 300 == 0) step /= 2;  // a rollback
    t += 0.1 + static_cast<double>(random() % 30) * 0.1;
    const double value = static_cast<double>(random() % 10001) * 1e-3;
    out.append(Step{step}, t, random() % 200 == 0 ? 1e12 : value,
               random() % 11 == 0 ? Quality::kBad : Quality::kGood);
  }
  return out;
}

// The same from its definition: every point looks back over its stretch.
double by_definition(const run::Series& series, std::size_t i, const Smooth& how) {
  if (series.quality_at(i) != Quality::kGood) return std::nan("");
  const auto by = how.seconds ? run::By::kTime : run::By::kStep;
  std::size_t first = 0;
  for (const run::Stretch& s : series.stretches()) {
    if (s.first <= i && i < s.last) first = s.first;
  }
  const double now = series.x_at(i, by);
  double sum = 0.0;
  double weights = 0.0;
  std::vector<double> window;
  for (std::size_t k = first; k <= i; ++k) {
    if (series.quality_at(k) != Quality::kGood) continue;
    const double age = now - series.x_at(k, by);
    const double weight = std::pow(0.5, age / how.length);
    sum += weight * series.value_at(k);
    weights += weight;
    if (age < how.length) window.push_back(series.value_at(k));
  }
  if (how.kind == SmoothKind::kEma) return sum / weights;
  if (how.kind == SmoothKind::kMean) {
    double total = 0.0;
    for (const double value : window) total += value;
    return total / static_cast<double>(window.size());
  }
  std::sort(window.begin(), window.end());
  const std::size_t half = window.size() / 2;
  return window.size() % 2 == 1 ? window[half] : 0.5 * (window[half - 1] + window[half]);
}

}  // namespace

TEST_CASE("smoothing is what its definition says, at every point", "[plot][property]") {
  std::mt19937_64 random(9);
  const run::Series series = random_series(random, 900);
  REQUIRE(series.stretches().size() > 1);
  for (const SmoothKind kind : {SmoothKind::kEma, SmoothKind::kMean, SmoothKind::kMedian}) {
    for (const bool seconds : {false, true}) {
      for (const double length : {1.0, 7.5, 60.0, 1e6}) {
        const Smooth how{kind, length, seconds};
        Smoothed smoothed(how);
        std::size_t turns = 0;
        while (!smoothed.update(series, 1 + random() % 97)) ++turns;
        CHECK(turns > 5);
        REQUIRE(smoothed.values().size() == series.size());
        for (std::size_t i = 0; i < series.size(); ++i) {
          const double want = by_definition(series, i, how);
          CAPTURE(static_cast<int>(kind), seconds, length, i);
          if (std::isnan(want)) {
            REQUIRE(std::isnan(smoothed.values()[i]));
          } else {
            REQUIRE(smoothed.values()[i] == Approx(want).epsilon(1e-9));
          }
        }
      }
    }
  }
}

TEST_CASE("an average that begins is not drawn towards zero", "[plot]") {
  run::Series series;
  for (int i = 0; i < 50; ++i) series.append(Step{i}, i, 4.0, Quality::kGood);
  Smoothed ema({SmoothKind::kEma, 100.0, false});
  REQUIRE(ema.update(series, 1000));
  for (std::size_t i = 0; i < ema.values().size(); ++i) CHECK(ema.values()[i] == Approx(4.0));
}

TEST_CASE("a value of 1e300 that has left a window has left nothing there", "[plot]") {
  run::Series series;
  for (int i = 0; i < 50; ++i) series.append(Step{i}, i, i == 9 ? 1e300 : 2.0, Quality::kGood);
  Smoothed mean({SmoothKind::kMean, 5.0, false});
  REQUIRE(mean.update(series, 1000));
  CHECK(mean.values()[12] == Approx(2e299));
  CHECK(mean.values()[14] == 2.0);
}

TEST_CASE("a smoothed line grows with its series, and begins anew with another one", "[plot]") {
  std::mt19937_64 random(4);
  run::Series series = random_series(random, 50);
  Smoothed median({SmoothKind::kMedian, 9.0, false});
  REQUIRE(median.update(series, 1000));
  const std::size_t version = median.version();
  series.append(Step{100000}, 1e6, 3.0, Quality::kGood);
  REQUIRE(median.update(series, 1000));
  CHECK(median.values()[median.values().size() - 1] == 3.0);
  CHECK(median.version() != version);
  const run::Series other = random_series(random, 20);
  REQUIRE(median.update(other, 1000));
  CHECK(median.values().size() == 20);
}

TEST_CASE("a smoothed line is drawn where the series has its points", "[plot]") {
  run::Series series;
  for (int i = 0; i < 4000; ++i) series.append(Step{i}, i, i % 2 == 0 ? 0.0 : 2.0, Quality::kGood);
  Smoothed mean({SmoothKind::kMean, 100.0, false});
  REQUIRE(mean.update(series, 10000));
  std::vector<Vertex> vertices;
  const SeriesData data(series, 1e300, {}, &mean);
  data.vertices({1000.0, 3000.0}, 200, vertices);
  REQUIRE(vertices.size() >= 200);
  REQUIRE(data.nearest(2000.0).has_value());
  CHECK(data.nearest(2000.0)->y == Approx(1.0));  // and read there
  CHECK(SeriesData(series).nearest(2000.0)->y == 0.0);
  for (const Vertex& v : vertices) {
    CHECK(v.lo == Approx(1.0).margin(0.02));
    CHECK(v.hi == Approx(1.0).margin(0.02));
  }
}
