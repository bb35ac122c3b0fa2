// The engine with encoded frames in and effects out: no socket, no file, no clock.
#include "monitor/daemon/engine.h"

#include <random>

#include "monitor/wire/codec.h"
#include "tests/support/catch.h"

using namespace phaseguard;
using namespace phaseguard::daemon;

namespace {

constexpr const char* kPolicy = R"(version = 1
name = "test"
mode = "enforce"
[knob.kl]
base = 0.0
min = 0.0
max = 4.0
[detector.judge]
signal = "judge/score"
type = "level"
above = 0.3
consecutive = 2
[rule.defend]
of = ["judge"]
latch = true
set.kl = 2.0
request = "rollback"
alert = "critical"
[on]
bad_signal = "alarm"
)";

policy::Document document_of(const std::string& text) {
  policy::Parsed parsed = policy::parse(text, "test.toml");
  for (const auto& finding : parsed.diagnostics)
    UNSCOPED_INFO(policy::to_text(finding, "test.toml"));
  REQUIRE(parsed.document);
  return *parsed.document;
}

wire::Hello declaration() {
  wire::Hello hello;
  hello.session = "s1";
  hello.total_steps = 100;
  hello.cadence_steps = 5;
  wire::KnobDecl kl;
  kl.name = "kl";
  kl.max = 4.0;
  hello.knobs = {kl};
  wire::SignalDecl judge;
  judge.name = "judge/score";
  judge.min = 0.0;
  judge.max = 1.0;
  judge.every_steps = 5;
  hello.signals = {judge};
  hello.requests = {"rollback"};
  return hello;
}

template <class Body>
const Body* first(const std::vector<Outgoing>& sent) {
  static std::vector<wire::Message> kept;
  kept.clear();
  for (const Outgoing& out : sent) {
    auto message = wire::decode(out.bytes, wire::kFeedLimits);
    REQUIRE(message);
    kept.push_back(std::move(*message));
  }
  for (const wire::Message& message : kept) {
    if (const auto* body = std::get_if<Body>(&message.body)) return body;
  }
  return nullptr;
}

std::vector<std::string> kinds(const std::vector<wire::Message>& messages) {
  std::vector<std::string> out;
  for (const wire::Message& message : messages) out.emplace_back(wire::kind_of(message.body));
  return out;
}

Record record_of(const std::vector<wire::Message>& messages) {
  return [&messages](const auto& take) -> phaseguard::Status {
    for (const wire::Message& message : messages) {
      if (!take(message)) break;
    }
    return {};
  };
}

// An engine with a trainer and an operator, at a time of our choosing.
struct Rig {
  Engine engine;
  RunId run = *RunId::parse("run-1");
  Now now{1000.0, Nanos{1'000'000'000}};
  std::int64_t seq = 0;
  std::vector<wire::Message> record;

  explicit Rig(const std::string& policy = kPolicy) : engine(settings(policy)) {}

  static EngineSettings settings(const std::string& policy) {
    EngineSettings out;
    out.policies.push_back({"*", document_of(policy)});
    return out;
  }

  void pass(double seconds) {
    now.wall_s += seconds;
    now.mono = Nanos{now.mono.value + static_cast<std::int64_t>(seconds * 1e9)};
  }

  Effects deliver(Channel channel, PeerId peer, const wire::Message& message) {
    Effects effects;
    const std::string bytes = wire::encode(message);
    engine.on_message(channel, peer, bytes, now, effects);
    for (const OpenRun& wanted : std::exchange(effects.open, {})) {
      REQUIRE(engine.restore(wanted.run, {}, effects, now));
      engine.on_message(channel, wanted.peer, wanted.frame, now, effects);
    }
    record.insert(record.end(), effects.record.begin(), effects.record.end());
    return effects;
  }

  wire::Message frame(wire::Body body, std::int64_t step, std::int64_t at_seq = 0,
                      std::int64_t attempt = 1) {
    wire::Message message;
    message.header.run = run;
    message.header.seq = Seq{at_seq > 0 ? at_seq : ++seq};
    message.header.step = Step{step};
    message.header.t = now.wall_s;
    message.header.attempt = attempt;
    message.body = std::move(body);
    return message;
  }

  Effects hello(PeerId peer = 1, wire::Hello declared = declaration(), std::int64_t attempt = 1) {
    seq = 1;
    return deliver(Channel::kTelemetry, peer, frame(std::move(declared), 0, 1, attempt));
  }

  Effects judge(std::int64_t step, double value, bool asks = false, PeerId peer = 1) {
    wire::Report report;
    report.origin = wire::Report::Origin::kBatch;
    report.samples.push_back({"judge/score", value, false, {}, wire::kNaN, wire::kNaN});
    report.batch = step + 1;
    report.wants_control = asks;
    return deliver(Channel::kTelemetry, peer, frame(std::move(report), step));
  }

  Effects command(wire::Command command, PeerId peer = 9) {
    return deliver(Channel::kOperator, peer, frame(std::move(command), 0, 1, 0));
  }

  Effects tick() {
    Effects effects;
    engine.on_tick(now, effects);
    record.insert(record.end(), effects.record.begin(), effects.record.end());
    return effects;
  }

  wire::Status status() {
    for (const wire::Message& message : engine.statuses(now)) {
      if (message.header.run == run) return std::get<wire::Status>(message.body);
    }
    FAIL("the engine has no such run");
    return {};
  }

  void trip() {
    hello();
    judge(0, 0.1);
    judge(5, 0.9);
    judge(10, 0.9);
  }
};

wire::Command force(const std::string& id, double value) {
  wire::Command command;
  command.id = id;
  command.action = "force";
  command.operator_name = "ann";
  command.knob = "kl";
  command.value = value;
  return command;
}

}  // namespace

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

TEST_CASE("another protocol version is rejected by name", "[engine][hostile]") {
  Rig rig;
  wire::Message hello = rig.frame(declaration(), 0);
  hello.header.version = {2, 3};
  const Effects effects = rig.deliver(Channel::kTelemetry, 1, hello);
  const auto* reject = first<wire::Reject>(effects.send);
  REQUIRE(reject);
  CHECK(reject->code == "version");
  CHECK(reject->reason.find("1.0") != std::string::npos);
  CHECK(reject->reason.find("2.3") != std::string::npos);
  CHECK(effects.record.empty());
}

TEST_CASE("a policy that does not fit the declaration is refused at the handshake", "[engine]") {
  Rig rig;
  wire::Hello declared = declaration();
  declared.signals[0].name = "judge/other";
  const Effects effects = rig.hello(1, declared);
  const auto* reject = first<wire::Reject>(effects.send);
  REQUIRE(reject);
  CHECK(reject->code == "policy");
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
  CHECK(control->knobs[0].cause == "rule:defend");
  CHECK(control->ack == Seq{rig.seq});
  const auto* request = first<wire::Request>(effects.send);
  REQUIRE(request);
  CHECK(request->type == "rollback");
  CHECK(request->before_step == Step{0});
  CHECK(request->epoch == 1);
  CHECK(rig.status().control == "tripped");
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
  release.action = "release";
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

TEST_CASE("while the record cannot be written nothing is lowered", "[engine][fault]") {
  Rig rig;
  rig.hello();
  rig.command(force("c1", 1.5));
  rig.engine.set_record_healthy(false);
  wire::Command release;
  release.id = "c2";
  release.action = "release";
  release.knob = "kl";
  release.expected_version = rig.status().state_version;
  CHECK(first<wire::Reply>(rig.command(release).send)->status == "refused");
  CHECK(rig.status().knobs[0].decided == 1.5);
  const Effects raised = rig.command(force("c3", 2.5));
  CHECK(first<wire::Reply>(raised.send)->status == "logged");
  CHECK(first<wire::Control>(raised.send)->knobs[0].value == 2.5);
}

// The judge's rule without a latch: kl follows the last two scores up and down.
std::string free_policy() {
  std::string text = kPolicy;
  text.replace(text.find("latch = true"), 12, "latch = false");
  text.replace(text.find("request = \"rollback\"\n"), 21, "");
  return text;
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
  applied.knobs.push_back({"kl", 2.0, 1, "rule:defend"});
  rig.deliver(Channel::kTelemetry, 1, rig.frame(applied, 11));
  rig.engine.set_record_healthy(true);
  rig.tick();
  rig.judge(15, 0.1);                    // lowers: the loop cannot write it, and drops the control
  rig.engine.set_record_healthy(false);  // the full state is due at once
  const Effects next = rig.tick();
  REQUIRE(first<wire::Control>(next.send));
  CHECK(first<wire::Control>(next.send)->knobs[0].value == 2.0);
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

TEST_CASE("a restarted daemon keeps the run for its trainer until that is lost", "[engine][fault]") {
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
  CHECK(after.status().link == "lost");
  second = after.hello(2, other, 2);
  REQUIRE(first<wire::Welcome>(second.send));
  CHECK(first<wire::Welcome>(second.send)->epoch == 3);
  CHECK(after.status().link == "active");
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
  CHECK(rig.status().link == "ended");
  CHECK(kinds(rig.judge(25, 0.1).record) == std::vector<std::string>{"link", "batch"});
  CHECK(rig.status().link == "active");
  CHECK(rig.status().control == "tripped");
}

TEST_CASE("in a long run the engine goes on knowing what it needs", "[engine]") {
  Rig rig;
  rig.trip();
  wire::Applied applied;
  applied.knobs.push_back({"kl", 2.0, 1, "rule:defend"});
  rig.deliver(Channel::kTelemetry, 1, rig.frame(applied, 11));
  for (std::int64_t step = 12; step < 2200; ++step) rig.judge(step, 0.25);
  applied.requests.clear();
  rig.deliver(Channel::kTelemetry, 1, rig.frame(applied, 2200));
  const wire::Status status = rig.status();
  CHECK(status.knobs[0].applied_step == Step{11});
  CHECK(status.knobs[0].confirmed);
  REQUIRE(status.signals.size() == 1);
  CHECK(status.signals[0].value == 0.25);
  CHECK(status.rules[0].state == "latched");
}

TEST_CASE("a run that ended long ago is left to its file, and taken up again from it",
          "[engine]") {
  Rig rig;
  rig.trip();
  rig.deliver(Channel::kTelemetry, 1, rig.frame(wire::Goodbye{"finished", ""}, 100));
  rig.tick();
  CHECK(rig.engine.statuses(rig.now).size() == 1);
  rig.pass(601.0);
  rig.tick();
  CHECK(rig.engine.statuses(rig.now).empty());
  Effects effects;
  REQUIRE(rig.engine.restore(rig.run, record_of(rig.record), effects, rig.now));
  CHECK(effects.record.empty());
  CHECK(rig.status().rules[0].state == "latched");
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
  CHECK(now.rules[0].state == "latched");
  CHECK(now.epoch == then.epoch + 1);
  CHECK(kinds(effects.record) == std::vector<std::string>{"link"});

  const Effects again = after.deliver(Channel::kTelemetry, 5, after.frame(declaration(), 0, 1));
  REQUIRE(first<wire::Welcome>(again.send));
  CHECK(first<wire::Welcome>(again.send)->ack == Seq{before.seq});
  CHECK(first<wire::Control>(again.send)->knobs[0].value == 3.0);
  REQUIRE(first<wire::Request>(again.send));
  CHECK(first<wire::Request>(again.send)->type == "rollback");
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
  applied.knobs.push_back({"kl", 2.0, 1, "rule:defend"});
  applied.requests.push_back({id, "done", "restored the snapshot of step 0", Step{0}});
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
    return a.source == "knob:kl" && a.severity == "critical";
  }));
}

TEST_CASE("a silent trainer is lost once and comes back once", "[engine]") {
  Rig rig;
  rig.hello();
  rig.pass(2.5);
  rig.tick();
  CHECK(rig.status().link == "silent");
  rig.pass(8.0);
  CHECK(kinds(rig.tick().record) == std::vector<std::string>{"link"});
  rig.pass(1.0);
  CHECK(rig.tick().record.empty());
  CHECK(rig.status().link == "lost");
  CHECK(kinds(rig.judge(5, 0.1).record) == std::vector<std::string>{"link", "batch"});
  CHECK(rig.status().link == "active");
}

TEST_CASE("goodbye ends the run with the final evidence and an acknowledgement", "[engine]") {
  Rig rig;
  rig.hello();
  rig.judge(5, 0.1);
  const Effects effects =
      rig.deliver(Channel::kTelemetry, 1, rig.frame(wire::Goodbye{"finished", ""}, 100));
  CHECK(kinds(effects.record) == std::vector<std::string>{"goodbye", "decision", "link"});
  REQUIRE(first<wire::Control>(effects.send));
  CHECK(first<wire::Control>(effects.send)->ack == Seq{rig.seq});
  CHECK(rig.status().link == "ended");
}

TEST_CASE("a connection that never said hello changes nothing", "[engine][hostile]") {
  Rig rig;
  rig.hello();
  const std::int64_t recorded = rig.status().last_seq.value;
  CHECK(rig.judge(5, 0.9, false, 77).record.empty());
  const Effects effects = rig.deliver(Channel::kTelemetry, 77, rig.frame(wire::Heartbeat{}, 5));
  REQUIRE(first<wire::Reject>(effects.send));
  CHECK(first<wire::Reject>(effects.send)->retry);
  // A command belongs on the operator's door, a report on the trainer's.
  CHECK(rig.deliver(Channel::kTelemetry, 1, rig.frame(force("x", 4.0), 0)).record.empty());
  CHECK(rig.deliver(Channel::kOperator, 1, rig.frame(wire::Goodbye{}, 0)).record.empty());
  CHECK(rig.status().last_seq.value == recorded);
}

TEST_CASE("damaged frames change counters alone", "[engine][hostile]") {
  Rig rig;
  rig.trip();
  const std::string good = wire::encode(rig.frame(wire::Goodbye{"finished", ""}, 10));
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

TEST_CASE("patterns choose a run's policy", "[engine]") {
  CHECK(matches("*", "anything"));
  CHECK(matches("lab-*", "lab-7"));
  CHECK(matches("*-prod-*", "a-prod-b"));
  CHECK(matches("exact", "exact"));
  CHECK_FALSE(matches("lab-*", "prod-7"));
  CHECK_FALSE(matches("exact", "exact2"));
}
