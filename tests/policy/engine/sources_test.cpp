// Sources through a whole Machine: items, groups, differences and ratios, and what each does with
// gaps, order and faults.
#include <cmath>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "tests/policy/support.h"
#include "tests/support/catch.h"
#include "tests/support/words.h"

namespace phaseguard::policy {
namespace {

const double kNaN = std::numeric_limits<double>::quiet_NaN();

std::string watching(const std::string& source,
                     const std::string& law = "type = \"level\"\nabove = 0.5\n") {
  return "version = 1\nname = \"t\"\n[knob.kl]\nbase = 0\nmax = 4\n[detector.d]\n" + source + "\n" +
         law + "[rule.r]\nof = [\"d\"]\nset.kl = 1.0\n";
}

wire::Hello pair_hello(std::int64_t a = 5, std::int64_t b = 5) {
  wire::Hello hello = usual_hello();
  hello.signals.push_back(signal_decl("pair/a", a));
  hello.signals.push_back(signal_decl("pair/b", b));
  return hello;
}

wire::DetectorEvidence seen(const Run& run) { return run.machine.detector_evidence().at(0); }

wire::Report vector_report(const std::string& signal, std::vector<double> items) {
  wire::Report report;
  wire::Sample sample;
  sample.signal = signal;
  sample.value = 0.0;
  sample.items = std::move(items);
  report.samples = {sample};
  return report;
}

const std::string kMaxOfJs = "signal = \"canary/js/*\"\ncombine = \"max\"";

TEST_CASE("a group of one vector signal: the largest item, or the mean", "[policy]") {
  Run run(watching(kMaxOfJs), usual_hello());
  run.say(vector_report("canary/js", {0.1, 0.6}), 5);
  CHECK(seen(run).signal == "max(canary/js/*)");
  CHECK(seen(run).value == 0.6);
  CHECK(seen(run).voting);
  Run mean(watching("signal = \"canary/js/*\"\ncombine = \"mean\""), usual_hello());
  mean.say(vector_report("canary/js", {0.25, 0.5}), 5);
  CHECK(seen(mean).value == 0.375);
}

TEST_CASE("a group of items: bounds count as GOOD, below the range and an overflow do not",
          "[policy][hostile]") {
  wire::Hello hello = usual_hello();
  hello.signals[0].max = std::numeric_limits<double>::max();
  const std::string mean = "signal = \"canary/js/*\"\ncombine = \"mean\"";
  Run run(watching(mean), hello);
  run.say(vector_report("canary/js", {0.0, 0.25}), 5);
  CHECK(seen(run).quality == Quality::kGood);
  run.say(vector_report("canary/js", {-0.01, 0.25}), 10);
  CHECK(seen(run).quality == Quality::kBad);
  const double most = std::numeric_limits<double>::max();
  run.say(vector_report("canary/js", {most, 0.0}), 15);
  CHECK(seen(run).quality == Quality::kGood);
  run.say(vector_report("canary/js", {most, most}), 20);
  CHECK(seen(run).quality == Quality::kBad);
}

TEST_CASE("a group of items: one that is out of range, a wrong number, or none is BAD",
          "[policy][hostile]") {
  for (const std::vector<double>& items :
       {std::vector<double>{0.1, 0.8}, std::vector<double>{0.1, kNaN}, std::vector<double>{0.1},
        std::vector<double>{}}) {
    Run run(watching(kMaxOfJs), usual_hello());
    run.say(vector_report("canary/js", items), 5);
    CHECK(seen(run).quality == Quality::kBad);
    CHECK(seen(run).n == 0);
  }
}

TEST_CASE("a group of declared signals waits for all of them", "[policy]") {
  Run run(watching("signal = \"pair/*\"\ncombine = \"max\""), pair_hello());
  run.at(5, {{"pair/a", 0.2}});
  CHECK(seen(run).step == Step{-1});
  run.at(5, {{"pair/b", 0.9}});
  CHECK(seen(run).step == Step{5});
  CHECK(seen(run).value == 0.9);
  run.at(10, {{"pair/b", 0.1}, {"pair/a", 0.3}});
  CHECK(seen(run).value == 0.3);
  CHECK(seen(run).n == 2);
}

TEST_CASE("a difference and a ratio of the same step, in any order of arrival", "[policy]") {
  Run difference(watching("signal = \"pair/a\"\nminus = \"pair/b\""), pair_hello(0, 0));
  difference.at(3, {{"pair/a", 1.0}});
  difference.at(4, {{"pair/a", 2.0}});
  difference.at(4, {{"pair/b", 0.5}});
  CHECK(seen(difference).signal == "pair/a - pair/b");
  CHECK(seen(difference).value == 1.5);
  difference.at(3, {{"pair/b", 9.0}});  // late for pair/b: step 3 stays unmeasured
  CHECK(seen(difference).n == 1);
  Run ratio(watching("signal = \"pair/a\"\nover = \"pair/b\""), pair_hello());
  ratio.at(5, {{"pair/a", 3.0}, {"pair/b", 4.0}});
  CHECK(seen(ratio).value == 0.75);
  ratio.at(10, {{"pair/a", 3.0}, {"pair/b", -0.0}});
  CHECK(seen(ratio).quality == Quality::kBad);
  CHECK(seen(ratio).n == 1);
}

TEST_CASE("a member that comes late still completes its step", "[policy]") {
  Run run(watching("signal = \"pair/a\"\nminus = \"pair/b\""), pair_hello(1, 5));
  for (std::int64_t step = 1; step <= 7; ++step)
    run.at(step, {{"pair/a", static_cast<double>(step)}});
  CHECK(seen(run).step == Step{-1});
  run.at(5, {{"pair/b", 1.0}});
  CHECK(seen(run).step == Step{5});
  CHECK(seen(run).value == 4.0);
}

TEST_CASE("more steps than can wait: the oldest is given up", "[policy]") {
  Run run(watching("signal = \"pair/a\"\nminus = \"pair/b\""), pair_hello(0, 0));
  for (std::int64_t step = 1; step <= 65; ++step) run.at(step, {{"pair/a", 1.0}});
  run.at(1, {{"pair/b", 1.0}});
  CHECK(seen(run).n == 0);
  run.at(2, {{"pair/b", 0.25}});
  CHECK(seen(run).n == 0);  // step 1 took the place of 2 when pair/b came for it
  run.at(10, {{"pair/b", 0.25}});
  CHECK(seen(run).value == 0.75);
}

TEST_CASE("one BAD member makes it BAD, one MISSING member MISSING, with one alert", "[policy]") {
  Run run(watching("signal = \"pair/a\"\nminus = \"pair/b\""), pair_hello());
  run.at(5, {{"pair/a", kNaN}, {"pair/b", 0.0}});
  CHECK(seen(run).quality == Quality::kBad);
  run.at(10, {{"pair/a", kNaN}, {"pair/b", 0.0}});
  const auto third = run.at(15, {{"pair/a", kNaN}, {"pair/b", 0.0}});
  REQUIRE(third);
  REQUIRE(third->alerts.size() == 1);  // of the signal itself; the difference adds nothing
  CHECK(third->alerts[0].source == "signal:pair/a");
  run.at(20, {{"pair/b", 0.0}});
  run.at(25, {{"pair/a", 0.0}, {"pair/b", 0.0}});
  CHECK(seen(run).quality == Quality::kGood);
  CHECK(seen(run).n == 1);
  wire::Report report;
  wire::Sample a, b;
  a.signal = "pair/a";
  a.missing = true;
  b.signal = "pair/b";
  b.value = 0.0;
  report.samples = {a, b};
  run.say(report, 30);
  CHECK(seen(run).quality == Quality::kMissing);
}

TEST_CASE("a ratio by zero three times in a row is a fault of the ratio", "[policy]") {
  Run run(watching("signal = \"pair/a\"\nover = \"pair/b\""), pair_hello());
  for (std::int64_t step : {5, 10}) run.at(step, {{"pair/a", 1.0}, {"pair/b", 0.0}});
  const auto third = run.at(15, {{"pair/a", 1.0}, {"pair/b", 0.0}});
  REQUIRE(third);
  CHECK(third->alerts.at(0).source == "signal:pair/a / pair/b");
}

TEST_CASE("a member that stops makes the derived series MISSING", "[policy]") {
  const std::string law = "type = \"level\"\nabove = 0.5\nconsecutive = 2\nbad = \"vote\"\n";
  Run run(watching("signal = \"pair/a\"\nminus = \"pair/b\"", law), pair_hello());
  for (std::int64_t step = 5; step <= 30; step += 5) run.at(step, {{"pair/a", 0.1}});
  CHECK(seen(run).quality == Quality::kMissing);
  CHECK(seen(run).streak == 4);  // 5, 10, 15, 20: three intervals are waited
  CHECK(seen(run).voting);
}

TEST_CASE("a pair that was given up as MISSING takes no member that comes later", "[policy]") {
  Run run(watching("signal = \"pair/a\"\nminus = \"pair/b\""), pair_hello());
  run.at(7, {{"pair/a", 1.0}});  // off the cadence: pair/a is next due at 12 and 17
  run.at(30, {});                // the pair is MISSING at 5, 10, 15 and 20
  CHECK(seen(run).step == Step{20});
  CHECK(seen(run).quality == Quality::kMissing);
  run.at(18, {{"pair/a", 1.0}});
  CHECK(seen(run).step == Step{20});
  run.at(30, {{"pair/a", 0.75}, {"pair/b", 0.25}});
  CHECK(seen(run).step == Step{30});
  CHECK(seen(run).value == 0.5);
}

TEST_CASE("the cadence of a derived series is the least common multiple", "[policy]") {
  Run run(watching("signal = \"pair/a\"\nminus = \"pair/b\""), pair_hello(4, 6));
  CHECK(run.machine.rule_evidence().at(0).earliest_step == Step{12});
  Run none(watching("signal = \"pair/a\"\nminus = \"pair/b\""), pair_hello(4, 0));
  CHECK(none.machine.rule_evidence().at(0).earliest_step == Step{-1});
}

TEST_CASE("one source watched by two detectors is one series; a signal minus itself is 0",
          "[policy]") {
  std::string toml = watching("signal = \"pair/a\"\nminus = \"pair/b\"");
  toml += "[detector.e]\nsignal = \"pair/a\"\nminus = \"pair/b\"\ntype = \"level\"\nabove = 0.1\n";
  toml += "[detector.f]\nsignal = \"pair/a\"\nminus = \"pair/a\"\ntype = \"level\"\nabove = 0.1\n";
  Run run(toml, pair_hello());
  run.at(5, {{"pair/a", 1.0}, {"pair/b", 0.25}});
  const auto evidence = run.machine.detector_evidence();
  CHECK(evidence.at(0).value == 0.75);
  CHECK(evidence.at(1).value == 0.75);
  CHECK(evidence.at(2).value == 0.0);
  CHECK(evidence.at(2).quality == Quality::kGood);
}

TEST_CASE("samples in another order each time find their series", "[policy]") {
  Run run(watching("signal = \"pair/a\"\nminus = \"pair/b\""), pair_hello());
  run.at(5, {{"pair/a", 1.0}, {"pair/b", 0.0}});
  run.at(10, {{"pair/b", 0.0}, {"train/loss", 1.0}, {"pair/a", 2.0}});
  run.at(15, {{"nobody/knows", 0.0}, {"pair/a", 3.0}, {"pair/b", 0.0}});
  CHECK(seen(run).value == 3.0);
  CHECK(seen(run).n == 3);
}

wire::Hello distribution_hello() {
  wire::Hello hello = usual_hello();
  wire::SignalDecl decl = signal_decl("canary/first_token");
  decl.items = wire::Items::kDistribution;
  decl.columns = 2;
  hello.signals.push_back(decl);
  return hello;
}

TEST_CASE("window_js reads distributions of the declared shape", "[policy]") {
  const std::string law = "type = \"window_js\"\nwindow = 1\nabove = 0.1\n";
  Run run(watching("signal = \"canary/first_token\"", law), distribution_hello());
  run.say(vector_report("canary/first_token", {1.0, 0.0, 0.5, 0.5}), 5);
  run.say(vector_report("canary/first_token", {0.0, 1.0, 0.5, 0.5}), 10);
  CHECK(seen(run).statistic == Approx(kLn2 / 2.0));
  CHECK(seen(run).voting);
  run.say(vector_report("canary/first_token", {0.0, 1.0}), 15);  // one canary of two
  CHECK(seen(run).quality == Quality::kBad);
  run.say(vector_report("canary/first_token", {0.0, 1.0, 0.5, 0.6}), 20);
  CHECK(seen(run).quality == Quality::kBad);
  CHECK(seen(run).n == 2);
}

TEST_CASE("stale votes while other signals go on, and says for how long", "[policy]") {
  Run run(watching("signal = \"judge/score\"", "type = \"stale\"\nafter = \"2 intervals\"\n"));
  CHECK(run.machine.rule_evidence().at(0).earliest_step == Step{11});
  run.at(5, {{"judge/score", 0.1}});
  for (std::int64_t step = 6; step <= 15; ++step) run.at(step, {{"train/loss", 1.0}});
  CHECK_FALSE(seen(run).voting);
  const auto fired = run.at(16, {{"train/loss", 1.0}});
  REQUIRE(fired);
  CHECK(fired->summary.find("d no good judge/score for 2.2 intervals") != std::string::npos);
  run.at(17, {{"judge/score", 0.1}});
  CHECK_FALSE(seen(run).voting);
}

TEST_CASE("snapshot and restore in the middle of every law and source", "[policy][property]") {
  const std::string toml =
      watching("signal = \"pair/a\"\nminus = \"pair/b\"") +
      "[detector.e]\nsignal = \"pair/*\"\ncombine = \"mean\"\n"
      "type = \"zscore\"\nwindow = 3\nabove = 1\nclear = 0\n"
      "[detector.f]\nsignal = \"pair/a\"\ntype = \"rate\"\nwindow = 3\nabove = 0.1\n"
      "[detector.g]\nsignal = \"pair/a\"\ntype = \"mad_shift\"\ncalibrate = 2\n"
      "[detector.h]\nsignal = \"pair/a\"\ntype = \"cusum\"\nmean = 0.3\nslack = 0\nlimit = 1\n"
      "[detector.i]\nsignal = \"pair/a\"\ntype = \"page_hinkley\"\ndelta = 0\nlimit = 1\n"
      "[detector.j]\nsignal = \"pair/a\"\ntype = \"eprocess\"\nform = \"esr\"\n"
      "null_mean = 0.3\nbet = 1\nalpha = 0.1\n"
      "[detector.k]\nsignal = \"pair/b\"\ntype = \"stale\"\nafter = \"7 steps\"\n"
      "[detector.l]\nsignal = \"canary/first_token\"\ntype = \"window_js\"\n"
      "window = 2\nabove = 0.01\n"
      "[rule.all]\nwhen = \"any\"\n"
      "of = [\"d\", \"e\", \"f\", \"g\", \"h\", \"i\", \"j\", \"k\", \"l\"]\n"
      "alert = \"info\"\n";
  wire::Hello hello = pair_hello(1, 1);
  hello.signals.push_back(distribution_hello().signals.back());
  for (std::int64_t cut = 0; cut <= 30; ++cut) {
    Run whole(toml, hello);
    Run parts(toml, hello);
    for (std::int64_t step = 1; step <= 30; ++step) {
      const double x = static_cast<double>((step * 29) % 17) / 17.0;
      for (Run* run : {&whole, &parts}) {
        run->at(step, {{"pair/a", step % 11 == 0 ? kNaN : x}});
        if (step % 9 < 7) run->at(step, {{"pair/b", 1.0 - x}});
        if (step % 5 == 0) {
          run->say(vector_report("canary/first_token", {x, 1.0 - x, 0.5, 0.5}), step);
        }
      }
      if (step == cut) {
        Run fresh(toml, hello);
        REQUIRE(fresh.machine.restore(parts.machine.snapshot()));
        CHECK(fresh.machine.snapshot() == parts.machine.snapshot());
        parts.machine = fresh.machine;
      }
    }
    INFO("cut at " << cut);
    CHECK(whole.machine.snapshot() == parts.machine.snapshot());
  }
}

}  // namespace
}  // namespace phaseguard::policy
