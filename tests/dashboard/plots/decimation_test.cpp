// What a plot draws of a series against a walk over all of its points: random data, random ranges,
// any number of columns, by step, by time and by tokens.
#include <algorithm>
#include <cmath>
#include <random>

#include "monitor/dashboard/plot/curves/data.h"
#include "monitor/dashboard/plot/lines.h"
#include "tests/support/catch.h"

using namespace phaseguard;
using namespace phaseguard::plot;

namespace {

struct Wanted {
  std::size_t n = 0;
  int bad_in = 0;      // one in so many; 0: none
  bool falls = false;  // steps go back now and then
};

run::Series random_series(std::mt19937_64& random, const Wanted& shape) {
  run::Series out;
  std::int64_t step = 0;
  double t = 1.76e9;
  for (std::size_t i = 0; i < shape.n; ++i) {
    step += static_cast<std::int64_t>(random() % 3);
    if (shape.falls && random() % 4000 == 0) step /= 2;
    t += 0.25 + static_cast<double>(random() % 8);
    const bool bad = shape.bad_in > 0 && random() % static_cast<unsigned>(shape.bad_in) == 0;
    const double value = static_cast<double>(random() % 2000001) * 1e-3 - 1000.0;
    const Quality quality =
        bad ? random() % 2 == 0 ? Quality::kBad : Quality::kMissing : Quality::kGood;
    out.append(Step{step}, t, random() % 500 == 0 ? 1e300 : value, quality);
  }
  return out;
}

// By pixel column of the plot: what is there.
struct Column {
  double lo = std::numeric_limits<double>::infinity();
  double hi = -std::numeric_limits<double>::infinity();
  std::size_t bad = 0;
};

// Bad values and extrema of stretch `s`, point by point, within [from, to] of x.
Column scanned(const run::Series& series, const Along& along, double from, double to) {
  Column out;
  for (std::size_t i = 0; i < series.size(); ++i) {
    const double x = along.x(series, i);
    if (x < from || x > to) continue;
    if (series.quality_at(i) != Quality::kGood) {
      ++out.bad;
      continue;
    }
    out.lo = std::min(out.lo, series.value_at(i));
    out.hi = std::max(out.hi, series.value_at(i));
  }
  return out;
}

Column drawn(const std::vector<Vertex>& vertices, double from, double to) {
  Column out;
  for (const Vertex& v : vertices) {
    if (v.x < from || v.x > to) continue;
    out.bad += v.bad;
    if (v.hole) continue;
    out.lo = std::min(out.lo, v.lo);
    out.hi = std::max(out.hi, v.hi);
  }
  return out;
}

void compare(const run::Series& series, const Along& along, Range x, int columns) {
  std::vector<Vertex> vertices;
  SeriesData(series, 1e300, along).vertices(x, columns, vertices);
  CAPTURE(series.size(), x.lo, x.hi, columns, static_cast<int>(along.kind));
  // The whole window: nothing lost, nothing twice. A neighbour beyond the edge is outside of it.
  const Column all = drawn(vertices, x.lo, x.hi);
  const Column truth = scanned(series, along, x.lo, x.hi);
  REQUIRE(all.bad == truth.bad);
  REQUIRE(all.lo == truth.lo);
  REQUIRE(all.hi == truth.hi);
  // And each bad value within a column and a quarter of where it is.
  const double width = x.span() / columns;
  for (int part = 0; part < 8; ++part) {
    const double from = x.lo + x.span() * part / 8.0;
    const double to = from + x.span() / 8.0;
    const Column near = drawn(vertices, from - 1.25 * width, to + 1.25 * width);
    REQUIRE(near.bad >= scanned(series, along, from, to).bad);
  }
  REQUIRE(vertices.size() <= series.stretches().size() * static_cast<std::size_t>(columns + 3));
}

}  // namespace

TEST_CASE("what is drawn is what a walk over all points finds, bad ones included",
          "[plot][property]") {
  std::mt19937_64 random(20261128);
  const Wanted shapes[] = {{1, 0, false},     {3, 2, false},         {40, 3, true},
                           {900, 0, true},    {5000, 7, true},       {60000, 900, false},
                           {60000, 5, false}, {200000, 50000, false}};
  for (const Wanted& shape : shapes) {
    const run::Series series = random_series(random, shape);
    run::Series tokens;
    for (std::int64_t step = 0; step <= series.last_step().value + 40; step += 40) {
      tokens.append(Step{step}, 0.0, 512.0 * static_cast<double>(step), Quality::kGood);
    }
    Counter counter;
    counter.update(tokens);
    const double first = series.first_step().value;
    const double last = series.last_step().value;
    for (int round = 0; round < 60; ++round) {
      const double a = static_cast<double>(random() % 1000) / 1000.0;
      const double b = a + (1.0 - a) * static_cast<double>(random() % 1000) / 1000.0;
      const int columns = 1 + static_cast<int>(random() % 1500);
      const Range steps{first + a * (last - first), first + b * (last - first) + 1.0};
      compare(series, {}, steps, columns);
      compare(series, {plot::XKind::kTokens, 0.0, &counter},
              {512.0 * steps.lo + 1.0, 512.0 * steps.hi - 1.0}, columns);
      if (shape.falls) continue;
      const double t0 = series.t_at(0);
      const double t1 = series.t_at(series.size() - 1);
      compare(series, {plot::XKind::kElapsed, 1.76e9},
              {t0 + a * (t1 - t0) - 1.76e9, t0 + b * (t1 - t0) + 1.0 - 1.76e9}, columns);
    }
  }
}

TEST_CASE("a few far values leave the axis to the others, and are counted", "[plot]") {
  run::Series series;
  for (int i = 0; i < 2000; ++i) {
    const double value = i == 700 ? 1e300 : i == 900 || i == 901 ? -50000.0 : 0.5 + 1e-4 * i;
    series.append(Step{i}, i, value, Quality::kGood);
  }
  const SeriesData data(series);
  PlotSpec spec;
  spec.lines.push_back({&data, "x", {}});
  ValueAxis values;
  refresh_lines(spec, {0.0, 2000.0}, 400, values);
  fit_values(spec, values);
  CHECK(values.view.hi < 1.0);
  CHECK(values.view.lo >= 0.0);
  const run::Beyond beyond = count_beyond(spec, {0.0, 2000.0}, values);
  CHECK(beyond.above == 1);
  CHECK(beyond.below == 2);
  CHECK(beyond.all);

  refresh_lines(spec, {0.0, 600.0}, 400, values);  // where there is none
  fit_values(spec, values);
  CHECK(count_beyond(spec, {0.0, 600.0}, values).above == 0);

  spec.robust = false;
  refresh_lines(spec, {0.0, 2000.0}, 400, values);
  fit_values(spec, values);
  CHECK(values.view.hi > 1e300);
  CHECK(count_beyond(spec, {0.0, 2000.0}, values).above == 0);
}

TEST_CASE("a range is whole where nothing is squeezed", "[plot]") {
  run::Series steps;  // 0 for long, 1 for a moment: that moment is what there is to see
  run::Series smooth;
  for (int i = 0; i < 500; ++i) {
    steps.append(Step{i}, i, i > 480 ? 1.0 : 0.0, Quality::kGood);
    smooth.append(Step{i}, i, 3.0 * std::exp(-0.02 * i), Quality::kGood);
  }
  for (const run::Series* series : {&steps, &smooth}) {
    const SeriesData data(*series);
    PlotSpec spec;
    spec.lines.push_back({&data, "x", {}});
    ValueAxis values;
    refresh_lines(spec, {0.0, 500.0}, 300, values);
    fit_values(spec, values);
    CHECK(count_beyond(spec, {0.0, 500.0}, values).above == 0);
  }
}

TEST_CASE("no value makes an axis that is not one", "[plot][hostile]") {
  const double hard[] = {1.7e308, -1.7e308, 3.4e38, 1e300, 5e-324, -1e-310, 0.0, 2.0, 0.000305};
  for (const double a : hard) {
    for (const double b : hard) {
      run::Series series;
      for (int i = 0; i < 20; ++i) series.append(Step{i}, i, i % 3 == 0 ? a : b, Quality::kGood);
      const SeriesData data(series);
      for (const plot::YKind kind :
           {plot::YKind::kLinear, plot::YKind::kLog, plot::YKind::kSymlog}) {
        PlotSpec spec;
        spec.y = kind;
        spec.lines.push_back({&data, "x", {}});
        ValueAxis values;
        refresh_lines(spec, {0.0, 20.0}, 300, values);
        fit_values(spec, values);
        CAPTURE(a, b, static_cast<int>(kind), values.view.lo, values.view.hi);
        REQUIRE(std::isfinite(values.view.span()));
        REQUIRE(values.view.span() > 0.0);
        const Scale y(values.view, 100.0F, 0.0F, values.spread);
        REQUIRE(y.px(values.view.lo) == Approx(100.0F));
        REQUIRE(y.px(values.view.hi) == Approx(0.0F).margin(0.01));
        const AxisTicks axis = value_ticks(values.view, values.spread, 5);
        REQUIRE(axis.ticks.size() >= 3);
        for (const Tick& tick : axis.ticks) REQUIRE(tick.label.size() <= 8);
      }
    }
  }
}
