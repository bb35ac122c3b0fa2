#include "monitor/policy/laws/detector.h"

#include <cmath>
#include <limits>
#include <optional>
#include <vector>

#include "tests/support/catch.h"

namespace phaseguard::policy {
namespace {

DetectorSpec level(double above, std::int64_t warmup, std::int64_t consecutive,
                   BadSignal bad = BadSignal::kAlarm) {
  DetectorSpec spec;
  spec.above = above;
  spec.warmup = warmup;
  spec.consecutive = consecutive;
  spec.bad = bad;
  return spec;
}

struct Fed {
  std::vector<std::int64_t> n, streak;
  std::vector<double> y;
  DetectorState state;
};

// NaN is fed as BAD; steps are multiples of 5 from `first`.
Fed feed_all(const DetectorSpec& spec, const std::vector<double>& values, std::int64_t first) {
  Fed fed;
  std::int64_t step = first;
  for (const double value : values) {
    feed(spec, fed.state, Step{step}, quality_of(value), value);
    fed.n.push_back(fed.state.n);
    fed.streak.push_back(fed.state.streak);
    fed.y.push_back(fed.state.statistic);
    step += 5;
  }
  return fed;
}

const double kNaN = std::numeric_limits<double>::quiet_NaN();
const double kInf = std::numeric_limits<double>::infinity();

// The paper's plateau: above the line from the first measurement on.
const std::vector<double> kPlateau{0.0, 0.28, 0.31, 0.33, 0.32, 0.33};

TEST_CASE("level: the paper's rule fires at its floor, step 20", "[policy][golden]") {
  const Fed fed = feed_all(level(0.15, 3, 2), kPlateau, 0);
  CHECK(fed.n == std::vector<std::int64_t>{0, 1, 2, 3, 4, 5});
  CHECK(fed.streak == std::vector<std::int64_t>{0, 1, 2, 3, 4, 5});
  CHECK(fed.state.first_vote == Step{20});
  CHECK(earliest_step(5, 3, 2) == Step{20});
  // The paper's rule as docs/POLICY.md reads it: c = 1 / 2 / 3 all give 20.
  CHECK(feed_all(level(0.15, 3, 1), kPlateau, 0).state.first_vote == Step{20});
  CHECK(feed_all(level(0.15, 3, 3), kPlateau, 0).state.first_vote == Step{20});
}

TEST_CASE("level: the threshold itself is not above it", "[policy][golden]") {
  CHECK(feed_all(level(0.15, 0, 1), {0.15, 0.15}, 5).state.first_vote == Step{-1});
  const double next = std::nextafter(0.15, 1.0);
  CHECK(feed_all(level(0.15, 0, 1), {0.15, next}, 5).state.first_vote == Step{10});
}

TEST_CASE("step 0 is shown and never counted", "[policy]") {
  const Fed fed = feed_all(level(0.15, 0, 1), {0.9}, 0);
  CHECK(fed.state.n == 0);
  CHECK(fed.state.streak == 0);
  CHECK(fed.state.step == Step{0});
  CHECK(fed.state.value == 0.9);
  CHECK_FALSE(is_voting(level(0.15, 0, 1), fed.state));
  CHECK(feed_all(level(0.15, 0, 1, BadSignal::kVote), {kNaN}, 0).state.streak == 0);
}

TEST_CASE("BAD and MISSING: alarm breaks the streak, vote prolongs it", "[policy][golden]") {
  const std::vector<double> values{0.3, kNaN, 0.3, 0.3};
  const Fed alarm = feed_all(level(0.15, 0, 2), values, 5);
  CHECK(alarm.n == std::vector<std::int64_t>{1, 1, 2, 3});
  CHECK(alarm.streak == std::vector<std::int64_t>{1, 0, 1, 2});
  CHECK(alarm.state.first_vote == Step{20});
  const Fed vote = feed_all(level(0.15, 0, 2, BadSignal::kVote), values, 5);
  CHECK(vote.n == std::vector<std::int64_t>{1, 2, 3, 4});
  CHECK(vote.streak == std::vector<std::int64_t>{1, 2, 3, 4});
  CHECK(vote.state.first_vote == Step{10});
  CHECK(feed_all(level(0.15, 0, 1), {kInf, -kInf, kNaN}, 5).state.first_vote == Step{-1});
}

TEST_CASE("a duplicate or late point changes nothing and is counted", "[policy]") {
  const DetectorSpec spec = level(0.15, 0, 1);
  DetectorState state;
  feed(spec, state, Step{10}, Quality::kGood, 0.1);
  feed(spec, state, Step{10}, Quality::kGood, 0.9);
  feed(spec, state, Step{5}, Quality::kGood, 0.9);
  CHECK(state.n == 1);
  CHECK(state.value == 0.1);
  CHECK(state.ignored == 2);
  CHECK(state.first_vote == Step{-1});
}

TEST_CASE("ewma: first value as it is, then alpha of the way; BAD leaves it", "[policy][golden]") {
  CHECK(ewma_alpha(1.0) == Approx(0.5).epsilon(1e-15));
  CHECK(ewma_alpha(2.0) == Approx(1.0 - std::sqrt(0.5)).epsilon(1e-15));
  DetectorSpec spec = level(0.3, 0, 2);
  spec.law = EwmaLaw{1.0, 0.5};
  const Fed fed = feed_all(spec, {0.9, 0.2, 0.4, kNaN, 0.6, 0.8}, 0);
  CHECK(std::isnan(fed.y[0]));  // the baseline is not its first value
  CHECK(fed.y[1] == 0.2);
  CHECK(fed.y[2] == Approx(0.3));
  CHECK(fed.y[3] == fed.y[2]);
  CHECK(fed.y[4] == Approx(0.45));
  CHECK(fed.y[5] == Approx(0.625));
  CHECK(fed.streak == std::vector<std::int64_t>{0, 0, fed.y[2] > 0.3 ? 1 : 0, 0, 1, 2});
  CHECK(fed.state.first_vote == Step{25});
}

TEST_CASE("earliest step: cadence times the larger of warm-up + 1 and consecutive", "[policy]") {
  CHECK(earliest_step(5, 0, 1) == Step{5});
  CHECK(earliest_step(5, 0, 2) == Step{10});
  CHECK(earliest_step(1, 3, 2) == Step{4});
  CHECK(earliest_step(10, 2, 7) == Step{70});
}

// ---- every trace of up to 6 measurements against a reference that keeps the whole history

enum class Kind { kLow, kEqual, kHigh, kBad, kMissing };

struct Expected {
  std::int64_t n = 0, streak = 0;
  std::optional<std::size_t> fired;
};

// Written from the definition: n and the streak are recounted from the whole trace.
Expected slowly(const std::vector<Kind>& trace, std::int64_t warmup, std::int64_t consecutive,
                bool vote) {
  Expected out;
  for (std::size_t end = 1; end <= trace.size(); ++end) {
    out.n = out.streak = 0;
    for (std::size_t i = 0; i < end; ++i) {
      const bool broken = trace[i] == Kind::kBad || trace[i] == Kind::kMissing;
      if (!broken || vote) ++out.n;
    }
    for (std::size_t i = end; i-- > 0;) {
      const bool broken = trace[i] == Kind::kBad || trace[i] == Kind::kMissing;
      if (!(trace[i] == Kind::kHigh || (broken && vote))) break;
      ++out.streak;
    }
    if (!out.fired && out.n > warmup && out.streak >= consecutive) out.fired = end - 1;
  }
  return out;
}

// What the detector makes of the trace under parameters 0..23, held against `slowly`.
bool agrees(const std::vector<Kind>& trace, int parameters) {
  const std::int64_t warmup = parameters % 4, consecutive = 1 + parameters / 4 % 3;
  const bool vote = parameters >= 12;
  const DetectorSpec spec =
      level(0.5, warmup, consecutive, vote ? BadSignal::kVote : BadSignal::kAlarm);
  DetectorState state;
  std::int64_t step = 0;
  for (const Kind kind : trace) {
    const Quality quality = kind == Kind::kBad       ? Quality::kBad
                            : kind == Kind::kMissing ? Quality::kMissing
                                                     : Quality::kGood;
    // BAD carries a value far above the line: comparing it would be seen.
    const double value = kind == Kind::kLow ? 0.1 : kind == Kind::kEqual ? 0.5 : 9.0;
    feed(spec, state, Step{step += 5}, quality, value);
  }
  const Expected expected = slowly(trace, warmup, consecutive, vote);
  const std::int64_t fired =
      expected.fired ? 5 * (static_cast<std::int64_t>(*expected.fired) + 1) : -1;
  return state.n == expected.n && state.streak == expected.streak &&
         state.first_vote == Step{fired};
}

// Number `code` of the 5^length traces.
std::vector<Kind> trace_of(std::size_t code, std::size_t length) {
  std::vector<Kind> trace;
  for (std::size_t i = 0; i < length; ++i, code /= 5) trace.push_back(static_cast<Kind>(code % 5));
  return trace;
}

TEST_CASE("level: every trace of length up to 6 over low, equal, high, bad, missing",
          "[policy][property]") {
  std::int64_t compared = 0;
  std::size_t traces = 1;
  for (std::size_t length = 0; length <= 6; ++length, traces *= 5) {
    for (std::size_t code = 0; code < traces; ++code) {
      const std::vector<Kind> trace = trace_of(code, length);
      for (int parameters = 0; parameters < 24; ++parameters, ++compared) {
        if (agrees(trace, parameters)) continue;
        FAIL("trace " << code << " of length " << length << ", parameters " << parameters);
      }
    }
  }
  CHECK(compared == std::int64_t{24} * (1 + 5 + 25 + 125 + 625 + 3125 + 15625));
}

}  // namespace
}  // namespace phaseguard::policy
