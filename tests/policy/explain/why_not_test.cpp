// What is said to be missing for a rule is what the engine then finds missing.
#include "monitor/policy/explain/why_not.h"

#include <string>
#include <vector>

#include "tests/policy/rules_support.h"
#include "tests/support/catch.h"

namespace phaseguard::policy {
namespace {

const std::string kSets = "latch = true\nset.kl = 2.0\n";

std::vector<std::string> missing(const Run& run, std::int64_t step, const std::string& rule = "r") {
  std::vector<std::string> all;
  for (const Missing& each : why_not_yet(run.machine.document(), rule, run.machine.rule_status(),
                                         run.machine.detector_evidence(), Step{step})) {
    all.push_back(to_text(each));
  }
  return all;
}

using Texts = std::vector<std::string>;

TEST_CASE("why not yet: nothing measured, below the line, a streak, and then it fires",
          "[policy][explain]") {
  Run run(head() + detector("d", "s/0", "consecutive = 2\nwarmup = 1\n") +
              "[rule.r]\nof = [\"d\"]\n" + kSets,
          rules_hello());
  CHECK(missing(run, 0) == Texts{"d: no measurement yet"});
  run.at(5, {{"s/0", 0.9}});
  CHECK(missing(run, 5) == Texts{"d: never votes on its first measurement, and has 1"});
  run.at(10, {{"s/0", 0.28}});
  CHECK(missing(run, 10) == Texts{"d: 0.28, has to be > 0.5 (0.22 more) at 2 in a row"});
  run.at(15, {{"s/0", wire::kNaN}});
  CHECK(missing(run, 15) == Texts{"d: its newest measurement is bad"});
  run.at(20, {{"s/0", 0.7}});
  CHECK(missing(run, 20) == Texts{"d: beyond its line at 1 of 2 measurements in a row"});
  run.at(25, {{"s/0", 0.7}});
  CHECK(run.rule_state() == "latched");
  CHECK(missing(run, 25).empty());
}

TEST_CASE("why not yet: a count says how many more, and which do not count", "[policy][explain]") {
  Run run(head() + detector("a", "s/0") + detector("b", "s/1") + detector("c", "s/risk") +
              "[rule.r]\nwhen = \"2_of_3\"\nof = [\"a\", \"b\", \"c\"]\nfrom_step = 20\n" + kSets,
          rules_hello());
  run.at(5, {{"s/0", 0.9}, {"s/1", 0.1}});
  CHECK(missing(run, 5) == Texts{"not before step 20", "1 of 2 votes: 1 more of these",
                                 "b: 0.1, has to be > 0.5 (0.4 more)", "c: no measurement yet"});
  run.at(10, {{"s/0", 0.9}, {"s/1", 0.6}});
  CHECK(missing(run, 10) == Texts{"not before step 20"});
}

TEST_CASE("why not yet: how near a detector is to its line", "[policy][explain]") {
  Run run(one_rule(kSets), rules_hello());
  run.at(5, {{"s/0", 0.25}});
  const auto found = why_not_yet(run.machine.document(), "r", run.machine.rule_status(),
                                 run.machine.detector_evidence(), Step{5});
  REQUIRE(found.size() == 1);
  CHECK(found[0].what == "d");
  CHECK(found[0].of_line == 0.5);
}

TEST_CASE("why not yet: rules as terms, and terms that have to be quiet", "[policy][explain]") {
  Run run(head() + detector("a", "s/0") + detector("b", "s/1") +
              "[rule.q]\nof = [\"a\"]\nalert = \"info\"\n"
              "[rule.r]\nwhen = \"all\"\nof = [\"rule.q\", \"b\"]\n" +
              kSets + "[rule.n]\nwhen = \"not\"\nof = [\"b\"]\nalert = \"info\"\n",
          rules_hello());
  run.at(5, {{"s/0", 0.1}, {"s/1", 0.9}});
  CHECK(missing(run, 5) == Texts{"rule q: is not in force"});
  CHECK(missing(run, 5, "n") == Texts{"b: votes, and has to be quiet"});
  run.at(10, {{"s/0", 0.9}, {"s/1", 0.1}});
  CHECK(missing(run, 10, "q").empty());
  CHECK(missing(run, 10) == Texts{"b: 0.1, has to be > 0.5 (0.4 more)"});
  CHECK(missing(run, 10, "nobody").empty());
}

TEST_CASE("why not yet: an operator's inhibition, a wait and a clock", "[policy][explain]") {
  Run run(head() + detector("d", "s/0") +
              "[detector.gone]\nsignal = \"s/1\"\ntype = \"stale\"\nafter = \"12 steps\"\n"
              "[rule.r]\nof = [\"d\"]\nfor = \"20 steps\"\n" +
              kSets + "[rule.g]\nof = [\"gone\"]\nalert = \"info\"\n",
          rules_hello());
  run.at(5, {{"s/0", 0.9}, {"s/1", 0.1}});
  CHECK(missing(run, 5) == Texts{"its condition has to hold for 20 steps"});
  run.at(10, {{"s/0", 0.9}});
  CHECK(missing(run, 10, "g") ==
        Texts{"gone: 5 steps without a good measurement, has to be > 12 steps"});
  wire::Command inhibit;
  inhibit.id = "1";
  inhibit.action = wire::Action::kInhibit;
  inhibit.rule = "r";
  inhibit.reason = "checking the data";
  inhibit.operator_name = "ann";
  inhibit.expires_after_steps = 30;
  inhibit.expected_version = run.machine.state_version();
  run.say(inhibit, 10);
  CHECK(missing(run, 10) == Texts{"inhibited until step 40"});
}

// A quiet rule always has a reason, whatever came: with none it would have fired.
TEST_CASE("why not yet: no shipped policy has a rule that is quiet for no reason",
          "[policy][explain]") {
  for (const char* name : {"hybrid", "hybrid-v2", "phaseguard-kl", "judged"}) {
    INFO(name);
    wire::Hello hello = usual_hello();
    hello.knobs[0].per_sample = true;
    add_second_defense(hello);
    for (wire::SignalDecl& signal : hello.signals) {
      if (signal.name == "train/loss") signal.unit = "nats";
    }
    REQUIRE(fits(must_parse(asset(name)), hello).has_value());
    Run run(asset(name), hello);
    for (std::int64_t step = 1; step <= 60; ++step) {
      Values values;
      for (const wire::SignalDecl& signal : hello.signals) {
        if (signal.items == wire::Items::kSample) continue;
        values.emplace_back(signal.name, 0.01 * static_cast<double>((step * 37) % 97));
      }
      run.at(step, values);
      for (const wire::RuleEvidence& rule : run.machine.rule_status()) {
        const bool quiet = rule.state == wire::RuleState::kQuiet;
        CHECK(missing(run, step, rule.rule).empty() != quiet);
      }
    }
  }
}

}  // namespace
}  // namespace phaseguard::policy
