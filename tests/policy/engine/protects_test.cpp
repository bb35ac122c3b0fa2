// A knob that protects by going down, one that protects in no direction, and what is true of a
// rule.
#include "monitor/base/text.h"
#include "tests/policy/rules_support.h"
#include "tests/support/catch.h"
#include "tests/support/words.h"

using namespace phaseguard;
using namespace phaseguard::policy;

namespace {

constexpr const char* kScaled = R"(version = 1
name = "t"
[knob.lr_scale]
base = 1.0
max = 1.0
[detector.d]
signal = "s/0"
type = "level"
above = 0.5
[detector.e]
signal = "s/1"
type = "level"
above = 0.5
[rule.weak]
of = ["d"]
set.lr_scale = 0.5
[rule.strong]
of = ["e"]
latch = true
set.lr_scale = 0.1
)";

wire::Hello scaled(wire::Protects protects) {
  wire::Hello hello = rules_hello();
  hello.knobs[0].name = "lr_scale";
  hello.knobs[0].max = 1.0;
  hello.knobs[0].initial = 1.0;
  hello.knobs[0].protects = protects;
  return hello;
}

wire::Command force(const std::string& id, double value, std::int64_t for_steps = 0,
                    std::int64_t version = -1) {
  wire::Command command;
  command.id = id;
  command.action = wire::Action::kForce;
  command.operator_name = "ann";
  command.reason = "because";
  command.knob = "lr_scale";
  command.value = value;
  command.expires_after_steps = for_steps;
  command.expected_version = version;
  return command;
}

wire::RuleEvidence phase(const Run& run, std::size_t i = 0) {
  return run.machine.rule_status().at(i);
}

}  // namespace

TEST_CASE("a knob that protects downwards: the smaller value wins and holds", "[policy]") {
  Run run(kScaled, scaled(wire::Protects::kDown));
  CHECK(run.value() == 1.0);
  run.at(5, {{"s/0", 0.9}, {"s/1", 0.9}});
  CHECK(run.value() == 0.1);
  CHECK(run.cause() == "rule:strong");
  CHECK(run.machine.knob_ranges()[0].trip_value == 0.1);
  run.at(10, {{"s/0", 0.9}, {"s/1", 0.1}});
  CHECK(run.value() == 0.1);  // latched: a floor from above
}

TEST_CASE("forcing a knob that protects downwards", "[policy]") {
  Run run(kScaled, scaled(wire::Protects::kDown));
  run.at(5, {{"s/0", 0.9}});
  REQUIRE(run.value() == 0.5);
  // Further down protects more: accepted without a version, an expiry or a reason.
  CHECK(run.machine.judge(force("a", 0.2), Step{5}).status == "logged");
  run.say(force("a", 0.2), 5);
  CHECK(run.value() == 0.2);
  // Up is a lowering of what protects.
  CHECK(run.machine.judge(force("b", 0.8), Step{5}).status == "refused");
  const auto version = run.machine.state_version();
  const auto lowered = run.machine.judge(force("c", 0.8, 10, version), Step{5});
  CHECK(lowered.status == "logged");
  CHECK(
      run.machine.judge(force("d", 0.8, 0, version), Step{5}).text.find("above the policy's 0.5") !=
      std::string::npos);
  run.say(force("c", 0.8, 10, version), 5);
  CHECK(run.value() == 0.8);
  // A latched trip ends what an operator lowered, and refuses it from then on.
  run.at(10, {{"s/0", 0.9}, {"s/1", 0.9}});
  CHECK(run.value() == 0.1);
  CHECK(run.machine.judge(force("e", 0.8, 10, run.machine.state_version()), Step{10}).status ==
        "refused");
}

TEST_CASE("a knob that protects in no direction: every change is a lowering, a latch holds",
          "[policy]") {
  Run run(kScaled, scaled(wire::Protects::kNone));
  CHECK(run.machine.judge(force("a", 0.2), Step{0}).status == "refused");
  CHECK(run.machine.judge(force("b", 0.2, 10, run.machine.state_version()), Step{0}).status ==
        "logged");
  run.say(force("b", 0.2, 10, run.machine.state_version()), 0);
  CHECK(run.value() == 0.2);
  run.at(5, {{"s/1", 0.9}});
  CHECK(run.value() == 0.1);
  CHECK(run.cause() == "rule:strong");
}

TEST_CASE("a policy that contradicts what the trainer declares is refused", "[policy]") {
  const std::string said = std::string(kScaled);
  const auto with = [&](const char* word) {
    return said.substr(0, said.find("base")) + "protects = \"" + word + "\"\n" +
           said.substr(said.find("base"));
  };
  CHECK(Machine::create(must_parse(with("down")), scaled(wire::Protects::kDown)).has_value());
  const auto refused = Machine::create(must_parse(with("up")), scaled(wire::Protects::kDown));
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().message.find("declares that lr_scale protects \"down\"") !=
        std::string::npos);
  // A rule that moves it away from its protecting side.
  std::string wrong = said;
  wrong.replace(wrong.find("base = 1.0"), 10, "base = 0.3");
  const auto away = Machine::create(must_parse(wrong), scaled(wire::Protects::kDown));
  REQUIRE_FALSE(away.has_value());
  CHECK(away.error().message.find("set.lr_scale reaching 0.5 lowers it") != std::string::npos);
}

TEST_CASE("status says the one thing that is true of a rule", "[policy]") {
  const std::string policy = head() + detector("d", "s/0", "consecutive = 3\nwarmup = 1\n") +
                             "[rule.r]\nof = [\"d\"]\nlatch = true\nset.kl = 2.0\n" +
                             "[rule.s]\nof = [\"d\"]\nset.kl = 1.0\n";
  Run run(policy, rules_hello());
  CHECK(phase(run).phase == "warming_up");
  run.at(5, {{"s/0", 0.1}});
  CHECK(phase(run).phase == "warming_up");
  run.at(10, {{"s/0", 0.1}});
  CHECK(phase(run).phase == "armed");
  run.at(15, {{"s/0", 0.9}});
  CHECK(phase(run).phase == "streak");
  CHECK(phase(run).streak == 1);
  CHECK(phase(run).streak_needed == 3);
  run.at(20, {{"s/0", 0.9}});
  CHECK(phase(run).streak == 2);
  const auto decision = run.at(25, {{"s/0", 0.9}});
  CHECK(phase(run, 0).phase == "latched");
  CHECK(phase(run, 1).phase == "active");
  REQUIRE(decision);
  CHECK(decision->rules[0].phase.empty());  // never recorded

  wire::Command command;
  command.id = "reset";
  command.action = wire::Action::kReset;
  command.rule = "r";
  command.reason = "looked at";
  command.expected_version = run.machine.state_version();
  run.say(command, 26);
  CHECK(phase(run).phase == "disarmed");
  CHECK(run.rule_state() == "quiet");
  run.at(30, {{"s/0", 0.1}});
  CHECK(phase(run).phase == "armed");

  command.id = "inhibit";
  command.action = wire::Action::kInhibit;
  command.expires_after_steps = 20;
  command.expected_version = run.machine.state_version();
  run.say(command, 30);
  CHECK(phase(run).phase == "inhibited");
  CHECK(phase(run).until_step == Step{50});
}

TEST_CASE("a rule whose signal a new attempt no longer declares is orphaned", "[policy]") {
  Run run(one_rule("set.kl = 2.0\n"), rules_hello());
  run.at(5, {{"s/0", 0.1}});
  REQUIRE(phase(run).phase == "armed");
  wire::Hello poorer = rules_hello();
  std::erase_if(poorer.signals, [](const wire::SignalDecl& s) { return s.name == "s/0"; });
  run.attempt = 2;
  poorer.start_step = Step{5};
  run.say(poorer, 5);
  CHECK(phase(run).phase == "orphaned");
}

TEST_CASE("the range in force says who set it", "[policy]") {
  const auto range = [](double policy_max, double trainer_max) {
    wire::Hello hello = rules_hello();
    hello.knobs[0].max = trainer_max;
    std::string text = one_rule("set.kl = 1.0\n");
    text.replace(text.find("max = 4.0"), 9, "max = " + number_text(policy_max));
    return Run(text, hello).machine.knob_ranges()[0];
  };
  CHECK(range(2.0, 4.0).limit_by == wire::LimitBy::kPolicy);
  CHECK(range(4.0, 2.0).limit_by == wire::LimitBy::kTrainer);
  CHECK(range(4.0, 2.0).max == 2.0);
}
