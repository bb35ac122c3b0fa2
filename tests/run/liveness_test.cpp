#include "monitor/run/liveness.h"

#include <cstdint>
#include <limits>

#include "monitor/wire/messages.h"
#include "tests/support/catch.h"

namespace phaseguard::run {
namespace {

using wire::LinkState;

Nanos ms(std::int64_t n) { return Nanos{n * 1'000'000}; }
Nanos past(Nanos time) { return Nanos{time.value + 1}; }

TEST_CASE("a link is active, silent, then lost as silence grows", "[liveness]") {
  for (const std::int64_t silent : {1, 7, 200, 600, 2000}) {
    const Patience patience{silent, 5 * silent};
    CHECK(liveness(Nanos{0}, patience) == LinkState::kActive);
    CHECK(liveness(ms(silent), patience) == LinkState::kActive);  // a limit is borne
    CHECK(liveness(past(ms(silent)), patience) == LinkState::kSilent);
    CHECK(liveness(ms(5 * silent), patience) == LinkState::kSilent);
    CHECK(liveness(past(ms(5 * silent)), patience) == LinkState::kLost);
  }
  CHECK(liveness(Nanos{std::numeric_limits<std::int64_t>::max()}) == LinkState::kLost);
}

TEST_CASE("a clock that steps back makes nobody silent", "[liveness]") {
  CHECK(liveness(ms(-5000)) == LinkState::kActive);
  CHECK(liveness(-5.0) == LinkState::kActive);
}

TEST_CASE("silence in seconds: the same limits; never heard is absent", "[liveness]") {
  CHECK(liveness(2.0) == LinkState::kActive);
  CHECK(liveness(2.000001) == LinkState::kSilent);
  CHECK(liveness(10.0) == LinkState::kSilent);
  CHECK(liveness(10.000001) == LinkState::kLost);
  CHECK(liveness(std::numeric_limits<double>::infinity()) == LinkState::kLost);
  CHECK(liveness(wire::kNaN) == LinkState::kAbsent);
}

TEST_CASE("a lost limit below the silent one is lost at once", "[liveness]") {
  CHECK(liveness(ms(1000), {2000, 1000}) == LinkState::kActive);
  CHECK(liveness(ms(1001), {2000, 1000}) == LinkState::kLost);
  CHECK(liveness(ms(1001), {2000, -1}) == LinkState::kLost);  // as a hostile Welcome may say
}

TEST_CASE("limits of any size are compared", "[liveness][hostile]") {
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
  CHECK(liveness(Nanos{kMost}, {kMost, kMost}) == LinkState::kActive);
  CHECK(liveness(ms(0), {-kMost, kMost}) == LinkState::kSilent);
}

TEST_CASE("the patience of a peer that was told nothing is the protocol's", "[liveness]") {
  CHECK(Patience{}.silent_ms == wire::Welcome{}.stale_ms);
  CHECK(Patience{}.lost_ms == wire::Welcome{}.lease_ms);
  CHECK(liveness(2.5, kFeedPatience) == LinkState::kActive);
  CHECK(liveness(2.501, kFeedPatience) == LinkState::kSilent);
  CHECK(liveness(3.0, kDaemonPatience) == LinkState::kActive);
  CHECK(liveness(3.001, kDaemonPatience) == LinkState::kSilent);
}

}  // namespace
}  // namespace phaseguard::run
