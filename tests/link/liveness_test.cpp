#include "monitor/link/liveness.h"

#include "tests/support/catch.h"

namespace phaseguard::link {
namespace {

using State = Liveness::State;

Nanos ms(std::int64_t n) { return Nanos{n * 1'000'000}; }

TEST_CASE("a link is active, stale, then lost as silence grows", "[liveness]") {
  Liveness link(LivenessTimes{ms(2000), ms(10000)});
  CHECK(link.state(ms(0)) == State::kAbsent);
  CHECK_FALSE(link.age(ms(0)).has_value());

  link.on_frame(ms(100));
  CHECK(link.state(ms(2100)) == State::kActive);  // an age equal to the limit is within it
  CHECK(link.state(Nanos{ms(2100).value + 1}) == State::kStale);
  CHECK(link.state(ms(10100)) == State::kStale);
  CHECK(link.state(Nanos{ms(10100).value + 1}) == State::kLost);
  CHECK(link.age(ms(600))->value == ms(500).value);

  link.on_frame(ms(20000));
  CHECK(link.state(ms(20000)) == State::kActive);
}

TEST_CASE("next_change names the first instant of another state", "[liveness]") {
  Liveness link(LivenessTimes{ms(2000), ms(10000)});
  CHECK_FALSE(link.next_change(ms(0)).has_value());
  link.on_frame(ms(0));
  for (State expected : {State::kStale, State::kLost}) {
    Nanos now = expected == State::kStale ? ms(1) : ms(2500);
    const auto next = link.next_change(now);
    REQUIRE(next.has_value());
    CHECK(link.state(Nanos{next->value - 1}) != expected);
    CHECK(link.state(*next) == expected);
  }
  CHECK_FALSE(link.next_change(ms(30000)).has_value());
}

TEST_CASE("advance tells each change once", "[liveness]") {
  Liveness link(LivenessTimes{ms(2000), ms(10000)});
  CHECK_FALSE(link.advance(ms(0)).has_value());
  link.on_frame(ms(0));
  CHECK(link.advance(ms(0)) == State::kActive);
  CHECK_FALSE(link.advance(ms(1999)).has_value());
  CHECK(link.advance(ms(60000)) == State::kLost);  // a long gap skips stale
  CHECK_FALSE(link.advance(ms(60001)).has_value());
  link.reset();
  CHECK(link.advance(ms(60002)) == State::kAbsent);
}

TEST_CASE("a clock that steps back makes no age negative", "[liveness]") {
  Liveness link;
  link.on_frame(ms(5000));
  link.on_frame(ms(4000));
  CHECK(link.age(ms(4500))->value == 0);
  CHECK(link.age(ms(6000))->value == ms(1000).value);
  CHECK(link.state(ms(0)) == State::kActive);
}

TEST_CASE("a lease shorter than the stale time goes straight to lost", "[liveness]") {
  Liveness link(LivenessTimes{ms(2000), ms(1000)});
  link.on_frame(ms(0));
  CHECK(link.next_change(ms(0))->value == ms(1000).value + 1);
  CHECK(link.state(ms(1001)) == State::kLost);
}

}  // namespace
}  // namespace phaseguard::link
