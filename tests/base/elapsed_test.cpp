// Time that went by at a sender whose clock cannot be trusted.
#include "monitor/base/elapsed.h"

#include <cmath>
#include <vector>

#include "tests/support/catch.h"

using namespace phaseguard;

namespace {

// One message for each step, at these times.
Elapsed elapsed(const std::vector<double>& times, std::int64_t first = 0) {
  Elapsed out;
  for (const double t : times) out.add(Step{first++}, t);
  return out;
}

std::vector<double> every(double seconds, int n, double from = 1.75e9) {
  std::vector<double> times;
  for (int i = 0; i < n; ++i) times.push_back(from + seconds * i);
  return times;
}

}  // namespace

TEST_CASE("time that goes by evenly is all counted", "[base][elapsed]") {
  CHECK(std::isnan(elapsed({}).seconds()));
  CHECK(elapsed({1.75e9}).seconds() == 0.0);
  CHECK(elapsed(every(0.5, 41)).seconds() == 20.0);
  CHECK(elapsed(every(59.0, 11)).seconds() == 590.0);
  CHECK(elapsed(every(59.0, 11)).jump() == 0.0);
}

TEST_CASE("updates that take longer than a minute are counted from the second one on",
          "[base][elapsed]") {
  CHECK(elapsed(every(200.0, 11)).seconds() == 60.0 + 9 * 200.0);
  CHECK(elapsed(every(200.0, 11)).jump() == 0.0);
}

TEST_CASE("a spike, a clock set back and a year ahead count as no more than a minute",
          "[base][elapsed]") {
  std::vector<double> times = every(1.0, 10);
  times.push_back(times.back() + 31'536'000.0);
  Elapsed spike = elapsed(times);
  CHECK(spike.seconds() == 9.0 + 60.0);
  CHECK(spike.jump() == 31'536'000.0 - 60.0);
  spike.add(Step{10}, times[9] + 1.0);  // and back
  CHECK(spike.seconds() == 69.0);
  CHECK(spike.jump() == 1.0 - 31'536'000.0);
  spike.add(Step{11}, times[9] + 2.0);
  CHECK(spike.seconds() == 70.0);
  CHECK(spike.jump() == 0.0);
}

TEST_CASE("many messages of one update do not make it seem short", "[base][elapsed]") {
  Elapsed out;
  for (std::int64_t step = 0; step < 10; ++step) {
    for (int i = 0; i < 8; ++i) out.add(Step{step}, 1.75e9 + 200.0 * static_cast<double>(step));
  }
  CHECK(out.seconds() == 60.0 + 8 * 200.0);
}

TEST_CASE("a clock that stands is counted by updates", "[base][elapsed]") {
  CHECK(elapsed(std::vector<double>(21, 5.0)).standing() == 20);
  CHECK(elapsed(std::vector<double>(21, 5.0)).seconds() == 0.0);
  CHECK(elapsed({5.0, 5.0, 5.0, 6.0}).standing() == 0);
  CHECK(elapsed({std::nan(""), HUGE_VAL}).standing() == 0);
}

TEST_CASE("a rollback neither stops the time nor looks like a clock that stands",
          "[base][elapsed]") {
  Elapsed out = elapsed(every(1.0, 10));
  out.begin_segment();
  for (std::int64_t step = 3; step < 9; ++step)
    out.add(Step{step}, 1.75e9 + 7.0 + static_cast<double>(step));
  CHECK(out.seconds() == 15.0);
  CHECK(out.standing() == 0);
}
