// When a rule fires.
#include "tests/policy/rules_support.h"
#include "tests/support/catch.h"
#include "tests/support/words.h"

namespace phaseguard::policy {
namespace {

constexpr double kHigh = 0.9;
constexpr double kLow = 0.1;

Run started(const std::string& toml) { return Run(toml, rules_hello()); }

TEST_CASE("not holds on evidence that its terms are quiet, never on missing evidence", "[policy]") {
  const std::string toml = head() + detector("d", "s/0", "warmup = 1\n") +
                           "[rule.calm]\nwhen = \"not\"\nof = [\"d\"]\nset.kl = 1.0\n";
  Run run = started(toml);
  CHECK(run.value() == 0.0);
  run.at(5, {{"s/0", kLow}});
  CHECK(run.rule_state() == "quiet");  // n = 1 is not past a warm-up of 1
  run.at(10, {{"s/0", kLow}});
  CHECK(run.rule_state() == "active");
  CHECK(run.machine.rule_evidence()[0].fired_step == Step{10});
  CHECK(run.machine.rule_evidence()[0].at_floor);
  run.at(15, {{"s/0", wire::kNaN}});  // lost data are no evidence against it
  CHECK(run.value() == 1.0);
  run.at(20, {{"s/0", kHigh}});
  CHECK(run.rule_state() == "quiet");
  run.at(25, {{"s/0", wire::kNaN}});
  CHECK(run.rule_state() == "quiet");
}

TEST_CASE("always fires at the first event, or at from_step", "[policy]") {
  Run at_once = started(head() + "[rule.r]\nwhen = \"always\"\nset.kl = 1.0\n");
  CHECK(at_once.value() == 1.0);
  CHECK(at_once.cause() == "rule:r");
  Run later = started(head() + "[rule.r]\nwhen = \"always\"\nfrom_step = 20\nset.kl = 1.0\n");
  later.at(19, {});
  CHECK(later.value() == 0.0);
  const auto decision = later.at(20, {});
  REQUIRE(decision);
  CHECK(decision->summary == "r fired at step 20, the earliest it could -> kl 1");
  CHECK(later.value() == 1.0);
}

TEST_CASE("from_step: a condition that holds before fires there", "[policy]") {
  Run run = started(one_rule("from_step = 12\nset.kl = 1.0\n"));
  run.at(5, {{"s/0", kHigh}});
  run.at(11, {});
  CHECK(run.value() == 0.0);
  run.at(12, {});
  CHECK(run.value() == 1.0);
}

TEST_CASE("for_points: n - 1, n, and a gap that starts again", "[policy]") {
  Run run = started(one_rule("for_points = 3\nset.kl = 1.0\n"));
  CHECK(run.machine.rule_evidence()[0].earliest_step == Step{15});
  run.at(5, {{"s/0", kHigh}});
  run.at(6, {});  // no measurement
  run.at(10, {{"s/0", kHigh}});
  CHECK(run.value() == 0.0);
  run.at(15, {{"s/0", kLow}});
  run.at(20, {{"s/0", kHigh}});
  run.at(25, {{"s/0", kHigh}});
  CHECK(run.value() == 0.0);
  run.at(30, {{"s/0", kHigh}});
  CHECK(run.value() == 1.0);
  CHECK_FALSE(run.machine.rule_evidence()[0].at_floor);
}

TEST_CASE("for: steps and the trainer's seconds, over when as much has gone by", "[policy]") {
  Run steps = started(one_rule("for = \"7 steps\"\nset.kl = 1.0\n"));
  steps.at(5, {{"s/0", kHigh}});
  steps.at(11, {{"s/0", kHigh}});
  CHECK(steps.value() == 0.0);
  steps.at(12, {});
  CHECK(steps.value() == 1.0);

  Run seconds = started(one_rule("for = \"30 s\"\nset.kl = 1.0\n"));
  CHECK(seconds.machine.rule_evidence()[0].earliest_step == Step{-1});
  seconds.t = 1000.0;
  seconds.at(5, {{"s/0", kHigh}});
  seconds.t = 1029.875;
  seconds.at(6, {});
  CHECK(seconds.value() == 0.0);
  seconds.t = 900.0;  // a clock that goes back takes nothing away
  seconds.at(7, {});
  seconds.t = 1030.0;
  seconds.at(8, {});
  CHECK(seconds.value() == 1.0);
}

TEST_CASE("rule terms vote while their rule is in force, whatever the order of the file",
          "[policy]") {
  const std::string toml =
      head() + detector("d", "s/0") + detector("e", "s/1") +
      "[rule.both]\nwhen = \"all\"\nof = [\"rule.first\", \"e\"]\nset.kl = 2.0\n"
      "[rule.first]\nof = [\"d\"]\nset.kl = 1.0\n"
      "[rule.alone]\nwhen = \"not\"\nof = [\"rule.both\"]\nalert = \"info\"\n";
  Run run = started(toml);
  CHECK(run.rule_state(2) == "active");
  run.at(5, {{"s/0", kHigh}, {"s/1", kLow}});
  CHECK(run.value() == 1.0);
  CHECK(run.rule_state(0) == "quiet");
  const auto decision = run.at(10, {{"s/0", kHigh}, {"s/1", kHigh}});
  REQUIRE(decision);
  CHECK(run.value() == 2.0);
  CHECK(run.rule_state(2) == "quiet");
  CHECK(decision->summary.find("both fired at step 10: rule first is active, e 0.9 > 0.5 (1/1)") !=
        std::string::npos);
  run.at(15, {{"s/0", kLow}, {"s/1", kHigh}});  // first goes quiet, and both with it
  CHECK(run.value() == 0.0);
  CHECK(run.rule_state(2) == "active");
}

TEST_CASE("earliest step of rules over rules, and with cadences that differ", "[policy]") {
  wire::Hello hello = rules_hello();
  hello.signals.push_back(signal_decl("s/3", 3));
  const std::string toml =
      head() + detector("d", "s/0", "warmup = 1\n") + detector("e", "s/3") +
      "[rule.a]\nwhen = \"any\"\nof = [\"d\", \"e\"]\nfor_points = 3\nset.kl = 1.0\n"
      "[rule.b]\nwhen = \"all\"\nof = [\"rule.a\", \"d\"]\nfor = \"4 steps\"\nset.kl = 2.0\n";
  const Run run(toml, hello);
  CHECK(run.machine.rule_evidence()[0].earliest_step == Step{6});   // 3, 5, 6
  CHECK(run.machine.rule_evidence()[1].earliest_step == Step{14});  // 10 + 4
}

TEST_CASE("a new attempt starts conditions afresh, or carries them", "[policy]") {
  for (const bool carried : {false, true}) {
    Run run = started(one_rule("for_points = 3\nset.kl = 1.0\n") + "[on]\nresume = \"" +
                      (carried ? "carried" : "fresh") + "\"\n");
    run.at(5, {{"s/0", kHigh}});
    run.at(10, {{"s/0", kHigh}});
    run.attempt = 2;
    wire::Hello hello = rules_hello();
    hello.start_step = Step{10};
    run.say(hello, 10);
    run.at(15, {{"s/0", kHigh}});
    INFO("carried " << carried);
    CHECK(run.value() == (carried ? 1.0 : 0.0));
  }
}

TEST_CASE("a latch is carried whatever resume says, a rollback is never carried", "[policy]") {
  for (const char* resume : {"fresh", "carried"}) {
    Run run =
        started(one_rule("latch = true\nset.kl = 1.0\n") + "[on]\nresume = \"" + resume + "\"\n");
    run.at(5, {{"s/0", kHigh}});
    run.attempt = 2;
    run.say(rules_hello(), 0);
    CHECK(run.rule_state() == "latched");
    CHECK(run.value() == 1.0);
  }
  Run run = started(one_rule("for_points = 2\nset.kl = 1.0\n") + "[on]\nresume = \"carried\"\n");
  run.at(5, {{"s/0", kHigh}});
  run.rolled_back_to(0);
  run.at(5, {{"s/0", kHigh}});
  CHECK(run.value() == 0.0);
}

TEST_CASE("not: known to be quiet at the first measurement after warm-up, at any start",
          "[policy]") {
  const auto earliest = [](std::int64_t every, std::int64_t start, const std::string& more = "") {
    wire::Hello hello = rules_hello();
    hello.signals.push_back(signal_decl("s/every", every));
    hello.start_step = Step{start};
    Run run(head() + detector("d", "s/every", more) +
                "[rule.r]\nwhen = \"not\"\nof = [\"d\"]\nset.kl = 1.0\n",
            hello);
    return run.machine.rule_evidence().at(0).earliest_step.value;
  };
  CHECK(earliest(1, 0) == 1);
  CHECK(earliest(1, 0, "warmup = 2\n") == 3);
  CHECK(earliest(5, 0) == 5);
  CHECK(earliest(1, 1) == 1);  // goes on from step 1: it may be measured there at once
  CHECK(earliest(5, 10) == 10);
  CHECK(earliest(5, 11) == 15);
}

TEST_CASE("for_points puts off the earliest step, also of a rule that could fire at 0",
          "[policy]") {
  Run run(head() + detector("d", "s/0") + "[rule.x]\nof = [\"d\"]\nalert = \"info\"\n" +
              "[rule.r]\nwhen = \"not\"\nof = [\"rule.x\"]\nfor_points = 3\nset.kl = 1.0\n",
          rules_hello());
  CHECK(run.machine.rule_evidence().at(1).earliest_step == Step{10});
}

}  // namespace
}  // namespace phaseguard::policy
