// Every trace of up to eight measurements, each low, exactly at the threshold, high, BAD or
// MISSING, against the level rule as docs/POLICY.md words it, evaluated on the whole history
// after every measurement: 488 281 prefixes for each shape.
#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "monitor/policy/laws/detector.h"
#include "tests/support/catch.h"
#include "tests/support/words.h"

namespace phaseguard::policy {
namespace {

enum class Kind { kLow, kAt, kHigh, kBad, kMissing };
constexpr std::array kKinds = {Kind::kLow, Kind::kAt, Kind::kHigh, Kind::kBad, Kind::kMissing};
constexpr std::size_t kLength = 8;
constexpr double kAbove = 0.15;

double value_of(Kind kind) {
  if (kind == Kind::kLow) return std::nextafter(kAbove, 0.0);
  if (kind == Kind::kAt) return kAbove;
  return kind == Kind::kHigh ? std::nextafter(kAbove, 1.0) : wire::kNaN;
}

Quality quality_of(Kind kind) {
  if (kind == Kind::kBad) return Quality::kBad;
  return kind == Kind::kMissing ? Quality::kMissing : Quality::kGood;
}

bool is_lost(Kind kind) { return kind == Kind::kBad || kind == Kind::kMissing; }

struct Shape {
  std::int64_t warmup, consecutive;
  BadSignal bad;
  std::int64_t clear_consecutive;  // 0: no hysteresis
};

struct Expected {
  std::int64_t n = 0;
  std::int64_t streak = 0;
  bool condition = false;  // without hysteresis
  bool voting = false;
};

// The condition after the first `length` measurements, from nothing but these.
Expected without_hysteresis(const Shape& shape, const std::vector<Kind>& trace,
                            std::size_t length) {
  const bool votes = shape.bad == BadSignal::kVote;
  Expected e;
  for (std::size_t i = 0; i < length; ++i) e.n += !is_lost(trace[i]) || votes ? 1 : 0;
  for (std::size_t i = length; i > 0; --i) {
    const bool up = trace[i - 1] == Kind::kHigh || (is_lost(trace[i - 1]) && votes);
    if (!up) break;
    ++e.streak;
  }
  e.condition = e.n > shape.warmup && e.streak >= shape.consecutive;
  return e;
}

// With hysteresis (clear = above): votes from any moment at which the condition held until as many
// clear measurements in a row as wanted; lost ones are not counted, or begin the count anew where
// they vote.
Expected expected(const Shape& shape, const std::vector<Kind>& trace, std::size_t length) {
  Expected e = without_hysteresis(shape, trace, length);
  e.voting = e.condition;
  if (shape.clear_consecutive == 0) return e;
  std::int64_t clear = 0;  // counted from the end
  std::int64_t most = 0;
  for (std::size_t i = length; i > 0 && most < shape.clear_consecutive; --i) {
    if (without_hysteresis(shape, trace, i).condition) {
      e.voting = true;
      return e;
    }
    if (trace[i - 1] == Kind::kLow || trace[i - 1] == Kind::kAt) {
      most = std::max(most, ++clear);
    } else if (trace[i - 1] == Kind::kHigh || shape.bad == BadSignal::kVote) {
      clear = 0;
    }
  }
  return e;
}

struct Search {
  DetectorSpec spec;
  Shape shape;
  std::vector<Kind> trace;
  std::int64_t compared = 0;
  std::int64_t differ = 0;

  void extend(const DetectorState& before) {
    if (trace.size() == kLength) return;
    for (const Kind kind : kKinds) {
      trace.push_back(kind);
      DetectorState state = before;
      const auto step = static_cast<std::int64_t>(trace.size()) * 5;
      feed(spec, state, Step{step}, quality_of(kind), value_of(kind));
      const Expected e = expected(shape, trace, trace.size());
      const bool fired = e.voting && before.first_vote.value < 0;
      const Step first = fired ? Step{step} : before.first_vote;
      ++compared;
      if (state.n != e.n || state.streak != e.streak || is_voting(spec, state) != e.voting ||
          state.first_vote != first) {
        ++differ;
      }
      extend(state);
      trace.pop_back();
    }
  }
};

TEST_CASE("level: all traces of up to eight measurements", "[policy][exhaustive]") {
  const Shape shape = GENERATE(Shape{0, 1, BadSignal::kAlarm, 0}, Shape{3, 2, BadSignal::kAlarm, 0},
                               Shape{0, 3, BadSignal::kAlarm, 0}, Shape{2, 2, BadSignal::kVote, 0},
                               Shape{0, 1, BadSignal::kVote, 0}, Shape{0, 1, BadSignal::kAlarm, 1},
                               Shape{1, 2, BadSignal::kAlarm, 2}, Shape{0, 2, BadSignal::kVote, 2},
                               Shape{3, 1, BadSignal::kVote, 3});
  Search search;
  search.shape = shape;
  search.spec.law = LevelLaw{};
  search.spec.above = kAbove;
  search.spec.warmup = shape.warmup;
  search.spec.consecutive = shape.consecutive;
  search.spec.bad = shape.bad;
  if (shape.clear_consecutive > 0) {
    search.spec.clear = kAbove;
    search.spec.clear_consecutive = shape.clear_consecutive;
  }
  search.extend(DetectorState{});
  INFO("warmup " << shape.warmup << ", consecutive " << shape.consecutive);
  CHECK(search.compared == 488280);
  CHECK(search.differ == 0);
}

}  // namespace
}  // namespace phaseguard::policy
