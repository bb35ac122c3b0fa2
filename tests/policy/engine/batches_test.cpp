// Law::kBatches: what a batch's report gives holds for that batch alone, a step-0 score is in force
// at the first update, and a trip's rise waits for no slew. Beside it: values in units of the
// declared lambda*, lines by the declared noise, votes of one group.
#include <cmath>

#include "monitor/wire/declaration.h"
#include "tests/policy/rules_support.h"
#include "tests/support/catch.h"
#include "tests/support/words.h"

namespace phaseguard::policy {
namespace {

using List = std::vector<double>;

wire::Hello of_batches() {
  wire::Hello hello = rules_hello();
  hello.laws = wire::laws_for(wire::kProtocolVersion);
  hello.knobs[0].lambda_star = 0.5;
  for (wire::SignalDecl& signal : hello.signals) {
    signal.noise_mean = 0.25;
    signal.noise_sd = 0.125;
  }
  return hello;
}

std::string per_sample(const std::string& more = "") {
  return head() +
         "[rule.r]\nwhen = \"always\"\nset.kl = { controller = \"per_sample\", signal = "
         "\"s/items\", "
         "max = 2.0" +
         more + " }\n";
}

void batch(Run& run, std::int64_t step, List items, std::int64_t id) {
  wire::Report report;
  report.origin = wire::Report::Origin::kBatch;
  report.batch = id;
  if (!items.empty()) {
    report.samples = {wire::Sample{}};
    report.samples[0].signal = "s/items";
    report.samples[0].value = 0.5;
    report.samples[0].items = std::move(items);
  }
  run.say(report, step);
}

wire::KnobSetting told(const Run& run) { return run.machine.settings_to_send().at(0); }

TEST_CASE("a batch's values are for it; every other gets the largest of them", "[policy]") {
  Run run(per_sample(), of_batches());
  batch(run, 1, {0.0, 0.25, 1.0, 0.75}, 7);
  CHECK(told(run).items == List{0.0, 0.5, 2.0, 1.5});
  CHECK(told(run).value == 1.0);
  CHECK(told(run).batch == 7);
  CHECK(told(run).unscored == 2.0);
  batch(run, 2, {}, 8);  // the signal tells nothing of it
  CHECK(told(run).items.empty());
  CHECK(told(run).value == 2.0);
  batch(run, 3, {0.0, 0.0}, 9);
  CHECK(told(run).value == 0.0);
  CHECK(told(run).unscored == 0.0);
  batch(run, 4, {wire::kNaN, wire::kNaN, 1.0}, 10);  // fewer than half
  CHECK(told(run).items.empty());
  CHECK(told(run).value == 0.0);
}

TEST_CASE("unscored = base and law", "[policy]") {
  Run base(per_sample(", unscored = \"base\""), of_batches());
  batch(base, 1, {1.0, 1.0}, 1);
  CHECK(told(base).value == 2.0);
  CHECK(told(base).unscored == 0.0);
  batch(base, 2, {}, 2);
  CHECK(told(base).value == 0.0);
  Run law(per_sample(", unscored = \"law\""), of_batches());
  batch(law, 1, {0.0, 0.0}, 1);
  CHECK(told(law).value == 0.0);
  CHECK(told(law).unscored == 2.0);
  batch(law, 2, {}, 2);
  CHECK(told(law).value == 2.0);
  batch(law, 3, {0.5, wire::kNaN}, 3);  // half: a sample without a score is one of the worst
  CHECK(told(law).items == List{1.0, 2.0});
}

TEST_CASE("a second report of a batch that is scored takes nothing back", "[policy]") {
  Run run(per_sample(), of_batches());
  batch(run, 1, {0.0, 1.0}, 7);
  batch(run, 1, {}, 7);
  CHECK(told(run).items == List{0.0, 2.0});
  CHECK(told(run).value == 1.0);
}

TEST_CASE("an operator's floor is under what other batches get", "[policy]") {
  Run run(per_sample(", unscored = \"base\""), of_batches());
  batch(run, 1, {0.0, 1.0}, 7);
  wire::Command command;
  command.id = "1";
  command.action = wire::Action::kForce;
  command.operator_name = "alice";
  command.knob = "kl";
  command.value = 1.5;
  run.say(command, 1);
  CHECK(told(run).items == List{1.5, 2.0});
  CHECK(told(run).unscored == 1.5);
}

TEST_CASE("another rule counts for other batches as it does for the scored one", "[policy]") {
  const std::string always = "[rule.s]\nwhen = \"always\"\nset.kl = 1.0\n";
  Run base(per_sample(", unscored = \"base\"") + always, of_batches());
  batch(base, 1, {1.0, 1.0}, 7);
  CHECK(told(base).value == 2.0);
  CHECK(told(base).unscored == 1.0);  // and not the base, which rule s is above
  Run law(per_sample(", unscored = \"law\"") + always, of_batches());
  batch(law, 1, {0.0, 0.0}, 8);
  CHECK(told(law).value == 1.0);
  CHECK(told(law).cause.text() == "rule:s");
  CHECK(told(law).batch == 8);
  CHECK(told(law).unscored == 2.0);
}

TEST_CASE("a rollback keeps a value that was no batch's", "[policy]") {
  const std::string toml =
      head() +
      "[rule.r]\nwhen = \"always\"\nset.kl = { controller = "
      "\"risk_linear\", signal = \"s/risk\", max = 2.0, unscored = \"law\" }\n";
  Run run(toml, of_batches());
  wire::Report report;
  report.origin = wire::Report::Origin::kBatch;
  report.batch = 7;
  report.samples = {wire::Sample{}};
  report.samples[0].signal = "s/risk";
  report.samples[0].value = 0.25;
  run.say(report, 1);
  CHECK(told(run).value == 0.5);
  CHECK(told(run).unscored == 2.0);
  run.at(2, {{"s/risk", 0.5}});
  CHECK(run.value() == 1.0);
  run.rolled_back_to(1);
  CHECK(run.value() == 1.0);
}

TEST_CASE("without the law a record is decided as it was: the mean holds", "[policy]") {
  Run run(per_sample(), rules_hello());
  batch(run, 1, {0.0, 0.25, 1.0, 0.75}, 7);
  CHECK(std::isnan(told(run).unscored));
  batch(run, 2, {}, 8);
  CHECK(run.value() == 1.0);
}

const char* const kLinear =
    "controller = \"risk_linear\", signal = \"s/risk\", max = 2.0, unscored = \"base\"";

TEST_CASE("a score of step 0 is in force at the first update, whatever the slew", "[policy]") {
  const std::string toml = head("slew_per_step = 0.125\n") +
                           "[rule.r]\nwhen = \"always\"\nset.kl = { " + kLinear + " }\n";
  Run run(toml, of_batches());
  run.at(0, {{"s/risk", 1.0}});
  CHECK(run.value() == 2.0);
  run.at(1, {{"s/risk", 0.0}});
  CHECK(run.value() == 1.875);
  Run before(toml, rules_hello());
  before.at(0, {{"s/risk", 1.0}});
  CHECK(before.value() == 0.0);
}

TEST_CASE("a trip's law rises at once and falls by the slew", "[policy]") {
  const std::string toml = head("slew_per_step = 0.125\n") + detector("d", "s/0") +
                           "[rule.r]\nof = [\"d\"]\nlatch = true\nset.kl = { " + kLinear + " }\n";
  Run run(toml, of_batches());
  run.at(5, {{"s/0", 0.9}, {"s/risk", 1.0}});
  CHECK(run.value() == 2.0);
  run.at(6, {{"s/risk", 0.0}});
  CHECK(run.value() == 1.875);
}

TEST_CASE("values in units of the declared lambda*", "[policy]") {
  Run run(one_rule("set.kl = \"0.5 lambda_star\"\n"), of_batches());
  run.at(5, {{"s/0", 0.9}});
  CHECK(run.value() == 0.25);
  const Result<Machine> none =
      Machine::create(must_parse(one_rule("set.kl = \"0.5 lambda_star\"\n")), rules_hello());
  REQUIRE_FALSE(none);
  CHECK_THAT(none.error().message, Catch::Contains("declares no lambda_star of kl"));
  const Result<Machine> beyond =
      Machine::create(must_parse(one_rule("set.kl = \"9 lambda_star\"\n")), of_batches());
  REQUIRE_FALSE(beyond);
  CHECK_THAT(beyond.error().message,
             Catch::Contains("9 lambda_star, which is 4.5 here, is outside"));
}

TEST_CASE("a line by the signal's own declared noise", "[policy]") {
  const auto toml = [](const std::string& line) {
    return head() + "[detector.d]\nsignal = \"s/0\"\ntype = \"level\"\nabove = \"" + line +
           "\"\n[rule.r]\nof = [\"d\"]\nset.kl = 1.0\n";
  };
  Run run(toml("noise + 2 sd"), of_batches());
  run.at(5, {{"s/0", 0.5}});
  CHECK(run.value() == 0.0);
  run.at(10, {{"s/0", 0.501}});
  CHECK(run.value() == 1.0);
  CHECK(run.machine.detector_evidence()[0].threshold == 0.5);
  const Result<Machine> none = Machine::create(must_parse(toml("noise")), rules_hello());
  REQUIRE_FALSE(none);
  CHECK_THAT(none.error().message, Catch::Contains("does not declare that of s/0"));
  for (const char* wrong : {"noise+3sd", "noise + -1 sd", "noise + x sd", "loud", ""}) {
    INFO(wrong);
    CHECK_FALSE(parse(toml(wrong), "t.toml").document);
  }
}

TEST_CASE("a line that was measured is said rounded, one that was written as it is", "[policy]") {
  const auto said = [](const std::string& line) {
    wire::Hello hello = of_batches();
    for (wire::SignalDecl& signal : hello.signals) {
      signal.noise_mean = 1.0 / 3.0;
      signal.noise_sd = 1.0 / 7.0;
    }
    Run run(head() + "[detector.d]\nsignal = \"s/0\"\ntype = \"level\"\nabove = " + line +
                "\n[rule.r]\nof = [\"d\"]\nset.kl = 1.0\n",
            hello);
    const auto decision = run.at(5, {{"s/0", 0.9}});
    REQUIRE(decision);
    return decision->summary;
  };
  CHECK_THAT(said("\"noise + 2 sd\""), Catch::Contains("d 0.9 > 0.619 (1/1)"));
  CHECK_THAT(said("0.61904761"), Catch::Contains("d 0.9 > 0.61904761 (1/1)"));
}

TEST_CASE("cusum by noise: its mean, and a limit in sd", "[policy]") {
  const std::string toml =
      head() +
      "[detector.d]\nsignal = \"s/0\"\ntype = \"cusum\"\nmean = \"noise + 1 sd\"\nslack = 0\nlimit "
      "= \"2 sd\"\n[rule.r]\nof = [\"d\"]\nset.kl = 1.0\n";
  Run run(toml, of_batches());  // 0.375 and 0.25
  run.at(5, {{"s/0", 0.5}});
  run.at(10, {{"s/0", 0.5}});
  CHECK(run.value() == 0.0);  // 0.25, not above it
  run.at(15, {{"s/0", 0.375 + 0.001}});
  CHECK(run.value() == 1.0);
  wire::Hello still = of_batches();
  for (wire::SignalDecl& signal : still.signals) signal.noise_sd = 0.0;
  CHECK_FALSE(Machine::create(must_parse(toml), still));
}

TEST_CASE("a detector counts nothing after its early window", "[policy]") {
  const std::string toml =
      head() + detector("d", "s/0", "until_step = 10\n") + "[rule.r]\nof = [\"d\"]\nset.kl = 1.0\n";
  Run late(toml, of_batches());
  late.at(10, {{"s/0", 0.1}});
  late.at(15, {{"s/0", 0.9}});
  CHECK(late.value() == 0.0);
  CHECK(late.machine.detector_evidence()[0].n == 1);
  CHECK(late.machine.detector_evidence()[0].value == 0.9);  // shown all the same
  Run early(toml, of_batches());
  early.at(10, {{"s/0", 0.9}});
  early.at(15, {{"s/0", 0.1}});
  CHECK(early.value() == 1.0);
}

TEST_CASE("detectors of one group have one vote of a count", "[policy]") {
  const auto toml = [](const std::string& when) {
    return head() + detector("a", "s/0", "group = \"reference\"\n") +
           detector("b", "s/1", "group = \"reference\"\n") + detector("c", "s/risk") +
           "[rule.r]\nwhen = \"" + when + "\"\nof = [\"a\", \"b\", \"c\"]\nset.kl = 1.0\n";
  };
  Run run(toml("2_of_n"), of_batches());
  run.at(5, {{"s/0", 0.9}, {"s/1", 0.9}});
  CHECK(run.value() == 0.0);
  CHECK(run.machine.rule_evidence()[0].votes == 1);
  CHECK(run.machine.rule_evidence()[0].of == 2);
  run.at(10, {{"s/1", 0.9}, {"s/risk", 0.9}});
  CHECK(run.value() == 1.0);
  const Parsed all = parse(toml("3_of_n"), "t.toml");
  CHECK_FALSE(all.document);
  CHECK_THAT(all.diagnostics.at(0).message, Catch::Contains("at most 2 votes"));
}

}  // namespace
}  // namespace phaseguard::policy
