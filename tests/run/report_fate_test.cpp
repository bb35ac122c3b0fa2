// What became of reported values, and what people are told of it.
#include "monitor/run/report_fate.h"

#include <cmath>

#include "monitor/run/state.h"
#include "tests/run/story.h"
#include "tests/support/catch.h"
#include "tests/support/words.h"

using namespace phaseguard;
using namespace phaseguard::test;
using wire::ReportFate;

namespace {

struct Told {
  run::RunState state;
  Story story;

  explicit Told(wire::Hello declared = hello()) { take(0, std::move(declared)); }

  void take(std::int64_t step, wire::Body body) {
    run::fold(state, story.add(step, std::move(body)));
  }
  void judge(std::int64_t step, double value, const std::string& signal = "judge/score") {
    take(step, report(wire::Report::Origin::kBatch, {sample(signal, value)}));
  }
  [[nodiscard]] std::int64_t count(ReportFate fate, const std::string& signal = "judge/score") {
    return state.fates.signals[signal].counts[static_cast<std::size_t>(fate)];
  }
  // Of the judge and of what is not declared; the canaries of the story are left aside.
  [[nodiscard]] std::vector<std::string> alerts() const {
    std::vector<std::string> out;
    for (const wire::Alert& alert :
         run::fate_alerts(state, [](const std::string& s) { return s == "judge/score"; }))
      out.push_back(alert.severity.text() + ": " + alert.text);
    return out;
  }
};

}  // namespace

TEST_CASE("a stream without a fault raises nothing, through a rollback and a resume",
          "[run][report_fate]") {
  Told told;
  for (std::int64_t step = 0; step < 60; ++step) {
    told.judge(step, 0.1);
    REQUIRE(told.alerts().empty());
  }
  wire::Applied back;
  back.segment = 1;
  told.take(20, back);
  for (std::int64_t step = 20; step < 60; ++step) {
    told.judge(step, 0.1);
    REQUIRE(told.alerts().empty());
  }
  wire::Message& resumed = told.story.add(50, hello(50), 2);
  run::fold(told.state, resumed);
  for (std::int64_t step = 50; step < 90; ++step) {
    run::fold(told.state,
              told.story.add(
                  step, report(wire::Report::Origin::kBatch, {sample("judge/score", 0.1)}), 2));
    REQUIRE(told.alerts().empty());
  }
  CHECK(told.count(ReportFate::kDecided) == 140);
}

TEST_CASE("a step counter that begins again each epoch is told of", "[run][report_fate]") {
  Told told;
  for (std::int64_t step = 0; step < 20; ++step) told.judge(step, 0.05);
  told.judge(0, 0.95);
  told.judge(1, 0.95);
  CHECK(told.alerts().empty());
  told.judge(2, 0.95);
  REQUIRE(told.alerts().size() == 1);
  CHECK(told.alerts()[0].find("high: judge/score comes late, last for step 2 when it had come for "
                              "step 19") == 0);
  CHECK(told.count(ReportFate::kLate) == 3);
  // Until twenty values have come without trouble.
  for (std::int64_t step = 20; step < 39; ++step) told.judge(step, 0.05);
  CHECK(told.alerts().size() == 1);
  told.judge(39, 0.05);
  CHECK(told.alerts().empty());
}

TEST_CASE("micro-batches that are reported one by one are told of", "[run][report_fate]") {
  Told told;
  for (std::int64_t step = 0; step < 6; ++step) {
    for (int part = 0; part < 8; ++part) told.judge(step, part == 0 ? 0.05 : 0.95);
    REQUIRE(told.alerts().size() == 1);
    CHECK(told.alerts()[0].find("several times a step, last at step " + std::to_string(step)) !=
          std::string::npos);
  }
  CHECK(told.count(ReportFate::kRepeated) == 42);
  CHECK(told.count(ReportFate::kDecided) == 6);
}

TEST_CASE("one absurd step is told of at once, and what it does afterwards", "[run][report_fate]") {
  Told told;
  for (std::int64_t step = 0; step < 5; ++step) told.judge(step, 0.05);
  told.judge(1'000'000, 0.05);
  REQUIRE(told.alerts().size() == 1);
  CHECK(told.alerts()[0].find("reported step 1000000, and declared a run of 100 steps") !=
        std::string::npos);
  for (std::int64_t step = 5; step < 8; ++step) told.judge(step, 0.95);
  CHECK(told.alerts().size() == 2);
}

TEST_CASE("a signal that was not declared is named at once, with what may be meant",
          "[run][report_fate]") {
  Told told;
  told.judge(0, 0.9, "judge/scores");
  REQUIRE(told.alerts().size() == 1);
  CHECK(told.alerts()[0].find(
            "high: the trainer reports \"judge/scores\", which it did not declare") == 0);
  CHECK(told.alerts()[0].find("did you mean \"judge/score\"?") != std::string::npos);
  told.judge(1, 0.9, "judge/scores");
  CHECK(told.count(ReportFate::kUndeclared, "judge/scores") == 2);
}

TEST_CASE("three values in a row that cannot be used are told of", "[run][report_fate]") {
  const double bad = GENERATE(std::nan(""), HUGE_VAL, 1.5, -0.1);
  const bool is_number = std::isfinite(bad);
  INFO(bad);
  Told told;
  told.judge(0, 0.1);
  told.judge(1, bad);
  told.judge(2, bad);
  CHECK(told.alerts().empty());
  told.judge(3, bad);
  REQUIRE(told.alerts().size() == 1);
  CHECK(told.alerts()[0].find(is_number
                                  ? "outside its declared range, last at step 3: expected 0 to 1"
                                  : "is no number, last at step 3") != std::string::npos);
  CHECK(told.count(is_number ? ReportFate::kOutOfRange : ReportFate::kNotANumber) == 3);
}

TEST_CASE("a signal that the policy reads and that does not come is told of",
          "[run][report_fate]") {
  const bool has_cadence = GENERATE(false, true);
  const bool came = GENERATE(false, true);
  INFO("cadence " << has_cadence << ", came " << came);
  wire::Hello declared = hello();
  if (has_cadence) declared.signals[1].every_steps = 2;
  Told told(declared);
  const std::int64_t last = came ? 4 : 0;
  if (came) {
    told.judge(0, 0.1);
    told.judge(4, 0.1);
  }
  const std::int64_t due = last + (has_cadence ? 6 : 20);
  const auto pass = [&](std::int64_t step) {
    told.take(step, report(wire::Report::Origin::kStep, {}));
  };
  pass(due);
  CHECK(told.alerts().empty());
  pass(due + 1);
  REQUIRE(told.alerts().size() == 1);
  CHECK(told.alerts()[0].find("judge/score, which the policy reads, has not come since step " +
                              std::to_string(last)) != std::string::npos);
  told.judge(due + 2, 0.1);
  CHECK(told.alerts().empty());
  // Without a cadence its own longest gap is the measure.
  if (has_cadence) return;
  const std::int64_t gap = came ? due + 2 - 4 : 0;
  if (gap == 0) return;
  pass(due + 2 + 3 * gap);
  CHECK(told.alerts().empty());
  pass(due + 3 + 3 * gap);
  CHECK(told.alerts().size() == 1);
}

TEST_CASE("nothing is told of a run that has ended", "[run][report_fate]") {
  Told told;
  told.judge(0, 0.9, "judge/scores");
  told.take(1, wire::Goodbye{wire::GoodbyeReason::kFinished, ""});
  CHECK(told.alerts().empty());
}
