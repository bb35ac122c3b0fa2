#include "monitor/run/health.h"

#include "tests/run/story.h"
#include "tests/support/catch.h"
#include "tests/support/words.h"

using namespace phaseguard;
using run::health;
using run::RunState;

namespace {

RunState until(std::size_t n) {
  RunState state;
  const auto messages = test::story().messages;
  for (std::size_t i = 0; i < n; ++i) run::fold(state, messages[i]);
  return state;
}

Now at(double seconds) { return {1.75e9 + seconds, Nanos{}}; }

}  // namespace

TEST_CASE("the link word follows the record and the age", "[run]") {
  REQUIRE(health(RunState{}, at(0)).link == "absent");
  REQUIRE(health(until(8), at(7.5)).link == "active");
  REQUIRE(health(until(8), at(10)).link == "silent");
  REQUIRE(health(until(8), at(18)).link == "lost");
  REQUIRE(health(until(14), at(500)).link == "ended");
}

TEST_CASE("a live Status leads until it grows old", "[run]") {
  RunState state = until(8);
  wire::Message m;
  m.header.run = state.run;
  m.header.t = 1.75e9 + 100;
  wire::Status status;
  status.link = wire::LinkState::kLost;
  status.age_s = 30;
  status.alerts = {{wire::Severity::kHigh, wire::AlertKind::kLink, "trainer lost"}};
  m.body = status;
  run::fold(state, m);
  REQUIRE(health(state, at(101)).link == "lost");
  REQUIRE(health(state, at(101)).age_s == Approx(31));
  REQUIRE(health(state, at(101)).worst->source == "link");
  REQUIRE(health(state, at(110)).link_text == "unknown");
}

TEST_CASE("KL is on when decided, confirmed when the trainer says so", "[run]") {
  const auto off = health(until(8), at(8)).knobs.at(0);
  REQUIRE_FALSE(off.on);
  REQUIRE(off.text == "off");
  const auto decided = health(until(9), at(9)).knobs.at(0);
  REQUIRE(decided.on);
  REQUIRE_FALSE(decided.confirmed);
  REQUIRE(decided.text == "2 decided at step 8 (rule:defend), not confirmed: 0 applied");
  const auto applied = health(until(10), at(9)).knobs.at(0);
  REQUIRE(applied.confirmed);
  REQUIRE(applied.step == Step{9});
  REQUIRE(applied.text == "on 2, applied since step 9 (rule:defend)");
}

TEST_CASE("the detector nearest its line and the worst alarm", "[run]") {
  const auto h = health(until(9), at(9));
  REQUIRE(h.nearest->detector == "judge");
  REQUIRE(h.nearest->fraction == Approx(2.0));
  REQUIRE(h.worst->severity == wire::Severity::kCritical);
}

TEST_CASE("a signal that is overdue by its cadence is stale", "[run]") {
  RunState state = until(8);
  REQUIRE(health(state, at(8)).stale.empty());
  wire::Message m = test::story().messages[7];
  m.header.seq = Seq{9};
  m.header.step = Step{16};
  run::fold(state, m);
  const auto stale = health(state, at(9)).stale;
  REQUIRE(stale.size() == 1);
  REQUIRE(stale[0].name == "canary/js");
  REQUIRE(stale[0].overdue_steps == 6);
}
