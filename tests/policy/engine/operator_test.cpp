#include <cmath>
#include <string>

#include "tests/policy/support.h"
#include "tests/support/catch.h"
#include "tests/support/words.h"

namespace phaseguard::policy {
namespace {

wire::Command command(const std::string& id, const std::string& action) {
  wire::Command c;
  c.id = id;
  c.action = wire::Word<wire::Action>::from(action);
  c.operator_name = "alice";
  c.knob = "kl";
  return c;
}

wire::Command force(const std::string& id, double value) {
  wire::Command c = command(id, "force");
  c.value = value;
  return c;
}

// One detector without latch, kl 1 while it is above; base 0.2.
const std::string kActive = R"(version = 1
name = "active"
[knob.kl]
base = 0.2
max = 4.0
[detector.judge]
signal = "judge/score"
type = "level"
above = 0.5
[rule.r]
of = ["judge"]
set.kl = 1.0
)";

std::string latched() { return kActive + "latch = true\n"; }
// Steps of 1/8, which add up without rounding.
std::string slewed(std::string toml) {
  toml.replace(toml.find("base = 0.2"), 10, "base = 0.25");
  return toml.replace(toml.find("max = 4.0"), 9, "max = 4.0\nslew_per_step = 0.125");
}

Verdict judged(const Run& run, const wire::Command& c) { return run.machine.judge(c, Step{0}); }

TEST_CASE("raising is always accepted, at once, and is a floor", "[policy]") {
  Run run(slewed(kActive));
  CHECK(judged(run, force("1", 0.5)).status == "logged");
  const auto decision = run.say(force("1", 0.5), 0);
  REQUIRE(decision);
  CHECK(run.value() == 0.5);
  CHECK(run.cause() == "operator:alice");
  CHECK(run.machine.control() == "manual");
  CHECK(decision->summary == "alice forced kl to 0.5 until released -> kl 0.5");
  run.at(5, {{"judge/score", 0.9}});
  CHECK(run.value() == 1.0);  // the rule goes above it
  CHECK(run.cause() == "rule:r");
  run.say(force("2", 3.0), 5);
  CHECK(run.value() == 3.0);
}

TEST_CASE("the same command id takes effect once and gets the same answer", "[policy]") {
  Run run(kActive);
  run.say(force("1", 0.5), 0);
  CHECK_FALSE(run.say(force("1", 2.0), 0));
  CHECK(run.value() == 0.5);
  CHECK(judged(run, force("1", 99.0)).status == "logged");
  run.say(force("bad", 99.0), 0);
  CHECK(judged(run, force("bad", 1.0)).status == "refused");
}

TEST_CASE("values outside the limits are refused, not clamped", "[policy][hostile]") {
  wire::Hello hello = usual_hello();
  hello.knobs[0].max = 2.0;
  Run run(kActive, hello);
  for (const double value : {-0.1, 2.5, wire::kNaN, HUGE_VAL}) {
    CHECK(judged(run, force("x", value)).status == "refused");
    CHECK_FALSE(run.say(force("x" + std::to_string(value), value), 0));
  }
  CHECK(judged(run, force("x", 2.5)).text ==
        "expected a value of kl from 0 to 2 (the limits that the trainer declares), found 2.5");
  wire::Command c = force("y", 1.0);
  c.knob = "klx";
  CHECK(judged(run, c).text == "expected one of the run's knobs (kl), found \"klx\"");
  c = force("y", 1.0);
  c.expires_after_steps = -1;
  CHECK(judged(run, c).status == "refused");
  CHECK(judged(run, command("z", "stop")).status == "refused");
  CHECK(judged(run, command("", "force")).status == "refused");
}

TEST_CASE("lowering needs a reason, an expiry and the version it was decided on", "[policy]") {
  Run run(kActive);
  wire::Command c = force("1", 0.1);
  CHECK(judged(run, c).text.find("needs a reason") != std::string::npos);
  c.reason = "probe";
  CHECK(judged(run, c).text.find("needs expires_after_steps") != std::string::npos);
  c.expires_after_steps = 10;
  CHECK(judged(run, c).text.find("needs expected_version") != std::string::npos);
  c.expected_version = 7;
  CHECK(judged(run, c).status == "conflict");
  c.expected_version = run.machine.state_version();
  CHECK(judged(run, c).status == "logged");
  run.at(5, {{"train/loss", 1.0}});
  const auto decision = run.say(c, 5);
  REQUIRE(decision);
  CHECK(run.value() == 0.1);
  CHECK(run.machine.override_status().expires_step == Step{15});
  run.at(14, {{"train/loss", 1.0}});
  CHECK(run.value() == 0.1);
  const auto end = run.at(15, {{"train/loss", 1.0}});
  REQUIRE(end);
  CHECK(end->summary == "alice's 0.1 for kl expired at step 15 -> kl 0.2");
  CHECK(run.value() == 0.2);
}

TEST_CASE("an accepted lowering beats active rules, a latched trip beats it", "[policy]") {
  wire::Command c = force("1", 0.1);
  c.reason = "probe";
  c.expires_after_steps = 100;
  c.expected_version = 0;
  Run active(kActive);
  active.say(c, 0);
  active.at(5, {{"judge/score", 0.9}});
  CHECK(active.rule_state() == "active");
  CHECK(active.value() == 0.1);
  Run tripped(latched());
  tripped.say(c, 0);
  tripped.at(5, {{"judge/score", 0.9}});
  CHECK(tripped.value() == 1.0);
  CHECK(tripped.cause() == "rule:r");
  c.id = "2";
  c.expected_version = tripped.machine.state_version();
  CHECK(judged(tripped, c).text.find("reset it before lowering") != std::string::npos);
}

TEST_CASE("a lowering never holds a knob above what the policy wants by then", "[policy]") {
  Run run(kActive);
  run.at(5, {{"judge/score", 0.9}});
  wire::Command c = force("1", 0.6);
  c.reason = "probe";
  c.expires_after_steps = 100;
  c.expected_version = run.machine.state_version();
  run.say(c, 5);
  CHECK(run.value() == 0.6);
  run.at(10, {{"judge/score", 0.1}});
  CHECK(run.value() == 0.2);
}

TEST_CASE("going back from a forced value needs the version, another operator's loses",
          "[policy]") {
  Run run(kActive);
  run.say(force("1", 2.0), 0);
  CHECK(judged(run, force("2", 1.0)).status == "refused");  // below what is in force
  wire::Command release = command("3", "release");
  CHECK(judged(run, release).status == "refused");
  release.expected_version = 0;  // what was seen before the force
  CHECK(judged(run, release).status == "conflict");
  release.expected_version = 1;
  CHECK(judged(run, release).status == "logged");
  const auto decision = run.say(release, 0);
  REQUIRE(decision);
  CHECK(decision->summary == "alice released kl -> kl 0.2");
  CHECK(run.value() == 0.2);
  CHECK(judged(run, command("4", "release")).text == "nothing to release: kl is not forced");
}

TEST_CASE("a release that lowers nothing needs no version", "[policy]") {
  Run run(kActive);
  run.say(force("1", 0.2), 0);  // what the policy sets as well
  CHECK(run.cause() == "operator:alice");
  CHECK(judged(run, command("2", "release")).status == "logged");
}

TEST_CASE("release is bumpless: slew_per_step bounds every move that is not a trip's", "[policy]") {
  Run run(slewed(kActive));
  run.say(force("1", 1.0), 0);
  wire::Command release = command("2", "release");
  release.expected_version = 1;
  REQUIRE(run.say(release, 0));
  CHECK(run.value() == 1.0);
  CHECK(run.cause() == "base");
  double before = run.value();
  std::int64_t step = 0;
  while (run.value() != 0.25) {
    ++step;
    REQUIRE(step < 20);
    const auto decision = run.at(step, {{"train/loss", 1.0}});
    REQUIRE(decision);
    CHECK(before - run.value() <= 0.125);
    CHECK(run.value() < before);
    before = run.value();
  }
  CHECK(step == 6);
  CHECK_FALSE(run.at(step + 1, {{"train/loss", 1.0}}));
}

TEST_CASE("a version from before slewed moves still counts as seen", "[policy]") {
  Run run(slewed(kActive));
  run.say(force("1", 1.0), 0);
  wire::Command release = command("2", "release");
  release.expected_version = 1;
  run.say(release, 0);
  const std::int64_t seen = run.machine.state_version();
  run.at(1, {{"train/loss", 1.0}});
  CHECK(run.machine.state_version() == seen + 1);
  wire::Command c = force("3", 0.3);
  c.expected_version = seen;
  CHECK(judged(run, c).status == "logged");
}

TEST_CASE("reset clears a latch with reason and version, and nothing else does", "[policy]") {
  Run run(latched());
  run.at(5, {{"judge/score", 0.9}});
  run.at(10, {{"judge/score", 0.1}});
  CHECK(run.rule_state() == "latched");
  wire::Command reset = command("1", "reset");
  reset.rule = "r";
  CHECK(judged(run, reset).text == "resetting r needs a reason");
  reset.reason = "false alarm";
  CHECK(judged(run, reset).status == "refused");
  reset.expected_version = 0;
  CHECK(judged(run, reset).status == "conflict");
  reset.expected_version = 1;
  const auto decision = run.say(reset, 10);
  REQUIRE(decision);
  CHECK(decision->summary == "alice reset r: \"false alarm\" -> kl 0.2");
  CHECK(run.rule_state() == "quiet");
  CHECK(run.machine.control() == "auto");
  REQUIRE(run.at(15, {{"judge/score", 0.9}}));  // armed again
  reset.id = "2";
  reset.rule = "x";
  CHECK(judged(run, reset).text == "expected one of the policy's rules (r), found \"x\"");
}

TEST_CASE("reset while the condition holds: fires again only after it has not held", "[policy]") {
  Run run(latched());
  run.at(5, {{"judge/score", 0.9}});
  wire::Command reset = command("1", "reset");
  reset.rule = "r";
  reset.reason = "known";
  reset.expected_version = 1;
  CHECK(judged(run, reset).text.find("its condition still holds") != std::string::npos);
  run.say(reset, 5);
  run.at(10, {{"judge/score", 0.9}});
  CHECK(run.rule_state() == "quiet");
  run.at(15, {{"judge/score", 0.1}});
  run.at(20, {{"judge/score", 0.9}});
  CHECK(run.rule_state() == "latched");
}

TEST_CASE("expiries up to 1e12 steps, ids up to the newest 4096", "[policy][hostile]") {
  Run run(kActive);
  wire::Command c = force("1", 2.0);
  c.expires_after_steps = 1000000000000;
  CHECK(judged(run, c).status == "logged");
  ++c.expires_after_steps;
  CHECK(judged(run, c).text ==
        "expected expires_after_steps from 0 (until released) to 1e12, "
        "found 1000000000001");
  wire::Command inhibit = command("2", "inhibit");
  inhibit.rule = "r";
  inhibit.reason = "why";
  inhibit.expected_version = 0;
  inhibit.expires_after_steps = 1000000000000;
  CHECK(judged(run, inhibit).status == "logged");
  for (const std::int64_t steps :
       {std::int64_t{1000000000001}, std::int64_t{0}, std::int64_t{-1}}) {
    inhibit.expires_after_steps = steps;
    CHECK(judged(run, inhibit).text ==
          "inhibiting r needs expires_after_steps from 1 to 1e12, found " + std::to_string(steps));
  }
  CHECK_FALSE(run.say(force("", 3.0), 0));  // without an id nothing is done
  run.say(force("first", 0.5), 0);
  for (int i = 1; i < 4096; ++i) run.say(force("n" + std::to_string(i), 99.0), 0);
  CHECK(judged(run, force("first", 99.0)).status == "logged");  // its own answer, still known
  run.say(force("n4096", 99.0), 0);
  CHECK(judged(run, force("first", 99.0)).status == "refused");  // a new command by now
  CHECK(judged(run, force("n1", 1.0)).status == "refused");
}

TEST_CASE("an override is not prolonged by going back", "[policy]") {
  Run run(kActive);
  run.at(50, {{"train/loss", 1.0}});
  wire::Command c = force("1", 2.0);
  c.expires_after_steps = 10;
  run.say(c, 50);
  CHECK(run.machine.override_status().expires_step == Step{60});
  run.rolled_back_to(20);
  CHECK(run.machine.override_status().expires_step == Step{30});
  CHECK(run.value() == 2.0);
}

}  // namespace
}  // namespace phaseguard::policy
