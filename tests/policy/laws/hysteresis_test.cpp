// Hysteresis, `stale`, and what a detector takes along into the next attempt.
#include <cmath>
#include <limits>
#include <vector>

#include "monitor/policy/laws/detector.h"
#include "tests/support/catch.h"

namespace phaseguard::policy {
namespace {

const double kNaN = std::numeric_limits<double>::quiet_NaN();

DetectorSpec sticky(double above, double clear, std::int64_t clear_consecutive,
                    BadSignal bad = BadSignal::kAlarm) {
  DetectorSpec spec;
  spec.above = above;
  spec.clear = clear;
  spec.clear_consecutive = clear_consecutive;
  spec.bad = bad;
  return spec;
}

std::vector<bool> votes(const DetectorSpec& spec, const std::vector<double>& values) {
  DetectorState state;
  std::vector<bool> out;
  std::int64_t step = 0;
  for (const double value : values) {
    feed(spec, state, Step{++step}, quality_of(value), value);
    out.push_back(is_voting(spec, state));
  }
  return out;
}

TEST_CASE("hysteresis: votes on until enough measurements are at or below clear",
          "[policy][golden]") {
  const DetectorSpec spec = sticky(0.5, 0.3, 2);
  CHECK(votes(spec, {0.6, 0.4, 0.3, 0.4, 0.3, 0.3, 0.4, 0.6}) ==
        std::vector<bool>{true, true, true, true, true, false, false, true});
  // One ulp above clear is not clear.
  const double next = std::nextafter(0.3, 1.0);
  CHECK(votes(spec, {0.6, 0.3, next, 0.3, 0.3}) ==
        std::vector<bool>{true, true, true, true, false});
}

TEST_CASE("hysteresis: clear = above is the line itself", "[policy]") {
  CHECK(votes(sticky(0.5, 0.5, 2), {0.6, 0.5, 0.5}) == std::vector<bool>{true, true, false});
}

TEST_CASE("hysteresis: warm-up inhibits it, a long streak before counts", "[policy]") {
  DetectorSpec spec = sticky(0.5, 0.3, 1);
  spec.warmup = 2;
  CHECK(votes(spec, {0.6, 0.4, 0.4}) == std::vector<bool>{false, false, false});
  CHECK(votes(spec, {0.6, 0.6, 0.6, 0.4, 0.3}) ==
        std::vector<bool>{false, false, true, true, false});
}

TEST_CASE("hysteresis: lost data neither clears nor delays; bad = vote starts anew", "[policy]") {
  CHECK(votes(sticky(0.5, 0.3, 2), {0.6, 0.1, kNaN, kNaN, 0.1}) ==
        std::vector<bool>{true, true, true, true, false});
  CHECK(votes(sticky(0.5, 0.3, 2, BadSignal::kVote), {0.6, 0.1, kNaN, 0.1, 0.1}) ==
        std::vector<bool>{true, true, true, true, false});
}

TEST_CASE("hysteresis: a value that cannot be compared does not clear", "[policy]") {
  DetectorSpec spec = sticky(1.5, 1.5, 1);
  spec.law = ZscoreLaw{2};
  // z of the third: (9 - 1) / 1; then a flat window gives none; then a low one.
  CHECK(votes(spec, {0.0, 2.0, 9.0, 9.0, 9.0, 8.0}) ==
        std::vector<bool>{false, false, true, false, false, false});
  spec.clear_consecutive = 2;
  CHECK(votes(spec, {0.0, 2.0, 9.0, 9.0, 9.0, 8.0}) ==
        std::vector<bool>{false, false, true, true, true, true});
}

TEST_CASE("quiet step: the newest GOOD measurement while nothing is raised", "[policy]") {
  const DetectorSpec spec = sticky(0.5, 0.3, 1);
  DetectorState state;
  feed(spec, state, Step{1}, Quality::kGood, 0.1);
  feed(spec, state, Step{2}, Quality::kGood, 0.6);
  feed(spec, state, Step{3}, Quality::kGood, 0.4);  // held
  CHECK(state.quiet_step == Step{1});
  CHECK(is_raised(state));
  CHECK_FALSE(is_calm(state));
  CHECK_FALSE(is_quiet(spec, state));
  feed(spec, state, Step{4}, Quality::kBad, kNaN);
  CHECK(state.quiet_step == Step{1});
  feed(spec, state, Step{5}, Quality::kGood, 0.2);
  CHECK(state.quiet_step == Step{5});
  CHECK(is_quiet(spec, state));
}

// ---- stale

DetectorSpec stale(double count, SpanUnit unit) {
  DetectorSpec spec;
  spec.law = StaleLaw{{count, unit}};
  return spec;
}

TEST_CASE("stale in steps: longer than, from the start or the newest GOOD value",
          "[policy][golden]") {
  const DetectorSpec spec = stale(10, SpanUnit::kSteps);
  DetectorState state;
  age(spec, state, {Step{110}, Step{100}, 0.0, 0});
  CHECK(state.statistic == 10.0);
  CHECK_FALSE(is_voting(spec, state));
  age(spec, state, {Step{111}, Step{100}, 0.0, 0});
  CHECK(is_voting(spec, state));  // it was never measured at all
  CHECK(state.first_vote == Step{111});
  feed(spec, state, Step{112}, Quality::kGood, 1.0);
  CHECK_FALSE(is_voting(spec, state));
  CHECK(is_quiet(spec, state));
  feed(spec, state, Step{115}, Quality::kBad, kNaN);
  age(spec, state, {Step{122}, Step{100}, 0.0, 0});
  CHECK_FALSE(is_voting(spec, state));
  age(spec, state, {Step{123}, Step{100}, 0.0, 0});
  CHECK(is_voting(spec, state));
  CHECK(state.quiet_step == Step{112});
}

TEST_CASE("stale in intervals of the cadence", "[policy][golden]") {
  const DetectorSpec spec = stale(3, SpanUnit::kIntervals);
  DetectorState state;
  feed(spec, state, Step{10}, Quality::kGood, 1.0);
  age(spec, state, {Step{25}, Step{0}, 0.0, 5});
  CHECK(state.statistic == 3.0);
  CHECK_FALSE(is_voting(spec, state));
  age(spec, state, {Step{26}, Step{0}, 0.0, 5});
  CHECK(is_voting(spec, state));
  age(spec, state, {Step{26}, Step{0}, 0.0, 0});  // no cadence: nothing to count in
  CHECK_FALSE(is_voting(spec, state));
}

TEST_CASE("stale in seconds of the trainer's clock", "[policy][golden]") {
  const DetectorSpec spec = stale(30, SpanUnit::kSeconds);
  DetectorState state;
  age(spec, state, {Step{1}, Step{0}, kNaN, 0});  // no clock yet
  CHECK_FALSE(is_voting(spec, state));
  age(spec, state, {Step{1}, Step{0}, 1000.0, 0});
  age(spec, state, {Step{2}, Step{0}, 1030.0, 0});
  CHECK_FALSE(is_voting(spec, state));
  age(spec, state, {Step{2}, Step{0}, 1030.5, 0});
  CHECK(is_voting(spec, state));
  feed(spec, state, Step{3}, Quality::kGood, 1.0);
  age(spec, state, {Step{3}, Step{0}, 1031.0, 0});
  CHECK(state.statistic == 0.0);
  age(spec, state, {Step{9}, Step{0}, 1061.0, 0});
  CHECK_FALSE(is_voting(spec, state));
  age(spec, state, {Step{9}, Step{0}, 1061.5, 0});
  CHECK(is_voting(spec, state));
}

TEST_CASE("stale with bad = vote: three lost measurements are enough", "[policy]") {
  DetectorSpec spec = stale(1000, SpanUnit::kSteps);
  spec.bad = BadSignal::kVote;
  DetectorState state;
  for (std::int64_t step = 1; step <= 3; ++step) {
    CHECK_FALSE(is_voting(spec, state));
    feed(spec, state, Step{step}, Quality::kMissing, kNaN);
  }
  CHECK(is_voting(spec, state));
}

TEST_CASE("age: no other law looks at the time", "[policy]") {
  DetectorSpec spec;
  DetectorState state;
  age(spec, state, {Step{1000}, Step{0}, 1e9, 5});
  CHECK(std::isnan(state.statistic));
  CHECK_FALSE(is_voting(spec, state));
}

// ---- carried over

TEST_CASE("carried over: streaks and averages go on, steps are measured again", "[policy]") {
  DetectorSpec spec;
  spec.above = 0.5;
  spec.consecutive = 3;
  DetectorState state;
  feed(spec, state, Step{5}, Quality::kGood, 0.6);
  feed(spec, state, Step{10}, Quality::kGood, 0.6);
  carry_over(spec, state, Step{7});
  CHECK(state.n_at_start == 2);
  feed(spec, state, Step{7}, Quality::kGood, 0.6);  // the checkpoint's own step was seen
  CHECK(state.ignored == 1);
  feed(spec, state, Step{10}, Quality::kGood, 0.6);
  CHECK(state.streak == 3);
  CHECK(is_voting(spec, state));
}

}  // namespace
}  // namespace phaseguard::policy
