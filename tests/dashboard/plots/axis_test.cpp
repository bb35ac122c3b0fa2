#include "monitor/dashboard/plot/curves/axis.h"

#include <cmath>

#include "monitor/dashboard/plot/curves/data.h"
#include "tests/support/catch.h"
#include "tests/support/words.h"

using namespace phaseguard;
using namespace phaseguard::plot;

TEST_CASE("zoom keeps the value under the cursor and respects its bounds", "[plot][property]") {
  const Range range{10.0, 110.0};
  for (double about : {10.0, 35.0, 110.0}) {
    const Range in = zoomed(range, about, 0.5, 1.0, 1000.0);
    CHECK(in.span() == Approx(50.0));
    CHECK((about - in.lo) / in.span() == Approx((about - range.lo) / range.span()));
  }
  CHECK(zoomed(range, 50.0, 1e-9, 4.0, 1000.0).span() == Approx(4.0));
  CHECK(zoomed(range, 50.0, 1e9, 4.0, 1000.0).span() == Approx(1000.0));
}

TEST_CASE("panning stops in sight of the data", "[plot]") {
  const Range full{0.0, 100.0};
  CHECK(panned({20.0, 40.0}, 5.0, full).lo == Approx(25.0));
  CHECK(panned({20.0, 40.0}, 1e6, full).hi == Approx(110.0));
  CHECK(panned({20.0, 40.0}, -1e6, full).lo == Approx(-10.0));
}

TEST_CASE("a fitted range is never empty and keeps zero as the floor", "[plot]") {
  CHECK(fitted(0.1, 0.4).lo == 0.0);
  CHECK(fitted(0.1, 0.4).hi > 0.4);
  CHECK(fitted(-1.0, 1.0).lo < -1.0);
  CHECK(fitted(2.0, 2.0).span() > 0.0);
  CHECK(fitted(0.0, 0.0).span() == 1.0);
  CHECK(fitted(std::nan(""), 1.0).span() == 1.0);
  CHECK(fitted(5.0, -5.0).span() == 1.0);
}

namespace {

run::Series series_of(std::size_t n, double (*value)(std::size_t)) {
  run::Series series;
  for (std::size_t i = 0; i < n; ++i) {
    const double v = value(i);
    series.append(Step{static_cast<std::int64_t>(i)}, 0.0, v,
                  std::isnan(v) ? Quality::kBad : Quality::kGood);
  }
  return series;
}

}  // namespace

TEST_CASE("a spike of one sample is inside a vertex at any zoom", "[plot][property]") {
  const auto series = series_of(200000, [](std::size_t i) { return i == 123457 ? 9.0 : 0.5; });
  const SeriesData data(series);
  for (int columns : {50, 333, 1200}) {
    std::vector<Vertex> vertices;
    data.vertices({0.0, 200000.0}, columns, vertices);
    const double width = 200000.0 / columns;
    bool seen = false;
    for (const Vertex& v : vertices) {
      seen = seen || (v.hi == 9.0 && std::abs(v.x - 123457.0) <= width);
    }
    CHECK(seen);
    CHECK(vertices.size() <= static_cast<std::size_t>(2 * columns + 2));
  }
}

TEST_CASE("what could not be computed is a hole and a gap, never a line", "[plot]") {
  const auto series =
      series_of(20, [](std::size_t i) { return i >= 8 && i < 11 ? std::nan("") : 1.0; });
  std::vector<Vertex> vertices;
  SeriesData(series).vertices({0.0, 20.0}, 500, vertices);
  int holes = 0;
  for (std::size_t i = 0; i < vertices.size(); ++i) {
    if (vertices[i].hole) ++holes;
    if (vertices[i].x == 11.0) CHECK(vertices[i].starts);
    if (vertices[i].x == 7.0) CHECK_FALSE(vertices[i].starts);
  }
  CHECK(holes == 3);
  CHECK(std::isnan(SeriesData(series).nearest(9.0)->y));
}

TEST_CASE("measurements that did not come are a gap", "[plot]") {
  run::Series series;
  for (std::int64_t step : {0, 5, 10, 30, 35}) series.append(Step{step}, 0, 1.0, Quality::kGood);
  std::vector<Vertex> vertices;
  SeriesData(series, 12.5).vertices({0.0, 40.0}, 500, vertices);
  REQUIRE(vertices.size() == 5);
  CHECK(vertices[3].starts);
  CHECK_FALSE(vertices[2].starts);
  CHECK_FALSE(vertices[4].starts);
}

TEST_CASE("a knob is a staircase that holds to the present step", "[plot]") {
  run::Series knob;
  knob.append(Step{0}, 0, 0.0, Quality::kGood);
  knob.append(Step{11}, 0, 2.0, Quality::kGood);
  const HeldData data(knob, 40.0);
  std::vector<Vertex> vertices;
  data.vertices({0.0, 50.0}, 500, vertices);
  REQUIRE(vertices.size() == 4);
  CHECK(vertices[1].x == 11.0);
  CHECK(vertices[1].lo == 0.0);
  CHECK(vertices[2].x == 11.0);
  CHECK(vertices[2].lo == 2.0);
  CHECK(vertices[3].x == 40.0);
  CHECK(data.nearest(10.0)->y == 0.0);
  CHECK(data.nearest(39.0)->y == 2.0);
  CHECK(data.extent({20.0, 30.0}).hi == 2.0);
}

TEST_CASE("a rollback's old stretch is marked as old", "[plot]") {
  run::Series series;
  for (std::int64_t step = 0; step <= 10; ++step) series.append(Step{step}, 0, 1.0, Quality::kGood);
  for (std::int64_t step = 0; step <= 30; ++step) series.append(Step{step}, 0, 2.0, Quality::kGood);
  std::vector<Vertex> vertices;
  SeriesData(series).vertices({0.0, 30.0}, 500, vertices);
  std::size_t old = 0;
  for (const Vertex& v : vertices) {
    if (v.old) ++old;
    CHECK(v.old == (v.lo == 1.0));
  }
  CHECK(old == 11);
}
