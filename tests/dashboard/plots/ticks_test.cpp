#include "monitor/dashboard/plot/curves/ticks.h"

#include <cmath>
#include <random>
#include <set>

#include "monitor/base/time/utc.h"
#include "tests/support/catch.h"

using namespace phaseguard;
using namespace phaseguard::plot;

namespace {

constexpr plot::YKind kKinds[] = {plot::YKind::kLinear, plot::YKind::kLog, plot::YKind::kSymlog};
constexpr std::size_t kGutter = 7;  // characters

std::set<std::string> labels_of(const AxisTicks& axis) {
  std::set<std::string> out;
  for (const Tick& tick : axis.ticks) out.insert(tick.label);
  return out;
}

}  // namespace

TEST_CASE("an axis has three ticks or more, of a round step, inside the range",
          "[plot][property]") {
  std::mt19937_64 random(3);
  const auto uniform = [&] { return static_cast<double>(random() % 1000001) * 1e-6; };
  for (int round = 0; round < 20000; ++round) {
    const double span = std::pow(10.0, -9.0 + 30.0 * uniform());
    const double lo = (uniform() - 0.5) * span * std::pow(10.0, 4.0 * uniform());
    const Range range{lo, lo + span};
    const int most = 3 + static_cast<int>(random() % 10);
    const Ticks ticks = nice_ticks(range, most);
    CAPTURE(lo, span, most, ticks.step, ticks.count);
    REQUIRE(ticks.count >= kLeastTicks);
    REQUIRE(ticks.count <= 2 * most);
    const double power = std::floor(std::log10(ticks.step) + 1e-9);
    const double mantissa = 2.0 * ticks.step / std::pow(10.0, power);
    REQUIRE(std::abs(mantissa - std::round(mantissa)) < 1e-6);
    for (const int i : {0, ticks.count - 1}) {
      REQUIRE(ticks.at(i) >= range.lo - 1e-6 * ticks.step);
      REQUIRE(ticks.at(i) <= range.hi + 1e-6 * ticks.step);
    }
  }
  CHECK(nice_ticks({0.0, 0.41}, 4).step == Approx(0.2));
  CHECK(nice_ticks({0.0, 3.0}, 12, true).step == 1.0);  // no half steps of a run
  CHECK(nice_ticks({0.0, 0.0}, 5).count == 0);
}

TEST_CASE("labels of a value axis differ from each other and stay in the gutter",
          "[plot][property]") {
  std::mt19937_64 random(5);
  const auto uniform = [&] { return static_cast<double>(random() % 1000001) * 1e-6; };
  for (int round = 0; round < 6000; ++round) {
    const double size = std::pow(10.0, -12.0 + 319.0 * uniform());
    const double lo = (uniform() - 0.5) * size;
    const double span = std::max(size * std::pow(10.0, -6.0 * uniform()), 1e-300);
    const Range range{lo, lo + span};
    for (const plot::YKind kind : kKinds) {
      if (kind == plot::YKind::kLog && lo <= 0.0) continue;
      const Spread spread{kind, size * 1e-3};
      const AxisTicks axis = value_ticks(range, spread, 5);
      CAPTURE(lo, span, static_cast<int>(kind), axis.ticks.size(), axis.base);
      REQUIRE(axis.ticks.size() >= 3);
      REQUIRE(labels_of(axis).size() == axis.ticks.size());
      for (const Tick& tick : axis.ticks) {
        CAPTURE(tick.label);
        const bool sign = tick.label[0] == '-' || tick.label[0] == '+';
        REQUIRE(tick.label.size() <= kGutter + (sign ? 1 : 0));
      }
    }
  }
}

TEST_CASE("numbers have the digits that tell something", "[plot]") {
  CHECK(tick_label(0.2, 0.2) == "0.2");
  CHECK(tick_label(0.0, 0.05) == "0.00");
  CHECK(tick_label(-1e-18, 0.2) == "0.0");  // no "-0.0"
  CHECK(tick_label(0.25, 0.25) == "0.25");
  CHECK(tick_label(0.0003, 0.0001) == "0.0003");
  CHECK(tick_label(0.00003, 0.00001) == "3e-5");
  CHECK(tick_label(150.0, 50.0) == "150");
  CHECK(tick_label(20000.0, 5000.0) == "20k");
  CHECK(tick_label(2500000.0, 500000.0) == "2.5M");
  CHECK(tick_label(3.4e38, 2e37) == "3.4e38");
  CHECK(tick_label(1e300, 2e299) == "1e300");
  CHECK(value_label(0.31416) == "0.3142");
  CHECK(value_label(2.0) == "2");
  CHECK(value_label(0.000305) == "0.000305");
  CHECK(value_label(0.0000305) == "3.05e-5");
  CHECK(value_label(1234.5) == "1234");
  CHECK(value_label(54321.0) == "54321");
  CHECK(value_label(3.4e38) == "3.4e38");
  CHECK(value_label(-1.7e308) == "-1.7e308");
  CHECK(value_label(0.0) == "0");
  CHECK(value_label(std::nan("")) == "NaN");
}

TEST_CASE("a short range far from zero says what its labels leave out", "[plot]") {
  const AxisTicks axis = value_ticks({1234567.2, 1234567.9}, {}, 5);
  CHECK(axis.base == "from 1234567");
  REQUIRE(axis.ticks.size() >= 3);
  CHECK(axis.ticks.front().label == "+0.2");
  CHECK(axis.ticks.front().value == Approx(1234567.2));
  CHECK(value_ticks({0.0, 5.0}, {}, 5).base.empty());
}

TEST_CASE("logarithmic axes have powers of ten, short ones ordinary ticks", "[plot]") {
  const AxisTicks log = value_ticks({1e-6, 10.0}, {plot::YKind::kLog, 1.0}, 5);
  for (const Tick& tick : log.ticks) {
    const double power = std::log10(tick.value);
    CHECK(power == Approx(std::round(power)).margin(1e-9));
  }
  CHECK(value_ticks({2.0, 3.0}, {plot::YKind::kLog, 1.0}, 5).ticks.size() >= 3);
  const AxisTicks both = value_ticks({-1000.0, 1000.0}, {plot::YKind::kSymlog, 1.0}, 7);
  CHECK(labels_of(both).count("0") == 1);
  CHECK(both.ticks.front().value < 0.0);
  CHECK(both.ticks.back().value == -both.ticks.front().value);
}

TEST_CASE("a spread gives back the value it was given", "[plot][property]") {
  for (const plot::YKind kind : kKinds) {
    const Spread spread{kind, 0.01};
    for (const double value : {1e-9, 0.003, 1.0, 77.0, 1e12, 1e300}) {
      CHECK(spread.from(spread.to(value)) == Approx(value));
      if (kind == plot::YKind::kLog) continue;
      CHECK(spread.from(spread.to(-value)) == Approx(-value));
    }
    const Scale scale({0.5, 50.0}, 100.0F, 0.0F, spread);
    CHECK(scale.px(0.5) == 100.0F);
    CHECK(scale.px(50.0) == 0.0F);
    CHECK(scale.value(scale.px(7.0)) == Approx(7.0));
    const Range in = spread_zoomed({0.5, 50.0}, spread, 7.0, 0.5);
    CHECK(Scale(in, 100.0F, 0.0F, spread).px(7.0) == Approx(scale.px(7.0)).margin(0.01));
    CHECK(in.lo > 0.5);
    CHECK(in.hi < 50.0);
  }
  CHECK(Scale({1.0, 10.0}, 100.0F, 0.0F, {plot::YKind::kLog, 1.0}).px(-3.0) > 100.0F);
}

TEST_CASE("time and tokens on an x axis are said as people say them", "[plot]") {
  CHECK(x_label(1234567.0, plot::XKind::kStep) == "step 1234567");
  CHECK(x_label(1764304571.0, plot::XKind::kWall) == "2025-11-28 04:36:11 UTC");
  CHECK(x_label(35.0, plot::XKind::kElapsed) == "35 s after its start");
  CHECK(distance_label(104.0, plot::XKind::kStep) == "104 steps");
  CHECK(distance_label(1.0, plot::XKind::kStep) == "1 step");
  CHECK(distance_label(3900.0, plot::XKind::kElapsed) == "1h05:00");
  const auto day = x_ticks({1764288000.0, 1764288000.0 + 86400.0}, plot::XKind::kWall, 6);
  REQUIRE(day.size() >= 3);
  CHECK(day.front().label == "00:00");
  for (const double span : {5.0, 30.0, 100.0, 700.0, 5000.0, 40000.0, 400000.0, 4e6}) {
    for (const plot::XKind kind :
         {plot::XKind::kWall, plot::XKind::kElapsed, plot::XKind::kTokens}) {
      CAPTURE(span, static_cast<int>(kind));
      const auto ticks = x_ticks({1000.0, 1000.0 + span}, kind, 8);
      CHECK(ticks.size() >= 3);
      CHECK(ticks.size() <= 9);
    }
  }
}

TEST_CASE("a time has one text, and one that is none has none", "[plot]") {
  using phaseguard::utc_text;
  CHECK(utc_text(1764304571.9, phaseguard::kUtcMoment) == "2025-11-28 04:36:11 UTC");
  CHECK(utc_text(-0.5, phaseguard::kUtcClock) == "23:59:59");
  CHECK(utc_text(253402300799.0, "%Y") == "9999");
  CHECK(utc_text(253402300800.0, "%Y") == "");
  CHECK(utc_text(std::nan(""), "%Y") == "");
  CHECK(utc_text(1e300, "%Y") == "");
}
