// An operator moves a knob that the trainer declares and the policy does not name.
#include "tests/policy/rules_support.h"
#include "tests/support/catch.h"
#include "tests/support/words.h"

using namespace phaseguard;
using namespace phaseguard::policy;

namespace {

// kl, which the policy moves, and lr_scale, which it does not name.
wire::Hello two_knobs() {
  wire::Hello hello = rules_hello();
  wire::KnobDecl scale;
  scale.name = "lr_scale";
  scale.unit = "1";
  scale.max = 1.0;
  scale.initial = 1.0;
  scale.protects = wire::Protects::kDown;
  hello.knobs.push_back(scale);
  return hello;
}

wire::Command command(const std::string& id, wire::Action action, double value = 0.0) {
  wire::Command command;
  command.id = id;
  command.action = action;
  command.operator_name = "ann";
  command.knob = "lr_scale";
  command.value = value;
  return command;
}

const wire::KnobSetting* setting(const std::vector<wire::KnobSetting>& settings,
                                 const std::string& name) {
  for (const wire::KnobSetting& one : settings) {
    if (one.knob == name) return &one;
  }
  return nullptr;
}

}  // namespace

TEST_CASE("a declared knob that the policy does not name can be forced and released", "[policy]") {
  Run run(one_rule("set.kl = 2.0\n"), two_knobs());
  CHECK(run.machine.settings().size() == 1);
  const wire::Command down = command("1", wire::Action::kForce, 0.25);
  CHECK(run.machine.judge(down, Step{0}).status == "logged");
  CHECK(run.machine.settings().size() == 1);  // to judge is not to do

  const auto forced = run.say(down, 0);
  REQUIRE(forced);
  REQUIRE(setting(forced->before, "lr_scale"));
  CHECK(setting(forced->before, "lr_scale")->value == 1.0);
  REQUIRE(setting(forced->knobs, "lr_scale"));
  CHECK(setting(forced->knobs, "lr_scale")->value == 0.25);
  CHECK(setting(forced->knobs, "lr_scale")->cause.text() == "operator:ann");
  CHECK(run.machine.knob_ranges()[1].limit_by == wire::LimitBy::kTrainer);
  CHECK(run.machine.override_status().knob == "lr_scale");

  // Its declared direction holds: up protects less, and needs what a lowering needs.
  CHECK(run.machine.judge(command("2", wire::Action::kForce, 0.5), Step{0})
            .text.find("lowering a knob needs expected_version") == 0);
  CHECK(run.machine.judge(command("3", wire::Action::kForce, 1.5), Step{0}).text ==
        "expected a value of lr_scale from 0 to 1 (the limits that the trainer declares), found "
        "1.5");
  CHECK(run.machine.judge(command("4", wire::Action::kRelease), Step{0}).status == "refused");
  wire::Command release = command("5", wire::Action::kRelease);
  release.expected_version = run.machine.state_version();
  run.say(release, 1);
  CHECK(setting(run.machine.settings(), "lr_scale")->value == 1.0);
  CHECK(run.machine.judge(release, Step{1}).status == "logged");
  CHECK(run.machine.judge(command("6", wire::Action::kRelease), Step{1}).text ==
        "nothing to release: lr_scale is not forced");

  // The policy goes on with its own.
  run.at(5, {{"s/0", 0.9}});
  CHECK(run.value() == 2.0);
}

TEST_CASE("nobody's knob is refused, with those that there are", "[policy][hostile]") {
  Run run(one_rule("set.kl = 2.0\n"), two_knobs());
  wire::Command force = command("1", wire::Action::kForce, 0.25);
  force.knob = "ldifs";
  CHECK(run.machine.judge(force, Step{0}).text ==
        "expected one of the run's knobs (kl, lr_scale), found \"ldifs\"");
  CHECK(run.machine.judge(command("2", wire::Action::kForce, wire::kNaN), Step{0}).status ==
        "refused");
  CHECK_FALSE(run.say(command("2", wire::Action::kForce, wire::kNaN), 0));
  CHECK(run.machine.settings().size() == 1);
}

TEST_CASE("a snapshot knows of a forced knob, and of the direction of each", "[policy]") {
  const std::string toml = one_rule("set.kl = 2.0\n");
  Run run(toml, two_knobs());
  run.say(command("1", wire::Action::kForce, 0.25), 0);
  const std::string bytes = run.machine.snapshot();
  Run copy(toml, two_knobs());
  REQUIRE(copy.machine.restore(bytes));
  CHECK(copy.machine.snapshot() == bytes);
  CHECK(copy.machine.knob_ranges()[1].protects == wire::Protects::kDown);
  CHECK(copy.machine.judge(command("2", wire::Action::kForce, 0.5), Step{0}).status ==
        run.machine.judge(command("2", wire::Action::kForce, 0.5), Step{0}).status);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    REQUIRE_FALSE(copy.machine.restore(std::string_view(bytes).substr(0, size)));
  }
}

TEST_CASE("a forced knob stays over attempts, and goes when it is no longer declared", "[policy]") {
  Run run(one_rule("set.kl = 2.0\n"), two_knobs());
  run.say(command("1", wire::Action::kForce, 0.25), 0);
  run.attempt = 2;
  run.say(two_knobs(), 0);
  REQUIRE(setting(run.machine.settings(), "lr_scale"));
  CHECK(setting(run.machine.settings(), "lr_scale")->value == 0.25);
  run.attempt = 3;
  run.say(rules_hello(), 0);
  CHECK(setting(run.machine.settings(), "lr_scale") == nullptr);
  CHECK(run.machine.settings().size() == 1);
}
