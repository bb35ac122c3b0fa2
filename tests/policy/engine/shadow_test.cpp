// Commands under a policy in shadow mode: judged by what is in force, where the trainer says that
// a knob is forcible; as they always were where it does not, so that old records verify.
#include <string>

#include "tests/policy/support.h"
#include "tests/support/catch.h"
#include "tests/support/words.h"

namespace phaseguard::policy {
namespace {

wire::Command force(const std::string& id, double value, std::int64_t version = -1) {
  wire::Command c;
  c.id = id;
  c.action = wire::Action::kForce;
  c.operator_name = "alice";
  c.knob = "kl";
  c.value = value;
  c.expected_version = version;
  return c;
}

// kl is 2 while the judge is above; base 0.5, which the policy would set, and the trainer begins
// at 0.
const std::string kShadow = R"(version = 1
name = "watcher"
mode = "shadow"
[knob.kl]
base = 0.5
max = 4.0
[detector.judge]
signal = "judge/score"
type = "level"
above = 0.5
[rule.r]
of = ["judge"]
set.kl = 2.0
)";

wire::Hello hello_with(bool forcible) {
  wire::Hello hello = usual_hello();
  hello.knobs[0].forcible = forcible;
  return hello;
}

Run fired(bool forcible, const std::string& policy = kShadow) {
  Run run(policy, hello_with(forcible));
  run.at(5, {{"judge/score", 0.9}});
  REQUIRE(run.value() == 2.0);
  return run;
}

Verdict judged(const Run& run, const wire::Command& c) { return run.machine.judge(c, Step{0}); }

std::vector<wire::KnobSetting> sent(const Run& run) { return run.machine.settings_to_send(); }

TEST_CASE("in shadow mode a raise is one of what is in force", "[policy]") {
  Run run = fired(true);
  CHECK(sent(run).empty());
  CHECK(run.machine.in_force("kl") == 0.0);
  CHECK(judged(run, force("a", 1.0)).status == "logged");
  const auto decision = run.say(force("a", 1.0), 5);
  REQUIRE(decision);
  CHECK(run.value() == 2.0);  // what the policy would do is not lowered by it
  REQUIRE(sent(run).size() == 1);
  CHECK(sent(run)[0].value == 1.0);
  CHECK(sent(run)[0].cause == wire::Cause(wire::CauseKind::kOperator, "alice"));
  CHECK(run.machine.in_force("kl") == 1.0);
  REQUIRE(run.machine.held().size() == 1);  // not the rule
  CHECK(run.machine.held()[0].kind == "operator");

  CHECK(judged(run, force("b", 0.2)).status == "refused");
  CHECK(judged(run, force("b", 0.2, 99)).status == "conflict");
  CHECK(judged(run, force("b", 0.2, run.machine.state_version())).status == "logged");
  run.at(10, {{"judge/score", 0.1}});
  CHECK(sent(run)[0].value == 1.0);  // a rule that falls quiet takes nothing away

  Run again(kShadow, hello_with(true));
  REQUIRE(again.machine.restore(run.machine.snapshot()));
  CHECK(again.machine.settings_to_send().at(0).value == 1.0);
}

TEST_CASE("a raise is in force up to what the trainer declares, not to what the policy would set",
          "[policy]") {
  Run run(kShadow, hello_with(true));
  run.say(force("a", 0.1), 5);  // below the policy's base
  REQUIRE(sent(run).size() == 1);
  CHECK(sent(run)[0].value == 0.1);
  wire::Command release = force("b", 0.0, run.machine.state_version());
  release.action = wire::Action::kRelease;
  CHECK(judged(run, release).text == "kl goes back to its 0");
  run.say(release, 5);
  CHECK(sent(run).empty());
}

TEST_CASE("what nobody can raise in shadow mode is said in words", "[policy]") {
  const auto why = [](const Run& run, const wire::Command& c) {
    return run.machine.why_not_possible(c);
  };
  CHECK(why(fired(true), force("a", 1.0)).empty());
  CHECK(why(fired(false), force("a", 1.0)) ==
        "not possible: policy watcher is in shadow mode, and the trainer does not declare kl "
        "forcible, so that nothing would be sent to it; declare the knob forcible in the trainer; "
        "to move it, run under a policy with mode = \"enforce\"");
  std::string strict = kShadow;
  strict.replace(strict.find("mode = \"shadow\""), 15, "mode = \"shadow\"\nshadow = \"strict\"");
  CHECK(why(fired(true, strict), force("a", 1.0)).find("says shadow = \"strict\"") !=
        std::string::npos);
  wire::Command reset = force("b", 0.0);
  reset.action = wire::Action::kReset;
  CHECK(why(fired(true, strict), reset).empty());
  std::string enforced = kShadow;
  enforced.replace(enforced.find("\"shadow\""), 8, "\"enforce\"");
  CHECK(why(fired(false, enforced), force("a", 1.0)).empty());
  wire::Command unknown = force("c", 1.0);
  unknown.knob = "no_such";
  CHECK(why(fired(true), unknown).empty());  // judge() names the knobs there are
}

TEST_CASE("a record of a trainer that declares nothing forcible is judged as it always was",
          "[policy]") {
  Run run = fired(false);
  wire::Command lower = force("a", 1.0, run.machine.state_version());
  CHECK(judged(run, lower).status == "refused");  // below what the policy sets: a reason, an expiry
  lower.reason = "because";
  lower.expires_after_steps = 10;
  CHECK(judged(run, lower).text == "kl is lowered to 1 until step 15");
  run.say(lower, 5);
  CHECK(run.value() == 1.0);
  CHECK(sent(run).empty());
  CHECK(run.machine.held().empty());
}

}  // namespace
}  // namespace phaseguard::policy
