// The engine when things go wrong: a record that cannot be written, a restart, lost trainers,
// hostile frames.
#include <algorithm>
#include <random>

#include "tests/daemon/engine/engine_rig.h"

using namespace phaseguard;
using namespace phaseguard::daemon;

namespace {

// The judge's rule without a latch: kl follows the last two scores up and down.
std::string free_policy() {
  std::string text = kPolicy;
  text.replace(text.find("latch = true"), 12, "latch = false");
  text.replace(text.find("request = \"rollback\"\n"), 21, "");
  return text;
}

}  // namespace

TEST_CASE("another protocol version is rejected by name", "[engine][hostile]") {
  Rig rig;
  wire::Message hello = rig.frame(declaration(), 0);
  hello.header.version = {2, 3};
  const Effects effects = rig.deliver(Channel::kTelemetry, 1, hello);
  const auto* reject = first<wire::Reject>(effects.send);
  REQUIRE(reject);
  CHECK(reject->code == wire::RejectCode::kVersion);
  CHECK(reject->reason.find("1.1") != std::string::npos);
  CHECK(reject->reason.find("2.3") != std::string::npos);
  CHECK(effects.record.empty());
}

TEST_CASE("while the record cannot be written nothing is lowered", "[engine][fault]") {
  Rig rig;
  rig.hello();
  rig.command(force("c1", 1.5));
  rig.engine.set_record_healthy(false);
  wire::Command release;
  release.id = "c2";
  release.action = wire::Action::kRelease;
  release.knob = "kl";
  release.expected_version = rig.status().state_version;
  CHECK(first<wire::Reply>(rig.command(release).send)->status == "refused");
  CHECK(rig.status().knobs[0].decided == 1.5);
  const Effects raised = rig.command(force("c3", 2.5));
  CHECK(first<wire::Reply>(raised.send)->status == "logged");
  CHECK(first<wire::Control>(raised.send)->knobs[0].value == 2.5);
}

TEST_CASE("while the record cannot be written a rule that falls quiet lowers nothing",
          "[engine][fault]") {
  Rig rig(free_policy());
  rig.hello();
  rig.judge(5, 0.9);
  CHECK(first<wire::Control>(rig.judge(10, 0.9).send)->knobs[0].value == 2.0);
  rig.engine.set_record_healthy(false);
  const Effects quiet = rig.judge(15, 0.1, true);
  CHECK(rig.status().knobs[0].decided == 0.0);
  CHECK(first<wire::Control>(quiet.send)->knobs[0].value == 2.0);
  rig.engine.set_record_healthy(true);
  rig.pass(1.1);
  CHECK(first<wire::Control>(rig.tick().send)->knobs[0].value == 0.0);
}

TEST_CASE("a lowering whose record failed is not asserted later", "[engine][fault]") {
  Rig rig(free_policy());
  rig.hello();
  rig.judge(5, 0.9);
  rig.judge(10, 0.9);
  wire::Applied applied;
  applied.knobs.push_back({"kl", 2.0, 1, wire::Cause(wire::CauseKind::kRule, "defend"), {}});
  rig.deliver(Channel::kTelemetry, 1, rig.frame(applied, 11));
  rig.engine.set_record_healthy(true);
  rig.tick();
  rig.judge(15, 0.1);                    // lowers: the loop cannot write it, and drops the control
  rig.engine.set_record_healthy(false);  // the full state is due at once
  const Effects next = rig.tick();
  REQUIRE(first<wire::Control>(next.send));
  CHECK(first<wire::Control>(next.send)->knobs[0].value == 2.0);
}

TEST_CASE("while the record cannot be written no raise in shadow mode is let go",
          "[engine][fault]") {
  const bool before_it_failed = GENERATE(false, true);
  std::string shadow = kPolicy;
  shadow.replace(shadow.find("enforce"), 7, "shadow");
  Rig rig(shadow);
  wire::Hello hello = declaration();
  hello.knobs[0].forcible = true;
  rig.hello(1, hello);
  wire::Command raise = force("c1", 1.5);
  raise.expires_after_steps = 5;
  REQUIRE(first<wire::Control>(rig.command(raise).send)->knobs[0].value == 1.5);
  rig.engine.set_record_healthy(true);
  if (!before_it_failed) rig.engine.set_record_healthy(false);
  rig.judge(10, 0.1);  // it ends: the loop cannot write that
  if (before_it_failed) rig.engine.set_record_healthy(false);
  rig.pass(1.1);
  const Effects unwritten = rig.tick();
  REQUIRE(first<wire::Control>(unwritten.send)->knobs.size() == 1);
  CHECK(first<wire::Control>(unwritten.send)->knobs[0].value == 1.5);
  rig.engine.set_record_healthy(true);
  rig.pass(1.1);
  CHECK(first<wire::Control>(rig.tick().send)->knobs.empty());
}

TEST_CASE("a raise in shadow mode that the trainer does not apply is an alert", "[engine][fault]") {
  std::string shadow = kPolicy;
  shadow.replace(shadow.find("enforce"), 7, "shadow");
  Rig rig(shadow);
  wire::Hello hello = declaration();
  hello.knobs[0].forcible = true;
  rig.hello(1, hello);
  rig.judge(5, 0.9);
  rig.judge(10, 0.9);  // decided and not sent: nothing is missing
  rig.pass(11.0);
  const auto unapplied = [&rig] {
    rig.deliver(Channel::kTelemetry, 1, rig.frame(wire::Heartbeat{}, 10, rig.seq));
    const wire::Status status = rig.status();
    return std::any_of(status.alerts.begin(), status.alerts.end(), [](const wire::Alert& alert) {
      return alert.text.find("has not applied kl 1.5") != std::string::npos;
    });
  };
  CHECK_FALSE(unapplied());
  rig.command(force("c1", 1.5));
  rig.pass(11.0);
  CHECK(unapplied());
}

TEST_CASE("only what is on disk is acknowledged", "[engine][fault]") {
  Rig rig;
  rig.hello();
  rig.engine.set_record_healthy(true);
  const std::int64_t synced = rig.seq;
  const Effects asked = rig.judge(5, 0.1, true);
  CHECK_FALSE(asked.needs_sync);
  CHECK(first<wire::Control>(asked.send)->ack == Seq{synced});
  rig.pass(1.1);
  Effects effects = rig.tick();
  CHECK(effects.needs_sync);
  CHECK(first<wire::Control>(effects.send)->ack == Seq{rig.seq});
  rig.engine.set_record_healthy(true);

  const std::int64_t durable = rig.seq;
  rig.judge(10, 0.1);
  rig.pass(1.1);
  rig.tick();  // would acknowledge, but the sync fails
  rig.engine.set_record_healthy(false);
  effects = rig.tick();
  CHECK(first<wire::Control>(effects.send)->ack == Seq{durable});
}

TEST_CASE("a restarted daemon keeps the run for its trainer until that is lost",
          "[engine][fault]") {
  Rig before;
  before.hello();
  before.judge(5, 0.1);
  Rig after;
  Effects effects;
  REQUIRE(after.engine.restore(before.run, record_of(before.record), effects, after.now));
  wire::Hello other = declaration();
  other.session = "s2";
  Effects second = after.hello(2, other, 2);
  REQUIRE(first<wire::Reject>(second.send));
  CHECK(first<wire::Reject>(second.send)->code == "claimed");
  CHECK(first<wire::Reject>(second.send)->retry);
  after.pass(10.5);
  CHECK(kinds(after.tick().record) == std::vector<std::string>{"link"});
  CHECK(after.status().link == wire::LinkState::kLost);
  second = after.hello(2, other, 2);
  REQUIRE(first<wire::Welcome>(second.send));
  CHECK(first<wire::Welcome>(second.send)->epoch == 3);
  CHECK(after.status().link == wire::LinkState::kActive);
}

TEST_CASE("a trainer taken for crashed that comes back is taken up again", "[engine][fault]") {
  Rig rig;
  rig.trip();
  rig.pass(11.0);
  rig.tick();
  rig.pass(600.0);
  Effects effects = rig.tick();
  CHECK(kinds(effects.record) == std::vector<std::string>{"link"});
  CHECK(effects.needs_sync);
  CHECK(rig.status().link == wire::LinkState::kEnded);
  CHECK(kinds(rig.judge(25, 0.1).record) == std::vector<std::string>{"link", "batch"});
  CHECK(rig.status().link == wire::LinkState::kActive);
  CHECK(rig.status().control == wire::ControlBy::kTripped);
}

TEST_CASE("a connection that sends a hundred damaged frames is not read any more",
          "[engine][hostile]") {
  Rig rig;
  rig.hello();
  Effects effects;
  for (int i = 0; i < 100; ++i) {
    effects = {};
    rig.engine.on_message(Channel::kTelemetry, 1, "no MessagePack", rig.now, effects);
  }
  REQUIRE(first<wire::Reject>(effects.send));
  CHECK(first<wire::Reject>(effects.send)->code == "limit");
  CHECK(rig.judge(5, 0.9).record.empty());
  CHECK(rig.judge(5, 0.9).send.empty());
  // The same trainer on a new connection.
  REQUIRE(first<wire::Welcome>(rig.hello(2).send));
  CHECK_FALSE(rig.judge(5, 0.9, false, 2).record.empty());
}

TEST_CASE("a trainer that is refused leaves no run behind", "[engine][hostile]") {
  Rig rig;
  wire::Hello other = declaration();
  other.knobs.clear();
  REQUIRE(first<wire::Reject>(rig.hello(1, other).send));
  CHECK(rig.engine.statuses(rig.now).empty());
}

TEST_CASE("a restarted daemon is where it was: latch, override, version, acknowledgement",
          "[engine][fault]") {
  Rig before;
  before.trip();
  before.command(force("c1", 3.0));
  const wire::Status then = before.status();

  Rig after;
  Effects effects;
  REQUIRE(after.engine.restore(before.run, record_of(before.record), effects, after.now));
  const wire::Status now = after.status();
  CHECK(now.control == then.control);
  CHECK(now.state_version == then.state_version);
  CHECK(now.knobs[0].decided == 3.0);
  CHECK(now.knobs[0].cause == then.knobs[0].cause);
  CHECK(now.rules[0].state == wire::RuleState::kLatched);
  CHECK(now.epoch == then.epoch + 1);
  CHECK(kinds(effects.record) == std::vector<std::string>{"link"});

  const Effects again = after.deliver(Channel::kTelemetry, 5, after.frame(declaration(), 0, 1));
  REQUIRE(first<wire::Welcome>(again.send));
  CHECK(first<wire::Welcome>(again.send)->ack == Seq{before.seq});
  CHECK(first<wire::Control>(again.send)->knobs[0].value == 3.0);
  REQUIRE(first<wire::Request>(again.send));
  CHECK(first<wire::Request>(again.send)->type == "rollback");

  // The id was answered before the restart: it takes no effect again.
  after.command(force("c1", 4.0));
  CHECK(after.status().knobs[0].decided == 3.0);
  after.command(force("c2", 4.0));
  CHECK(after.status().knobs[0].decided == 4.0);
}

TEST_CASE("a connection that never said hello changes nothing", "[engine][hostile]") {
  Rig rig;
  rig.hello();
  const std::int64_t recorded = rig.status().last_seq.value;
  CHECK(rig.judge(5, 0.9, false, 77).record.empty());
  const Effects effects = rig.deliver(Channel::kTelemetry, 77, rig.frame(wire::Heartbeat{}, 5));
  REQUIRE(first<wire::Reject>(effects.send));
  CHECK(first<wire::Reject>(effects.send)->code == wire::RejectCode::kUnknown);
  CHECK(first<wire::Reject>(effects.send)->retry);
  // A command belongs on the operator's door, a report on the trainer's.
  CHECK(rig.deliver(Channel::kTelemetry, 1, rig.frame(force("x", 4.0), 0)).record.empty());
  CHECK(rig.deliver(Channel::kOperator, 1, rig.frame(wire::Goodbye{}, 0)).record.empty());
  CHECK(rig.status().last_seq.value == recorded);
}

TEST_CASE("damaged frames change counters alone", "[engine][hostile]") {
  Rig rig;
  rig.trip();
  const std::string good =
      wire::encode(rig.frame(wire::Goodbye{wire::GoodbyeReason::kFinished, ""}, 10));
  const std::int64_t version = rig.status().state_version;
  std::mt19937_64 random(7);
  for (int i = 0; i < 2000; ++i) {
    std::string bytes = good.substr(0, random() % good.size());
    for (char& c : bytes) {
      if (random() % 8 == 0) c = static_cast<char>(random());
    }
    Effects effects;
    rig.engine.on_message(i % 2 ? Channel::kTelemetry : Channel::kOperator, 1, bytes, rig.now,
                          effects);
    REQUIRE(effects.record.empty());
  }
  CHECK(rig.status().state_version == version);
}

TEST_CASE("a trainer keeps its seat while its run goes on; without a seat it is told why",
          "[engine][hostile]") {
  Rig rig;
  const auto seats = [](const Effects& effects) {
    std::vector<std::pair<PeerId, bool>> out;
    for (const Seat& seat : effects.seats) out.emplace_back(seat.peer, seat.kept);
    return out;
  };
  using Seats = std::vector<std::pair<PeerId, bool>>;
  CHECK(seats(rig.hello(7)).back() == std::pair<PeerId, bool>{7, true});
  CHECK(seats(rig.judge(5, 0.1, false, 7)).empty());
  const Effects ended = rig.deliver(
      Channel::kTelemetry, 7, rig.frame(wire::Goodbye{wire::GoodbyeReason::kFinished, ""}, 10));
  CHECK(seats(ended) == Seats{{7, false}});

  Effects effects;
  rig.engine.on_unseated(8, wire::encode(rig.frame(declaration(), 0)), 2, rig.now, effects);
  const auto* reject = first<wire::Reject>(effects.send);
  REQUIRE(reject);
  CHECK(reject->code == wire::RejectCode::kLimit);
  CHECK(reject->retry);
  CHECK(reject->reason.find("all 2 seats for trainers are taken") == 0);
  CHECK(effects.log.size() == 1);
  CHECK(effects.record.empty());
  // Everything else of such a peer is counted, and answered with nothing.
  Effects more;
  rig.engine.on_unseated(8, wire::encode(rig.frame(wire::Heartbeat{}, 0)), 2, rig.now, more);
  rig.engine.on_unseated(8, "junk", 2, rig.now, more);
  CHECK(more.send.empty());
  CHECK(rig.engine.counters().unseated == 3);
}
