// Who wins on a knob and its site; inhibitions.
#include <limits>

#include "monitor/policy/engine/rule.h"
#include "tests/policy/rules_support.h"
#include "tests/support/catch.h"
#include "tests/support/words.h"

namespace phaseguard::policy {
namespace {

constexpr double kHigh = 0.9;
constexpr double kLow = 0.1;

wire::Command command(const std::string& id, const std::string& action, const std::string& rule) {
  wire::Command c;
  c.id = id;
  c.action = wire::Word<wire::Action>::from(action);
  c.operator_name = "alice";
  c.rule = rule;
  return c;
}

wire::Command inhibit(const std::string& id, const Machine& machine, std::int64_t steps = 10) {
  wire::Command c = command(id, "inhibit", "r");
  c.reason = "maintenance";
  c.expires_after_steps = steps;
  c.expected_version = machine.state_version();
  return c;
}

std::string two_rules(const std::string& first, const std::string& second) {
  return head() + detector("d", "s/0") + detector("e", "s/1") + "[rule.a]\nof = [\"d\"]\n" + first +
         "[rule.b]\nof = [\"e\"]\n" + second;
}

TEST_CASE("the highest priority sets the knob, of equal ones the larger value", "[policy]") {
  Run lower(two_rules("set.kl = 3.0\n", "set.kl = 1.0\npriority = 1\n"), rules_hello());
  lower.at(5, {{"s/0", kHigh}});
  CHECK(lower.value() == 3.0);
  lower.at(10, {{"s/0", kHigh}, {"s/1", kHigh}});
  CHECK(lower.value() == 1.0);
  CHECK(lower.cause() == "rule:b");
  Run equal(two_rules("set.kl = 3.0\n", "set.kl = 1.0\n"), rules_hello());
  equal.at(5, {{"s/0", kHigh}, {"s/1", kHigh}});
  CHECK(equal.cause() == "rule:a");
}

TEST_CASE("a lowering below the larger of two trips is refused, whichever comes first",
          "[policy]") {
  for (const bool first : {true, false}) {
    Run run(two_rules(first ? "set.kl = 2.0\nlatch = true\n" : "set.kl = 1.0\nlatch = true\n",
                      first ? "set.kl = 1.0\nlatch = true\n" : "set.kl = 2.0\nlatch = true\n"),
            rules_hello());
    run.at(5, {{"s/0", kHigh}, {"s/1", kHigh}});
    wire::Command lower = command("1", "force", "");
    lower.knob = "kl";
    lower.value = 1.5;
    lower.reason = "test";
    lower.expires_after_steps = 5;
    lower.expected_version = run.machine.state_version();
    const Verdict verdict = run.machine.judge(lower, Step{5});
    CHECK(verdict.status == wire::ReplyStatus::kRefused);
    CHECK(verdict.text == std::string("rule:") + (first ? "a" : "b") +
                              " is latched and holds kl at 2; reset it before lowering to 1.5");
  }
}

TEST_CASE("the site: by priority, of equal ones the latched rule's", "[policy]") {
  const auto site = [](const std::string& first, const std::string& second) {
    Run run(two_rules("site.kl = \"batch\"\n" + first, "site.kl = \"replay\"\n" + second),
            rules_hello());
    run.at(5, {{"s/0", kHigh}, {"s/1", kHigh}});
    return run.machine.settings().at(0).site;
  };
  CHECK(site("", "") == "batch");  // the file's order
  CHECK(site("", "priority = 1\n") == "replay");
  CHECK(site("priority = 1\n", "") == "batch");
  CHECK(site("", "latch = true\n") == "replay");
  CHECK(site("latch = true\n", "latch = true\n") == "batch");
  CHECK(site("priority = 1\n", "latch = true\n") == "batch");
  CHECK(site("priority = -1\n", "priority = -1\nlatch = true\n") == "replay");
  CHECK(site("priority = -2\n", "priority = -1\n") == "replay");
}

TEST_CASE("a latched value is a floor for everything automatic", "[policy]") {
  Run run(two_rules("set.kl = 2.0\nlatch = true\n", "set.kl = 1.0\npriority = 5\n"), rules_hello());
  run.at(5, {{"s/0", kHigh}, {"s/1", kHigh}});
  CHECK(run.value() == 2.0);
  CHECK(run.cause() == "rule:a");
  Run above(two_rules("set.kl = 2.0\nlatch = true\n", "set.kl = 3.0\npriority = 5\n"),
            rules_hello());
  above.at(5, {{"s/0", kHigh}, {"s/1", kHigh}});
  CHECK(above.value() == 3.0);
}

TEST_CASE("a latched per-sample floor of another length than the batch floors its mean",
          "[policy]") {
  wire::Hello hello = rules_hello();
  wire::SignalDecl more = signal_decl("s/more", 0);
  more.items = wire::Items::kSample;
  hello.signals.push_back(more);
  const auto per_sample = [](const std::string& signal) {
    return "set.kl = { controller = \"per_sample\", signal = \"" + signal + "\", max = 2.0 }\n";
  };
  Run run(
      two_rules(per_sample("s/items") + "latch = true\n", per_sample("s/more") + "priority = 1\n"),
      hello);
  const auto batch = [&](std::int64_t step, const std::vector<double>& items,
                         const std::vector<double>& others) {
    wire::Report report;
    for (const auto& [name, list] : {std::pair{"s/items", items}, std::pair{"s/more", others}}) {
      wire::Sample sample;
      sample.signal = name;
      sample.value = 0.5;
      sample.items = list;
      report.samples.push_back(sample);
    }
    run.say(report, step);
  };
  run.at(5, {{"s/0", kHigh}, {"s/1", kHigh}});
  batch(6, {0.5, 1.0}, {0.25, 0.25, 1.0});  // 1 and 2, mean 1.5; 0.5, 0.5 and 2, mean 1
  const wire::KnobSetting now = run.machine.settings().at(0);
  CHECK(now.items == std::vector<double>{1.5, 1.5, 2.0});
  CHECK(now.value == 5.0 / 3.0);
  batch(7, {0.25, 0.5}, {1.0, 1.0, 0.0});  // mean 0.75 under 2, 2 and 0
  CHECK(run.machine.settings().at(0).items == std::vector<double>{2.0, 2.0, 0.75});
}

TEST_CASE("control: an inhibited rule whose condition holds is said", "[policy]") {
  Run run(one_rule("set.kl = 1.0\n"), rules_hello());
  run.say(inhibit("1", run.machine), 0);
  CHECK(run.machine.control() == "auto");
  run.at(5, {{"s/0", kHigh}});
  CHECK(run.value() == 0.0);
  CHECK(run.machine.control() == "inhibited");
  run.at(6, {{"s/0", kLow}});
  CHECK(run.machine.control() == "auto");
  run.at(9, {{"s/0", kHigh}});
  CHECK(run.machine.control() == "inhibited");
  wire::Command force = command("2", "force", "");
  force.knob = "kl";
  force.value = 0.5;
  run.say(force, 9);
  CHECK(run.machine.control() == "manual");
  run.at(10, {{"s/0", kHigh}});  // the inhibition is over
  CHECK(run.rule_state() == "active");
}

TEST_CASE("what expires after the last step there can be does not expire at once",
          "[policy][hostile]") {
  Run run(one_rule("set.kl = 1.0\n"), rules_hello());
  run.at(std::numeric_limits<std::int64_t>::max() - 1, {{"s/0", kLow}});
  wire::Command force = command("1", "force", "");
  force.knob = "kl";
  force.value = 0.5;
  force.expires_after_steps = 100;
  run.say(force, std::numeric_limits<std::int64_t>::max() - 1);
  CHECK(run.machine.control() == "manual");
  CHECK(run.value() == 0.5);
}

TEST_CASE("an id is remembered through 4096 commands, as the protocol promises", "[policy]") {
  Run run(one_rule("set.kl = 1.0\n"), rules_hello());
  wire::Command force = command("first", "force", "");
  force.knob = "kl";
  force.value = 0.5;
  run.say(force, 0);
  for (int i = 1; i < 4096; ++i) {
    force.id = std::to_string(i);
    force.value = 0.5 + 0.5 / (i + 1);
    run.say(force, 0);
  }
  const double last = run.value();
  force.id = "first";
  force.value = 4.0;
  run.say(force, 0);
  CHECK(run.value() == last);
  force.id = "one more";  // and no longer
  force.value = 3.0;
  run.say(force, 0);
  force.id = "first";
  force.value = 4.0;
  run.say(force, 0);
  CHECK(run.value() == 4.0);
}

TEST_CASE("control: a trip is said before an inhibition", "[policy]") {
  Run run(two_rules("set.kl = 1.0\nlatch = true\n", "set.kl = 2.0\n"), rules_hello());
  wire::Command c = inhibit("1", run.machine, 100);
  c.rule = "b";
  run.say(c, 0);
  run.at(5, {{"s/1", kHigh}});
  CHECK(run.machine.control() == "inhibited");
  run.at(10, {{"s/0", kHigh}, {"s/1", kHigh}});
  CHECK(run.machine.control() == "tripped");
}

TEST_CASE("a rule moves the site while it is in force", "[policy]") {
  Run run(two_rules("site.kl = \"replay\"\n", "site.kl = \"batch\"\npriority = 1\n"),
          rules_hello());
  CHECK(run.machine.settings()[0].site.empty());
  const auto decision = run.at(5, {{"s/0", kHigh}});
  REQUIRE(decision);
  CHECK(decision->knobs[0].site == wire::Site::kReplay);
  CHECK(decision->before[0].site.empty());
  CHECK(decision->summary.find("kl on site replay") != std::string::npos);
  run.at(10, {{"s/0", kHigh}, {"s/1", kHigh}});
  CHECK(run.machine.settings()[0].site == wire::Site::kBatch);
  run.at(15, {{"s/0", kLow}, {"s/1", kLow}});
  CHECK(run.machine.settings()[0].site.empty());
}

TEST_CASE("an inhibited rule does not fire, and fires when it is allowed again", "[policy]") {
  Run run(one_rule("set.kl = 1.0\n"), rules_hello());
  run.at(5, {{"s/0", kLow}});
  const auto decision = run.say(inhibit("1", run.machine), 5);
  REQUIRE(decision);
  CHECK(decision->summary.find("alice inhibited r until step 15") != std::string::npos);
  CHECK(run.rule_state() == "inhibited");
  run.at(10, {{"s/0", kHigh}});
  CHECK(run.value() == 0.0);
  const auto allowed = run.say(command("2", "allow", "r"), 10);
  REQUIRE(allowed);
  CHECK(run.value() == 1.0);
  CHECK(run.rule_state() == "active");
}

TEST_CASE("an inhibition makes an active rule quiet, and ends by itself", "[policy]") {
  Run run(one_rule("set.kl = 1.0\n"), rules_hello());
  run.at(5, {{"s/0", kHigh}});
  run.say(inhibit("1", run.machine), 5);
  CHECK(run.value() == 0.0);
  run.at(14, {{"s/0", kHigh}});
  CHECK(run.value() == 0.0);
  const auto decision = run.at(15, {{"s/0", kHigh}});
  REQUIRE(decision);
  CHECK(decision->summary.find("alice's inhibition of r expired at step 15") != std::string::npos);
  CHECK(run.value() == 1.0);
}

TEST_CASE("an inhibition is not prolonged by going back, nor lost", "[policy]") {
  Run run(one_rule("set.kl = 1.0\n"), rules_hello());
  run.at(5, {{"s/0", kLow}});
  run.say(inhibit("1", run.machine), 5);
  run.at(9, {});
  run.rolled_back_to(0);
  CHECK(run.rule_state() == "inhibited");
  run.at(5, {{"s/0", kHigh}});
  CHECK(run.value() == 0.0);
  run.at(6, {});
  CHECK(run.value() == 1.0);
}

TEST_CASE("inhibit is judged like lowering", "[policy][hostile]") {
  Run run(one_rule("set.kl = 1.0\nlatch = true\n"), rules_hello());
  const auto says = [&](const wire::Command& c, const std::string& status,
                        const std::string& text) {
    const Verdict verdict = run.machine.judge(c, Step{0});
    INFO(verdict.text);
    CHECK(verdict.status == status);
    CHECK(verdict.text.find(text) != std::string::npos);
  };
  wire::Command c = inhibit("1", run.machine);
  c.rule = "x";
  says(c, "refused", "expected one of the policy's rules (r), found \"x\"");
  c = inhibit("2", run.machine);
  c.reason.clear();
  says(c, "refused", "needs a reason");
  c = inhibit("3", run.machine, 0);
  says(c, "refused", "needs expires_after_steps from 1");
  c = inhibit("4", run.machine);
  c.expected_version = -1;
  says(c, "refused", "needs expected_version");
  c.expected_version = 99;
  says(c, "conflict", "look again");
  says(command("5", "allow", "r"), "refused", "is not inhibited");
  run.at(5, {{"s/0", kHigh}});
  says(inhibit("6", run.machine), "refused", "reset it before inhibiting it");
}

TEST_CASE("an inhibited rule is no voter, and a snapshot knows of it", "[policy]") {
  const std::string toml =
      one_rule("set.kl = 1.0\n") + "[rule.follows]\nof = [\"rule.r\"]\nalert = \"info\"\n";
  Run run(toml, rules_hello());
  run.at(5, {{"s/0", kHigh}});
  CHECK(run.rule_state(1) == "active");
  run.say(inhibit("1", run.machine), 5);
  CHECK(run.rule_state(1) == "quiet");
  Machine copy = *Machine::create(must_parse(toml), rules_hello());
  REQUIRE(copy.restore(run.machine.snapshot()));
  CHECK(copy.snapshot() == run.machine.snapshot());
  CHECK(copy.rule_evidence()[0].state == wire::RuleState::kInhibited);
}

TEST_CASE("a trip is a floor under an accepted lowering, not its replacement", "[policy]") {
  Run run(head() + detector("d", "s/0") + detector("e", "s/1") +
              "[rule.trip]\nof = [\"d\"]\nlatch = true\nset.kl = 1.0\n"
              "[rule.high]\nof = [\"e\"]\nset.kl = 3.0\n",
          rules_hello());
  run.at(5, {{"s/0", 0.9}, {"s/1", 0.9}});
  wire::Command lower;
  lower.id = "1";
  lower.action = wire::Action::kForce;
  lower.operator_name = "ann";
  lower.reason = "known";
  lower.knob = "kl";
  lower.value = 2.0;
  lower.expires_after_steps = 100;
  lower.expected_version = run.machine.state_version();
  run.say(lower, 5);
  CHECK(run.value() == 2.0);
  CHECK(run.cause() == "operator:ann");
}

TEST_CASE("a rule reset while its condition holds stays disarmed when detectors are carried",
          "[policy]") {
  Run run(one_rule("latch = true\nset.kl = 1.0\n[on]\nresume = \"carried\"\n"), rules_hello());
  run.at(5, {{"s/0", 0.9}});
  wire::Command reset;
  reset.id = "1";
  reset.action = wire::Action::kReset;
  reset.operator_name = "ann";
  reset.reason = "known";
  reset.rule = "r";
  reset.expected_version = run.machine.state_version();
  run.say(reset, 5);
  run.attempt = 2;
  wire::Hello hello = rules_hello();
  hello.start_step = Step{5};
  run.say(hello, 5);
  run.at(10, {{"s/0", 0.9}});
  CHECK(run.rule_state() == "quiet");
}

TEST_CASE("a rule fires at the run's step, also on a late report", "[policy]") {
  Run run(one_rule("set.kl = 1.0\n"), rules_hello());
  run.at(12, {});
  run.at(10, {{"s/0", 0.9}});
  CHECK(run.machine.rule_evidence()[0].fired_step == Step{12});
}

TEST_CASE("a knob's limits are the policy's and the declared ones together", "[policy]") {
  wire::Hello hello = rules_hello();
  hello.knobs[0].min = 0.25;
  Run run(head("base = 0.5\n").replace(head().find("base = 0.0\n"), 11, "") + detector("d", "s/0") +
              "[rule.r]\nof = [\"d\"]\nset.kl = 1.0\n",
          hello);
  wire::Command force;
  force.id = "1";
  force.action = wire::Action::kForce;
  force.operator_name = "ann";
  force.reason = "known";
  force.knob = "kl";
  force.expires_after_steps = 10;
  force.expected_version = 0;
  force.value = 0.125;
  CHECK(run.machine.judge(force, Step{0}).status == "refused");
  force.value = 0.25;
  CHECK(run.machine.judge(force, Step{0}).status == "logged");
}

}  // namespace
}  // namespace phaseguard::policy
