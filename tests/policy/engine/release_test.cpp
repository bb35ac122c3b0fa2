// When a rule without latch goes quiet, and may fire again.
#include "tests/policy/rules_support.h"
#include "tests/support/catch.h"
#include "tests/support/words.h"

namespace phaseguard::policy {
namespace {

constexpr double kHigh = 0.9;
constexpr double kLow = 0.1;

Run started(const std::string& keys) { return Run(one_rule(keys), rules_hello()); }

TEST_CASE("hold: not quiet before, quiet exactly there", "[policy]") {
  Run run = started("hold = \"10 steps\"\nset.kl = 1.0\n");
  run.at(5, {{"s/0", kHigh}});
  run.at(10, {{"s/0", kLow}});
  run.at(14, {});
  CHECK(run.value() == 1.0);
  run.at(15, {});
  CHECK(run.value() == 0.0);
}

TEST_CASE("hold in points and in seconds", "[policy]") {
  Run points = started("hold = \"2 points\"\nset.kl = 1.0\n");
  points.at(5, {{"s/0", kHigh}});
  points.at(10, {{"s/0", kLow}});
  CHECK(points.value() == 1.0);
  points.at(15, {{"s/0", kLow}});
  CHECK(points.value() == 0.0);

  Run seconds = started("hold = \"2 s\"\nset.kl = 1.0\n");
  seconds.t = 10.0;
  seconds.at(5, {{"s/0", kHigh}});
  seconds.t = 11.5;
  seconds.at(10, {{"s/0", kLow}});
  CHECK(seconds.value() == 1.0);
  seconds.t = 12.0;
  seconds.at(11, {});
  CHECK(seconds.value() == 0.0);
}

TEST_CASE("release_points: quiet measurements in a row; bad data are not quiet", "[policy]") {
  Run run = started("release_points = 3\nset.kl = 1.0\n");
  run.at(5, {{"s/0", kHigh}});
  run.at(10, {{"s/0", kLow}});
  run.at(11, {});
  run.at(15, {{"s/0", kLow}});
  CHECK(run.value() == 1.0);
  run.at(20, {{"s/0", kHigh}});
  run.at(25, {{"s/0", kLow}});
  run.at(30, {{"s/0", wire::kNaN}});
  run.at(35, {{"s/0", kLow}});
  run.at(40, {{"s/0", kLow}});
  CHECK(run.value() == 1.0);
  run.at(45, {{"s/0", kLow}});
  CHECK(run.value() == 0.0);
}

TEST_CASE("cooldown: fires again exactly when it is over", "[policy]") {
  Run run = started("cooldown = \"10 steps\"\nset.kl = 1.0\n");
  run.at(5, {{"s/0", kHigh}});  // never active before: no cooldown
  CHECK(run.value() == 1.0);
  run.at(10, {{"s/0", kLow}});
  run.at(15, {{"s/0", kHigh}});
  run.at(19, {});
  CHECK(run.value() == 0.0);
  run.at(20, {});
  CHECK(run.value() == 1.0);
}

TEST_CASE("holds and cooldowns are neither lost nor prolonged by going back", "[policy]") {
  Run run = started("hold = \"10 steps\"\ncooldown = \"10 steps\"\nset.kl = 1.0\n");
  run.at(20, {{"s/0", kHigh}});
  run.at(24, {});
  run.rolled_back_to(10);  // 4 of 10 steps have gone by
  run.at(15, {{"s/0", kLow}});
  CHECK(run.value() == 1.0);
  run.at(16, {});
  CHECK(run.value() == 0.0);
  run.at(20, {{"s/0", kHigh}});
  run.rolled_back_to(0);  // 4 of 10 again
  run.at(5, {{"s/0", kHigh}});
  CHECK(run.value() == 0.0);
  run.at(6, {});
  CHECK(run.value() == 1.0);
}

TEST_CASE("seconds of a hold go on in a new attempt, whose clock is another one", "[policy]") {
  Run run = started("hold = \"10 s\"\nset.kl = 1.0\n");
  run.t = 1000.0;
  run.at(5, {{"s/0", kHigh}});
  run.t = 1006.0;
  run.at(6, {});
  run.attempt = 2;
  run.t = 50.0;
  run.say(rules_hello(), 0);
  run.at(1, {});
  run.t = 53.5;
  run.at(5, {{"s/0", kLow}});
  CHECK(run.value() == 1.0);
  run.t = 54.0;
  run.at(6, {});
  CHECK(run.value() == 0.0);
}

TEST_CASE("seconds that are over stay over before a new attempt's clock is known", "[policy]") {
  Run run = started("hold = \"10 s\"\nset.kl = 1.0\n");
  run.t = 1000.0;
  run.at(5, {{"s/0", kHigh}});
  run.t = 1010.0;
  run.at(6, {});
  run.attempt = 2;
  run.t = wire::kNaN;
  run.say(rules_hello(), 0);
  CHECK(run.value() == 1.0);
  run.at(5, {{"s/0", kLow}});
  CHECK(run.value() == 0.0);
}

TEST_CASE("no decision and no change where nothing is due", "[policy]") {
  Run run = started("hold = \"10 steps\"\nset.kl = 1.0\n");
  run.at(5, {{"s/0", kHigh}});
  const std::int64_t version = run.machine.state_version();
  for (std::int64_t step = 6; step < 10; ++step) CHECK_FALSE(run.at(step, {}));
  CHECK(run.machine.state_version() == version);
}

}  // namespace
}  // namespace phaseguard::policy
