// Trainers that are slightly wrong: none is watched in silence.
#include <algorithm>
#include <cmath>

#include "tests/daemon/engine/engine_rig.h"

using namespace phaseguard;
using namespace phaseguard::daemon;

namespace {

std::string alerts_of(Rig& rig) {
  std::string all;
  for (const wire::Alert& alert : rig.status().alerts) all += alert.text + "\n";
  return all;
}

bool tells(Rig& rig, const std::string& text) {
  return alerts_of(rig).find(text) != std::string::npos;
}

}  // namespace

TEST_CASE("a script that is started twice is refused by name, not swallowed", "[engine][stream]") {
  Rig rig;
  rig.hello();
  for (std::int64_t step = 0; step < 5; ++step) rig.judge(step, 0.05);
  rig.pass(0.5);
  REQUIRE(first<wire::Welcome>(rig.hello(2).send));  // the same session: a link that came back
  CHECK_FALSE(tells(rig, "second process"));
  const Effects effects = rig.judge(0, 0.95, false, 2);
  const auto* reject = first<wire::Reject>(effects.send);
  REQUIRE(reject);
  CHECK(reject->code == wire::RejectCode::kClaimed);
  CHECK(reject->reason.find("message 2 of attempt 1 came again with other content") == 0);
  CHECK(tells(rig, "came again with other content"));
  CHECK(effects.record.empty());
  rig.judge(1, 0.95, false, 2);
  CHECK(rig.status().signals[0].fates.back().fate == wire::ReportFate::kDuplicate);
  CHECK(rig.status().signals[0].fates.back().values == 2);
}

TEST_CASE("frames that are sent anew with the same bytes are only counted", "[engine][stream]") {
  Rig rig;
  rig.hello();
  for (std::int64_t step = 0; step < 5; ++step) rig.judge(step, 0.05);
  REQUIRE(first<wire::Welcome>(rig.hello(2).send));
  for (std::int64_t step = 0; step < 5; ++step)
    CHECK(first<wire::Reject>(rig.judge(step, 0.05, false, 2).send) == nullptr);
  CHECK(rig.engine.counters().duplicates == 5);
  CHECK_FALSE(tells(rig, "second process"));
  CHECK(rig.status().signals[0].fates.back().values == 5);
}

TEST_CASE("a trainer of 1.0 may write a message anew to send it again", "[engine][stream]") {
  const auto minor = GENERATE(0, 1);
  Rig rig;
  rig.hello();
  rig.judge(0, 0.05);
  wire::Report report;
  report.origin = wire::Report::Origin::kBatch;
  report.samples.push_back({"judge/score", 0.05, false, {}, wire::kNaN, wire::kNaN});
  wire::Message frame = rig.frame(report, 5);
  frame.header.version.minor = minor;
  rig.deliver(Channel::kTelemetry, 1, frame);
  frame.header.t += 1.0;
  const bool refused = first<wire::Reject>(rig.deliver(Channel::kTelemetry, 1, frame).send);
  CHECK(refused == (minor > 0));
}

TEST_CASE("another process with the same session and attempt is refused", "[engine][stream]") {
  Rig rig;
  wire::Hello one = declaration();
  one.process = "boot pid:[1] 10 100";
  rig.hello(1, one);
  rig.judge(0, 0.05);
  wire::Hello other = one;
  other.process = "boot pid:[1] 11 200";
  const auto* reject = first<wire::Reject>(rig.hello(2, other).send);
  REQUIRE(reject);
  CHECK(reject->code == wire::RejectCode::kClaimed);
  CHECK(reject->reason.find("has an attempt 1 already") != std::string::npos);
  // It goes on as the next attempt when the first is silent for long enough.
  other.session = one.session;
  CHECK(first<wire::Reject>(rig.hello(2, other, 2).send));
  rig.pass(11.0);
  rig.tick();
  CHECK(first<wire::Welcome>(rig.hello(2, other, 2).send));
}

TEST_CASE("a hello after goodbye is refused by name", "[engine][stream]") {
  Rig rig;
  rig.hello();
  rig.judge(0, 0.05);
  rig.deliver(Channel::kTelemetry, 1,
              rig.frame(wire::Goodbye{wire::GoodbyeReason::kFinished, ""}, 1));
  const auto* reject = first<wire::Reject>(rig.hello(2).send);
  REQUIRE(reject);
  CHECK(reject->code == wire::RejectCode::kClaimed);
  CHECK(reject->reason.find("attempt 1 of run run-1 has said goodbye; go on as attempt 2") == 0);
}

TEST_CASE("a declaration that contradicts itself is refused with its field", "[engine][stream]") {
  Rig rig;
  wire::Hello declared = declaration();
  declared.signals[0].min = 1.0;
  declared.signals[0].max = 0.0;
  const auto* reject = first<wire::Reject>(rig.hello(1, declared).send);
  REQUIRE(reject);
  CHECK(reject->code == wire::RejectCode::kMalformed);
  CHECK(reject->reason.find("hello: signal \"judge/score\": expected min at most max") == 0);
  CHECK_FALSE(reject->retry);
}

TEST_CASE("what became of a signal's values is in status, and what is wrong an alert",
          "[engine][stream]") {
  Rig rig;
  rig.hello();
  for (std::int64_t step = 0; step < 10; ++step) rig.judge(step, 0.05);
  for (std::int64_t step = 0; step < 4; ++step) rig.judge(step, 0.95);
  CHECK(tells(rig, "judge/score comes late, last for step 3"));
  const wire::SignalStatus judge = rig.status().signals[0];
  REQUIRE(judge.fates.size() == 2);
  CHECK(judge.fates[0].values == 10);
  CHECK(judge.fates[1].fate == wire::ReportFate::kLate);
  CHECK(judge.fates[1].values == 4);
}

TEST_CASE("a signal that the policy reads and that stops is an alert, whatever else comes",
          "[engine][stream]") {
  Rig rig;
  rig.hello();
  rig.judge(0, 0.05);
  rig.judge(5, 0.05);
  for (std::int64_t step = 6; step < 30; ++step) {
    wire::Report report;
    rig.deliver(Channel::kTelemetry, 1, rig.frame(std::move(report), step));
  }
  CHECK(tells(rig, "judge/score, which the policy reads, has not come since step 5"));
}

TEST_CASE("of a trainer that is not heard only what is known is said", "[engine][stream]") {
  const bool has_ended = GENERATE(false, true);
  EngineSettings settings = Rig::settings(kPolicy);
  settings.is_dead = [&](const std::string& process) { return has_ended && process == "p1"; };
  Rig rig(std::move(settings));
  wire::Hello declared = declaration();
  declared.process = "p1";
  rig.hello(1, declared);
  rig.judge(0, 0.05);
  CHECK(rig.status().alerts.empty());
  rig.pass(3.0);
  rig.tick();
  CHECK(tells(rig, has_ended ? "the trainer's process has ended without a goodbye"
                             : "the trainer is silent: no frame for 3 s"));
  rig.pass(9.0);
  rig.tick();
  CHECK(tells(rig, has_ended ? "the trainer's process has ended without a goodbye"
                             : "the trainer is lost: no frame for 12 s; what it does meanwhile is "
                               "not known here"));
}
