#include "monitor/policy/engine/machine.h"

#include <limits>

#include "tests/policy/support.h"
#include "tests/support/catch.h"
#include "tests/support/words.h"

namespace phaseguard::policy {
namespace {

Values malicious() { return {{"data/llr_share", 1.0}, {"judge/score", 0.8}}; }

std::string shadow_of(std::string toml) {
  return toml.replace(toml.find("mode = \"enforce\""), 16, "mode = \"shadow\"");
}

TEST_CASE("hybrid on malicious data: kl 2 and rollback to 0 at step 10", "[policy][golden]") {
  Run run(asset("hybrid"));
  CHECK_FALSE(run.at(0, malicious()));  // before the first update: the baseline
  CHECK_FALSE(run.at(5, malicious()));
  const auto decision = run.at(10, malicious());
  REQUIRE(decision);
  CHECK(decision->id == 1);
  CHECK(decision->because == Seq{4});
  CHECK(decision->state_version == 1);
  CHECK(decision->before.at(0).value == 0.0);
  CHECK(decision->knobs.at(0).value == 2.0);
  CHECK(decision->knobs.at(0).cause == wire::Cause(wire::CauseKind::kRule, "defend"));
  CHECK(decision->knobs.at(0).decision == 1);
  REQUIRE(decision->requests.size() == 1);
  CHECK(decision->requests[0].type == wire::RequestType::kRollback);
  CHECK(decision->requests[0].before_step == Step{0});
  CHECK(decision->requests[0].id == 1);
  REQUIRE(decision->alerts.size() == 1);
  CHECK(decision->alerts[0].severity == wire::Severity::kCritical);
  REQUIRE(decision->rules.size() == 2);
  CHECK(decision->rules[0].state == wire::RuleState::kLatched);
  CHECK(decision->rules[0].votes == 2);
  CHECK(decision->rules[0].earliest_step == Step{10});
  CHECK(decision->rules[0].at_floor);
  CHECK(decision->detectors.at(0).streak == 2);
  CHECK(decision->summary ==
        "defend fired at step 10, the earliest it could: llr 1 > 0.2 (2/2), judge 0.8 > 0.3 "
        "(2/2) -> kl 2, rollback to step 0");
  CHECK(run.machine.control() == "tripped");
}

TEST_CASE("hybrid leaves clean data alone, and notes format drift", "[policy][golden]") {
  Run run(asset("hybrid"));
  for (std::int64_t step = 0; step <= 100; step += 5) {
    const auto decision = run.at(step, {{"data/llr_share", 0.05},
                                        {"judge/score", 0.15},
                                        {"canary/margin", -0.2},
                                        {"canary/js", 0.33}});
    CHECK(decision.has_value() == (step == 20));  // only note_format, at its floor
    CHECK(run.value() == 0.0);
  }
  CHECK(run.machine.control() == "auto");
}

TEST_CASE("rollback goes to the newest step at which every risen detector was quiet", "[policy]") {
  Run run(asset("hybrid"));
  for (std::int64_t step = 5; step <= 30; step += 5) {
    run.at(step, {{"data/llr_share", step < 20 ? 0.0 : 1.0},
                  {"judge/score", step < 10 ? 0.0 : 1.0},
                  {"canary/margin", 0.0}});
  }
  const auto rules = run.machine.rule_evidence();
  CHECK(rules[0].fired_step == Step{25});
  CHECK_FALSE(rules[0].at_floor);
  Run again(asset("hybrid"));
  std::optional<wire::Decision> decision;
  for (std::int64_t step = 5; !decision; step += 5) {
    decision = again.at(
        step, {{"data/llr_share", step < 20 ? 0.0 : 1.0}, {"judge/score", step < 10 ? 0.0 : 1.0}});
  }
  CHECK(decision->requests.at(0).before_step == Step{10});
}

TEST_CASE("shadow decides the same", "[policy]") {
  Run live(asset("hybrid"));
  Run shadow(shadow_of(asset("hybrid")));
  for (std::int64_t step = 0; step <= 20; step += 5) {
    const auto a = live.at(step, malicious());
    const auto b = shadow.at(step, malicious());
    REQUIRE(a.has_value() == b.has_value());
    if (!a) continue;
    CHECK(b->mode == wire::Mode::kShadow);
    CHECK(a->knobs[0].value == b->knobs[0].value);
    CHECK(a->summary == b->summary);
    CHECK(a->requests.size() == b->requests.size());
  }
}

TEST_CASE("after a rollback steps start again and the latch stays", "[policy]") {
  Run run(asset("hybrid"));
  run.at(5, malicious());
  run.at(10, malicious());
  run.rolled_back_to(0);
  CHECK(run.machine.detector_evidence()[0].n == 0);
  CHECK_FALSE(run.at(5, malicious()));  // counted anew, and the rule does not fire twice
  CHECK(run.machine.detector_evidence()[0].n == 1);
  CHECK_FALSE(run.at(10, malicious()));
  CHECK(run.value() == 2.0);
  CHECK(run.rule_state() == "latched");
  CHECK(run.machine.rule_evidence()[0].fired_step == Step{10});
}

TEST_CASE("a new attempt restarts warm-up, keeps the latch, ignores the old process", "[policy]") {
  Run run(asset("hybrid"));
  run.at(5, malicious());
  run.at(10, malicious());
  run.attempt = 2;
  wire::Hello hello = usual_hello();
  hello.start_step = Step{10};
  CHECK_FALSE(run.say(hello, 10));
  CHECK(run.value() == 2.0);
  CHECK(run.machine.detector_evidence()[0].n == 0);
  CHECK(run.machine.rule_evidence()[0].earliest_step == Step{15});  // may measure at 10 at once
  run.attempt = 1;
  run.at(15, malicious());
  CHECK(run.machine.detector_evidence()[0].n == 0);
  run.attempt = 2;
  run.at(15, malicious());
  CHECK(run.machine.detector_evidence()[0].n == 1);
}

TEST_CASE("three BAD in a row raise one alarm, whatever the rules", "[policy]") {
  Run run(asset("hybrid"));
  std::int64_t alarms = 0;
  for (std::int64_t step = 5; step <= 30; step += 5) {
    const auto decision = run.at(step, {{"judge/score", wire::kNaN},
                                        {"data/llr_share", 0.0},
                                        {"canary/margin", 0.0},
                                        {"canary/js", 0.0}});
    if (!decision) continue;
    ++alarms;
    CHECK(step == 15);
    CHECK(decision->alerts.at(0).source == "signal:judge/score");
    CHECK(decision->state_version == 0);  // an alarm alone is no reason to refuse an operator
  }
  CHECK(alarms == 1);
  CHECK(run.value() == 0.0);
}

TEST_CASE("bad_signal = vote: two dead signals trip the rule", "[policy]") {
  std::string toml = asset("hybrid");
  toml.replace(toml.find("bad_signal = \"alarm\""), 20, "bad_signal = \"vote\"");
  Run run(toml);
  run.at(5, {{"judge/score", wire::kNaN}, {"data/llr_share", wire::kNaN}});
  const auto decision = run.at(10, {{"judge/score", wire::kNaN}, {"data/llr_share", wire::kNaN}});
  REQUIRE(decision);
  CHECK(decision->summary.find("llr bad (2/2), judge bad (2/2)") != std::string::npos);
  CHECK(run.value() == 2.0);
}

TEST_CASE("measurements that do not come are MISSING", "[policy]") {
  Run run(asset("hybrid"));
  run.at(5, {{"judge/score", 0.9}});
  std::int64_t alarm_step = -1;
  for (std::int64_t step = 6; step <= 40; ++step) {
    const auto decision = run.at(step, {{"train/loss", 1.0}});
    for (const auto& alert : decision ? decision->alerts : std::vector<wire::Alert>{}) {
      if (alert.source == "signal:judge/score") alarm_step = step;
    }
    // Due at 10 and tolerated for two more intervals: 3 intervals without a value.
    const auto judge = run.machine.detector_evidence()[1];
    if (step < 20) CHECK(judge.streak == 1);
    if (step >= 20) CHECK(judge.quality == Quality::kMissing);
  }
  CHECK(alarm_step == 30);                          // 10, 15 and 20 missing
  CHECK_FALSE(run.at(25, {{"judge/score", 0.9}}));  // late: not decided on
  CHECK(run.machine.detector_evidence()[1].quality == Quality::kMissing);
}

TEST_CASE("a value that skipped its turn breaks the streak", "[policy]") {
  Run run(asset("phaseguard-kl"));
  for (const std::int64_t step : {5, 10, 15}) run.at(step, {{"canary/js", 0.3}});
  CHECK_FALSE(run.at(25, {{"canary/js", 0.3}}));
  CHECK(run.machine.detector_evidence()[0].streak == 1);
  CHECK(run.at(30, {{"canary/js", 0.3}}));
}

TEST_CASE("steps at the end of the number range do no harm", "[policy][hostile]") {
  Run run(asset("hybrid"));
  constexpr std::int64_t kLast = std::numeric_limits<std::int64_t>::max();
  for (const std::int64_t step : {kLast, std::int64_t{-1}, -kLast, std::int64_t{1} << 50}) {
    run.at(step, malicious());
    run.say(wire::Applied{}, step);
    run.say(wire::Goodbye{}, step);
  }
  CHECK(run.machine.settings().size() == 1);
}

TEST_CASE("goodbye closes with the final evidence", "[policy]") {
  Run run(asset("hybrid"));
  run.at(5, malicious());
  run.at(10, malicious());
  wire::Goodbye goodbye;
  goodbye.reason = wire::GoodbyeReason::kFinished;
  const auto decision = run.say(goodbye, 12);
  REQUIRE(decision);
  CHECK(decision->id == 2);
  CHECK(decision->state_version == 1);
  CHECK(decision->knobs[0].decision == 1);
  CHECK(decision->summary ==
        "run ended at step 12 (finished): defend fired at step 10 and is latched");
}

TEST_CASE("a request that failed is an alarm, once", "[policy]") {
  Run run(asset("hybrid"));
  run.at(5, malicious());
  run.at(10, malicious());
  wire::Applied applied;
  wire::RequestOutcome outcome;
  outcome.id = 1;
  outcome.status = wire::Outcome::kFailed;
  outcome.detail = "no snapshot left";
  applied.requests = {outcome};
  const auto decision = run.say(applied, 11);
  REQUIRE(decision);
  CHECK(decision->alerts.at(0).text == "rollback failed: no snapshot left");
  CHECK_FALSE(run.say(applied, 12));
}

TEST_CASE("all samples of a report reach their detectors before the rules run", "[policy]") {
  Run run(asset("hybrid"));
  run.at(5, malicious());
  const auto decision = run.at(
      10,
      {{"judge/score", 0.8}, {"judge/score", 0.0}, {"data/llr_share", 1.0}, {"nobody/knows", 1.0}});
  REQUIRE(decision);  // the second judge/score of the step is a duplicate
  CHECK(run.machine.rule_evidence()[0].votes == 2);
}

}  // namespace
}  // namespace phaseguard::policy
