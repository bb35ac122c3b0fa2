// The engine with encoded frames in and effects out: no socket, no file, no clock.
#include <algorithm>

#include "tests/daemon/engine/engine_rig.h"

using namespace phaseguard;
using namespace phaseguard::daemon;

TEST_CASE("a hello is recorded with its policy and welcomed", "[engine]") {
  Rig rig;
  const Effects effects = rig.hello();
  CHECK(kinds(effects.record) == std::vector<std::string>{"hello", "policy", "link"});
  CHECK(effects.needs_sync);
  const auto* welcome = first<wire::Welcome>(effects.send);
  REQUIRE(welcome);
  CHECK(welcome->epoch == 1);
  CHECK(welcome->policy_text == kPolicy);
  CHECK(welcome->ack == Seq{1});
  const auto* control = first<wire::Control>(effects.send);
  REQUIRE(control);
  REQUIRE(control->knobs.size() == 1);
  CHECK(control->knobs[0].value == 0.0);
  for (std::size_t i = 0; i < effects.record.size(); ++i) {
    CHECK(effects.record[i].header.seq.value == static_cast<std::int64_t>(i) + 1);
  }
}

TEST_CASE("a policy that does not fit the declaration is refused at the handshake", "[engine]") {
  Rig rig;
  wire::Hello declared = declaration();
  declared.signals[0].name = "judge/other";
  const Effects effects = rig.hello(1, declared);
  const auto* reject = first<wire::Reject>(effects.send);
  REQUIRE(reject);
  CHECK(reject->code == wire::RejectCode::kPolicy);
  CHECK(reject->reason.find("judge/score") != std::string::npos);
  CHECK(effects.record.empty());
}

TEST_CASE("a run belongs to one trainer", "[engine]") {
  Rig rig;
  rig.hello();
  wire::Hello stranger = declaration();
  stranger.session = "s2";
  Effects effects = rig.hello(2, stranger);
  REQUIRE(first<wire::Reject>(effects.send));
  CHECK(first<wire::Reject>(effects.send)->code == "claimed");
  effects = rig.hello(2, stranger, 2);
  REQUIRE(first<wire::Reject>(effects.send));
  CHECK(effects.record.empty());

  SECTION("the same trainer is welcomed again with what is recorded") {
    rig.seq = 1;
    rig.judge(0, 0.1);
    effects = rig.deliver(Channel::kTelemetry, 3, rig.frame(declaration(), 0, 1));
    REQUIRE(first<wire::Welcome>(effects.send));
    CHECK(first<wire::Welcome>(effects.send)->ack == Seq{2});
    CHECK(effects.record.empty());
  }
  SECTION("once it is lost, the next attempt takes over under a new epoch") {
    rig.pass(10.5);
    rig.tick();
    effects = rig.hello(2, stranger, 2);
    REQUIRE(first<wire::Welcome>(effects.send));
    CHECK(first<wire::Welcome>(effects.send)->epoch == 2);
    rig.seq = 50;
    CHECK(rig.judge(5, 0.9, false, 1).record.empty());
  }
}

TEST_CASE("only what tells nothing of the record may leave before it is written", "[engine]") {
  Rig rig;
  CHECK_FALSE(stands_alone(rig.hello()));
  const Effects unchanged = rig.judge(0, 0.1, true);
  REQUIRE(first<wire::Control>(unchanged.send));
  CHECK(first<wire::Control>(unchanged.send)->ack == Seq{1});  // the report is not acknowledged
  CHECK(kinds(unchanged.record) == std::vector<std::string>{"batch"});
  CHECK(stands_alone(unchanged));

  // An answer to a tool, an acknowledgement, a decision.
  wire::Query query;
  query.id = "q";
  query.what = wire::QueryWhat::kStatus;
  CHECK_FALSE(stands_alone(rig.deliver(Channel::kOperator, 9, rig.frame(query, 0, 1, 0))));
  rig.pass(1.5);
  CHECK_FALSE(stands_alone(rig.tick()));
  CHECK(stands_alone(rig.judge(5, 0.9, true)));
  CHECK_FALSE(stands_alone(rig.judge(10, 0.9, true)));
  // Of a trainer that was lost: that it is back is recorded too.
  rig.pass(20.0);
  rig.tick();
  const Effects back = rig.judge(15, 0.1, true);
  CHECK(kinds(back.record) == std::vector<std::string>{"link", "batch"});
  CHECK_FALSE(stands_alone(back));
}

TEST_CASE("the decision is recorded before the control that carries it", "[engine]") {
  Rig rig;
  rig.hello();
  rig.judge(0, 0.1);
  CHECK_FALSE(rig.judge(5, 0.9).needs_sync);
  const Effects effects = rig.judge(10, 0.9);
  CHECK(kinds(effects.record) == std::vector<std::string>{"batch", "decision"});
  CHECK(effects.needs_sync);
  const auto* control = first<wire::Control>(effects.send);
  REQUIRE(control);
  CHECK(control->knobs[0].value == 2.0);
  CHECK(control->knobs[0].cause == wire::Cause(wire::CauseKind::kRule, "defend"));
  CHECK(control->ack == Seq{rig.seq});
  const auto* request = first<wire::Request>(effects.send);
  REQUIRE(request);
  CHECK(request->type == wire::RequestType::kRollback);
  CHECK(request->before_step == Step{0});
  CHECK(request->epoch == 1);
  CHECK(rig.status().control == wire::ControlBy::kTripped);
}

TEST_CASE("a reload changes nothing of a run: streaks, latches, its policy", "[engine]") {
  for (const bool identical : {true, false}) {
    Rig kept;
    Rig reloaded;
    std::string other = kPolicy;
    if (!identical) other.replace(other.find("above = 0.3"), 11, "above = 0.95");
    const auto reload = [&] { reloaded.engine.set_policies({{"*", document_of(other)}}); };
    kept.hello();
    reloaded.hello();
    for (const std::int64_t step : {0, 5, 10, 15}) {  // one vote, two votes and the trip, after it
      reload();
      const double value = step == 0 ? 0.1 : 0.9;
      kept.judge(step, value);
      reloaded.judge(step, value);
    }
    reload();
    CHECK(reloaded.status().control == wire::ControlBy::kTripped);
    CHECK(reloaded.status().policy_digest == kept.status().policy_digest);
    REQUIRE(reloaded.record.size() == kept.record.size());
    for (std::size_t i = 0; i < kept.record.size(); ++i) {
      CHECK(wire::encode(reloaded.record[i]) == wire::encode(kept.record[i]));
    }
  }
}

TEST_CASE("what is recorded already is dropped", "[engine]") {
  Rig rig;
  rig.hello();
  rig.judge(5, 0.9);
  const std::int64_t at = rig.seq;
  rig.seq = at - 1;
  CHECK(rig.judge(5, 0.9).record.empty());
  CHECK(rig.engine.counters().duplicates == 1);
}

TEST_CASE("a batch that asks is answered even when nothing changed", "[engine]") {
  Rig rig;
  rig.hello();
  const Effects effects = rig.judge(0, 0.1, true);
  REQUIRE(first<wire::Control>(effects.send));
  CHECK(first<wire::Control>(effects.send)->answers_batch == 1);
}

TEST_CASE("in shadow mode a control has no knobs and requests stay home", "[engine]") {
  std::string shadow = kPolicy;
  shadow.replace(shadow.find("enforce"), 7, "shadow");
  Rig rig(shadow);
  rig.hello();
  rig.judge(5, 0.9);
  const Effects effects = rig.judge(10, 0.9);
  CHECK(kinds(effects.record).back() == "decision");
  REQUIRE(first<wire::Control>(effects.send));
  CHECK(first<wire::Control>(effects.send)->knobs.empty());
  CHECK_FALSE(first<wire::Request>(effects.send));
}

TEST_CASE("an operator forces up at once and once", "[engine]") {
  Rig rig;
  rig.hello();
  Effects effects = rig.command(force("c1", 1.5));
  REQUIRE(first<wire::Reply>(effects.send));
  CHECK(first<wire::Reply>(effects.send)->status == "logged");
  CHECK(effects.needs_sync);
  CHECK(kinds(effects.record) == std::vector<std::string>{"command", "decision"});
  CHECK(first<wire::Control>(effects.send)->knobs[0].value == 1.5);
  CHECK(rig.status().override_.operator_name == "ann");

  effects = rig.command(force("c1", 1.5));
  CHECK(first<wire::Reply>(effects.send)->status == "logged");
  CHECK(effects.record.empty());

  wire::Command release;
  release.id = "c2";
  release.action = wire::Action::kRelease;
  release.knob = "kl";
  release.expected_version = 99;
  effects = rig.command(release);
  CHECK(first<wire::Reply>(effects.send)->status == "conflict");
  CHECK(rig.status().knobs[0].decided == 1.5);
  release.id = "c3";
  release.expected_version = rig.status().state_version;
  effects = rig.command(release);
  CHECK(first<wire::Reply>(effects.send)->status == "logged");
  CHECK(rig.status().knobs[0].decided == 0.0);
}

TEST_CASE("in a long run the engine goes on knowing what it needs", "[engine]") {
  Rig rig;
  rig.trip();
  wire::Applied applied;
  applied.knobs.push_back({"kl", 2.0, 1, wire::Cause(wire::CauseKind::kRule, "defend"), {}});
  rig.deliver(Channel::kTelemetry, 1, rig.frame(applied, 11));
  for (std::int64_t step = 12; step < 2200; ++step) rig.judge(step, 0.25);
  applied.requests.clear();
  rig.deliver(Channel::kTelemetry, 1, rig.frame(applied, 2200));
  const wire::Status status = rig.status();
  CHECK(status.knobs[0].applied_step == Step{11});
  CHECK(status.knobs[0].confirmed);
  REQUIRE(status.signals.size() == 1);
  CHECK(status.signals[0].value == 0.25);
  CHECK(status.rules[0].state == wire::RuleState::kLatched);
}

TEST_CASE("a run that ended long ago is left to its file, and taken up again from it", "[engine]") {
  Rig rig;
  rig.trip();
  rig.deliver(Channel::kTelemetry, 1,
              rig.frame(wire::Goodbye{wire::GoodbyeReason::kFinished, ""}, 100));
  rig.tick();
  CHECK(rig.engine.statuses(rig.now).size() == 1);
  rig.pass(601.0);
  rig.tick();
  CHECK(rig.engine.statuses(rig.now).empty());
  Effects effects;
  REQUIRE(rig.engine.restore(rig.run, record_of(rig.record), effects, rig.now));
  CHECK(effects.record.empty());
  CHECK(rig.status().rules[0].state == wire::RuleState::kLatched);
}

TEST_CASE("the full state is asserted again every second, a request until its outcome",
          "[engine]") {
  Rig rig;
  rig.trip();
  rig.tick();
  rig.pass(1.1);
  Effects effects = rig.tick();
  REQUIRE(first<wire::Control>(effects.send));
  REQUIRE(first<wire::Request>(effects.send));
  const std::int64_t id = first<wire::Request>(effects.send)->id;

  wire::Applied applied;
  applied.knobs.push_back({"kl", 2.0, 1, wire::Cause(wire::CauseKind::kRule, "defend"), {}});
  applied.requests.push_back(
      {id, wire::Outcome::kDone, "restored the snapshot of step 0", Step{0}});
  applied.segment = 1;
  rig.deliver(Channel::kTelemetry, 1, rig.frame(applied, 0));
  CHECK(rig.status().knobs[0].confirmed);
  CHECK(rig.status().requests[0].status == "done");
  rig.pass(1.1);
  effects = rig.tick();
  CHECK(first<wire::Control>(effects.send));
  CHECK_FALSE(first<wire::Request>(effects.send));
}

TEST_CASE("a value that the trainer does not apply raises an alarm", "[engine]") {
  Rig rig;
  rig.trip();
  CHECK(rig.status().alerts[0].source == "rule:defend");
  rig.pass(5.1);
  const std::vector<wire::Alert> alerts = rig.status().alerts;
  CHECK(std::any_of(alerts.begin(), alerts.end(), [](const auto& a) {
    return a.source == "knob:kl" && a.severity == wire::Severity::kCritical;
  }));
}

TEST_CASE("a silent trainer is lost once and comes back once", "[engine]") {
  Rig rig;
  rig.hello();
  rig.pass(2.5);
  rig.tick();
  CHECK(rig.status().link == wire::LinkState::kSilent);
  rig.pass(8.0);
  CHECK(kinds(rig.tick().record) == std::vector<std::string>{"link"});
  rig.pass(1.0);
  CHECK(rig.tick().record.empty());
  CHECK(rig.status().link == wire::LinkState::kLost);
  CHECK(kinds(rig.judge(5, 0.1).record) == std::vector<std::string>{"link", "batch"});
  CHECK(rig.status().link == wire::LinkState::kActive);
}

TEST_CASE("goodbye ends the run with the final evidence and an acknowledgement", "[engine]") {
  Rig rig;
  rig.hello();
  rig.judge(5, 0.1);
  const Effects effects = rig.deliver(
      Channel::kTelemetry, 1, rig.frame(wire::Goodbye{wire::GoodbyeReason::kFinished, ""}, 100));
  CHECK(kinds(effects.record) == std::vector<std::string>{"goodbye", "decision", "link"});
  REQUIRE(first<wire::Control>(effects.send));
  CHECK(first<wire::Control>(effects.send)->ack == Seq{rig.seq});
  CHECK(rig.status().link == wire::LinkState::kEnded);
}

TEST_CASE("patterns choose a run's policy", "[engine]") {
  CHECK(matches("*", "anything"));
  CHECK(matches("lab-*", "lab-7"));
  CHECK(matches("*-prod-*", "a-prod-b"));
  CHECK(matches("exact", "exact"));
  CHECK_FALSE(matches("lab-*", "prod-7"));
  CHECK_FALSE(matches("exact", "exact2"));
}
