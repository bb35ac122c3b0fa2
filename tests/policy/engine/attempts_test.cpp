// New attempts and odd messages: a signal that is no longer declared, a Hello said twice, clocks
// that are not known, steps that jump.
#include <algorithm>
#include <limits>

#include "tests/policy/rules_support.h"
#include "tests/support/catch.h"
#include "tests/support/words.h"

namespace phaseguard::policy {
namespace {

constexpr double kHigh = 0.9;
constexpr double kLow = 0.1;

wire::Hello without(const std::string& signal) {
  wire::Hello hello = rules_hello();
  hello.signals.erase(
      std::find_if(hello.signals.begin(), hello.signals.end(),
                   [&](const wire::SignalDecl& decl) { return decl.name == signal; }));
  return hello;
}

std::optional<wire::Decision> new_attempt(Run& run, wire::Hello hello, std::int64_t step) {
  ++run.attempt;
  run.segment = 0;
  hello.start_step = Step{step};
  return run.say(hello, step);
}

wire::RuleEvidence rule(const Run& run, std::size_t i = 0) {
  return run.machine.rule_evidence().at(i);
}

TEST_CASE("a later attempt without a detector's signal: it stays where it is", "[policy]") {
  Run run(one_rule("latch = true\nset.kl = 1.0\n") +
              "[detector.old]\nsignal = \"s/0\"\ntype = \"stale\"\nafter = \"2 intervals\"\n"
              "[rule.none]\nwhen = \"not\"\nof = [\"d\"]\nalert = \"info\"\n"
              "[rule.gone]\nof = [\"old\"]\nalert = \"info\"\n",
          rules_hello());
  CHECK(rule(run, 0).earliest_step == Step{5});
  CHECK(rule(run, 1).earliest_step == Step{5});
  CHECK(rule(run, 2).earliest_step == Step{11});
  run.at(5, {{"s/0", kHigh}});
  CHECK(run.value() == 1.0);
  new_attempt(run, without("s/0"), 10);
  for (std::size_t i = 0; i < 3; ++i) CHECK(rule(run, i).earliest_step == Step{-1});
  for (std::int64_t step = 15; step <= 60; step += 5) run.at(step, {{"s/0", kLow}});
  CHECK(run.value() == 1.0);
  CHECK(run.machine.detector_evidence().at(0).n == 0);
  CHECK(rule(run, 1).state == "quiet");
  CHECK(rule(run, 2).state == "quiet");
  new_attempt(run, rules_hello(), 60);
  run.at(65, {{"s/0", kLow}});
  CHECK(run.machine.detector_evidence().at(0).n == 1);
}

TEST_CASE("a later attempt that measures at no cadence: intervals are not known", "[policy]") {
  Run run(head() + "[detector.d]\nsignal = \"s/0\"\ntype = \"stale\"\nafter = \"2 intervals\"\n" +
              "[rule.r]\nof = [\"d\"]\nset.kl = 1.0\n",
          rules_hello());
  CHECK(rule(run).earliest_step == Step{11});
  wire::Hello hello = without("s/0");
  hello.signals.push_back(signal_decl("s/0", 0));
  new_attempt(run, hello, 0);
  CHECK(rule(run).earliest_step == Step{-1});
  run.at(500, {});
  CHECK(run.value() == 0.0);
}

TEST_CASE("a later attempt without a controller's input: it holds what it put out", "[policy]") {
  for (const char* law : {"controller = \"ladder\", rungs = [[0.2, 1.0]], hysteresis = 0.0",
                          "controller = \"risk_linear\", min = 0.0, max = 1.0"}) {
    Run run(head() + "[rule.r]\nwhen = \"always\"\nset.kl = { signal = \"s/risk\", " + law + " }\n",
            rules_hello());
    run.at(1, {{"s/risk", 1.0}});
    CHECK(run.value() == 1.0);
    new_attempt(run, without("s/risk"), 1);
    run.at(2, {{"s/risk", 0.0}});
    CHECK(run.value() == 1.0);
    new_attempt(run, rules_hello(), 2);
    run.at(3, {{"s/risk", 0.0}});
    CHECK(run.value() < 1.0);
  }
}

TEST_CASE("a later attempt without a pair's member: the pair is gone", "[policy]") {
  Run run(head() + "[detector.d]\nsignal = \"s/0\"\nminus = \"s/1\"\ntype = \"level\"\n" +
              "above = 0.5\n[rule.r]\nof = [\"d\"]\nset.kl = 1.0\n",
          rules_hello());
  run.at(5, {{"s/0", kHigh}, {"s/1", kLow}});
  CHECK(run.value() == 1.0);
  new_attempt(run, without("s/1"), 5);
  run.at(10, {{"s/0", kLow}, {"s/1", kLow}});
  CHECK(run.machine.detector_evidence().at(0).n == 0);
  CHECK(run.value() == 1.0);  // no evidence lowers it
}

TEST_CASE("the same Hello again, and one from nowhere, change nothing", "[policy][hostile]") {
  Run run(one_rule("latch = true\nset.kl = 1.0\n"), rules_hello());
  run.at(5, {{"s/0", kLow}});
  const std::string before = run.machine.snapshot();
  CHECK_FALSE(run.say(rules_hello(), 5));
  run.attempt = 0;
  CHECK_FALSE(run.say(rules_hello(), 5));
  run.attempt = 2;
  for (const std::int64_t start : {std::int64_t{-1}, std::int64_t{1000000000000001},
                                   std::numeric_limits<std::int64_t>::max()}) {
    wire::Hello hello = rules_hello();
    hello.start_step = Step{start};
    CHECK_FALSE(run.say(hello, 5));
  }
  CHECK(run.machine.snapshot() == before);
  wire::Hello last = rules_hello();
  last.start_step = Step{1000000000000000};
  run.say(last, 5);
  CHECK(run.machine.snapshot() != before);
  CHECK(rule(run).earliest_step == Step{1000000000000000});
}

TEST_CASE("a run whose first Hello has attempt 0", "[policy]") {
  Machine machine =
      *Machine::create(must_parse(one_rule("latch = true\nset.kl = 1.0\n")), rules_hello());
  wire::Message message;
  message.body = rules_hello();
  CHECK_FALSE(machine.on(message));
  wire::Report report;
  wire::Sample sample;
  sample.signal = "s/0";
  sample.value = kHigh;
  report.samples = {sample};
  message.header.step = Step{5};
  message.body = report;
  CHECK(machine.on(message));
}

TEST_CASE("a start beyond every step there can be: no floor is named", "[policy][hostile]") {
  wire::Hello hello = rules_hello();
  hello.start_step = Step{std::numeric_limits<std::int64_t>::max()};
  const Machine machine = *Machine::create(must_parse(one_rule("set.kl = 1.0\n")), hello);
  CHECK(machine.rule_evidence().at(0).earliest_step == Step{-1});
}

TEST_CASE("events without a clock: seconds neither pass nor go back", "[policy]") {
  Run run(one_rule("for = \"10 s\"\nset.kl = 1.0\n"), rules_hello());
  run.t = wire::kNaN;
  run.at(5, {{"s/0", kHigh}});
  run.t = 100.0;
  run.at(10, {{"s/0", kHigh}});
  run.t = wire::kNaN;
  run.at(15, {{"s/0", kHigh}});
  run.t = 90.0;
  run.at(20, {{"s/0", kHigh}});
  run.t = 109.5;
  run.at(25, {{"s/0", kHigh}});
  CHECK(run.value() == 0.0);
  run.t = std::numeric_limits<double>::infinity();
  run.at(26, {});
  CHECK(run.value() == 0.0);
  run.t = 110.0;
  run.at(27, {});
  CHECK(run.value() == 1.0);
}

TEST_CASE("a jump of the step counter is no more than 64 missing measurements", "[policy]") {
  const std::string toml = head() + detector("d", "s/0", "bad = \"vote\"\nconsecutive = 500\n") +
                           "[rule.r]\nof = [\"d\"]\nset.kl = 1.0\n";
  for (const std::int64_t steps : {64, 65, 66, 1000000000}) {
    Run run(toml, rules_hello());
    run.at(5 * steps + 10, {});  // waits for three intervals: due are 5, 10, ... 5 * steps
    INFO(steps);
    CHECK(run.machine.detector_evidence().at(0).streak == (steps < 64 ? steps : 64));
    CHECK(run.machine.detector_evidence().at(0).step == Step{5 * steps});
  }
}

TEST_CASE("unknown samples at the same place again, and known ones after them", "[policy]") {
  Run run(one_rule("set.kl = 1.0\n"), rules_hello());
  for (std::int64_t step = 5; step <= 15; step += 5) {
    run.at(step, {{"nobody/knows", 1.0}, {"s/0", kHigh}});
  }
  run.at(20, {{"s/0", kHigh}, {"nobody/knows", 1.0}});
  CHECK(run.machine.detector_evidence().at(0).n == 4);
}

TEST_CASE("assigning a machine to itself changes nothing", "[policy]") {
  Run run(one_rule("set.kl = 1.0\n"), rules_hello());
  run.at(5, {{"s/0", kHigh}});
  const std::string before = run.machine.snapshot();
  Machine& same = run.machine;
  run.machine = same;
  CHECK(run.machine.snapshot() == before);
}

TEST_CASE("reading: past warm-up from the measurement after it", "[policy]") {
  const std::string toml =
      head() + detector("d", "s/0", "warmup = 2\n") + "[rule.r]\nof = [\"d\"]\nset.kl = 1.0\n";
  Run run(toml, rules_hello());
  CHECK(run.machine.reading(0).n == 0);
  for (std::int64_t n = 1; n <= 3; ++n) {
    CHECK_FALSE(run.machine.reading(0).past_warmup);
    run.at(5 * n, {{"s/0", 0.25}});
    CHECK(run.machine.reading(0).n == n);
    CHECK(run.machine.reading(0).statistic == 0.25);
  }
  CHECK(run.machine.reading(0).past_warmup);
}

}  // namespace
}  // namespace phaseguard::policy
