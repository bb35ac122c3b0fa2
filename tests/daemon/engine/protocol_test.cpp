// What docs/PROTOCOL.md says of the daemon and no other file here is about: sizes, doors, numbers
// of what it sends, what is in its messages.
#include <algorithm>
#include <optional>

#include "monitor/base/sha256.h"
#include "monitor/daemon/engine/ahead.h"
#include "monitor/run/health.h"
#include "tests/daemon/engine/engine_rig.h"
#include "tests/wire/pack.h"

using namespace phaseguard;
using namespace phaseguard::daemon;

namespace {

std::string without_latch() {
  std::string text = kPolicy;
  text.replace(text.find("latch = true"), 12, "latch = false");
  return text;
}

std::string in_shadow() {
  std::string text = kPolicy;
  return text.replace(text.find("enforce"), 7, "shadow");
}

template <class Body>
std::vector<wire::Message> all(const std::vector<Outgoing>& sent) {
  std::vector<wire::Message> out;
  for (const Outgoing& each : sent) {
    wire::Message message = *wire::decode(each.bytes, wire::kFeedLimits);
    if (std::holds_alternative<Body>(message.body)) out.push_back(std::move(message));
  }
  return out;
}

template <class Body>
std::vector<wire::Message> recorded(const Rig& rig) {
  std::vector<wire::Message> out;
  for (const wire::Message& message : rig.record) {
    if (std::holds_alternative<Body>(message.body)) out.push_back(message);
  }
  return out;
}

Effects raw(Rig& rig, Channel channel, const std::string& bytes) {
  Effects effects;
  rig.engine.on_message(channel, 1, bytes, rig.now, effects);
  return effects;
}

bool has_alert(Rig& rig, const std::string& text) {
  const auto alerts = rig.status().alerts;
  return std::any_of(alerts.begin(), alerts.end(), [&](const wire::Alert& alert) {
    return alert.text.find(text) != std::string::npos;
  });
}

Effects asks_for_snapshot(Rig& rig) {
  return rig.deliver(Channel::kTelemetry, 1,
                     rig.frame(wire::Heartbeat{"linked", 0, 0, true}, 10, rig.seq));
}

}  // namespace

TEST_CASE("bounds and times are those of the protocol", "[engine][protocol]") {
  const EngineSettings settings;
  CHECK(settings.thin_above_bytes == std::size_t{4} * 1024 * 1024);
  CHECK(settings.most_waiting_bytes == std::size_t{16} * 1024 * 1024);
  CHECK(settings.reserve_bytes == std::size_t{4} * 1024 * 1024);
  CHECK(settings.max_runs == 1024);
  CHECK(settings.max_bad_frames == 100);
  CHECK(settings.heartbeat_ms == 200);
  CHECK(Ahead::kMostFrames == 1024);
  CHECK(Ahead::kMostBytes == std::size_t{256} * 1024);
  CHECK(wire::Welcome{}.heartbeat_ms == 200);
  CHECK(wire::Welcome{}.stale_ms == 2000);
  CHECK(wire::Welcome{}.lease_ms == 10000);
}

TEST_CASE("what cannot be read is answered with what was expected, an unknown kind with nothing",
          "[engine][protocol][hostile]") {
  Rig rig;
  rig.hello();
  Effects effects = raw(rig, Channel::kTelemetry, std::string(70'000, 'x'));
  REQUIRE(first<wire::Reject>(effects.send));
  wire::Reject reject = *first<wire::Reject>(effects.send);
  CHECK(reject.code == wire::RejectCode::kLimit);
  CHECK(reject.reason.find("70000") != std::string::npos);
  CHECK(reject.reason.find("65536") != std::string::npos);

  const std::string good = wire::map({{"signal", wire::text("a")}});
  const std::string bad = wire::map({{"signal", wire::text("a")}, {"value", wire::text("x")}});
  effects = raw(rig, Channel::kTelemetry,
                wire::frame("step", {{"samples", wire::array32(2) + good + bad}}));
  REQUIRE(first<wire::Reject>(effects.send));
  reject = *first<wire::Reject>(effects.send);
  CHECK(reject.code == wire::RejectCode::kMalformed);
  CHECK(reject.reason.find("samples[1].value: expected a number, found the string \"x\"") !=
        std::string::npos);
  CHECK(rig.engine.counters().malformed == 2);

  effects = raw(rig, Channel::kTelemetry, wire::frame("telepathy", {}));
  CHECK(effects.send.empty());
  CHECK(rig.engine.counters().unknown_kinds == 1);
  CHECK(rig.engine.counters().malformed == 2);
}

TEST_CASE("each kind is taken at its own door alone", "[engine][protocol][hostile]") {
  Rig rig;
  rig.hello();
  const std::vector<wire::Body> not_trainers{
      wire::Command{}, wire::Query{},    wire::Welcome{},    wire::Reject{}, wire::Control{},
      wire::Request{}, wire::Snapshot{}, wire::Resend{},     wire::Reply{},  wire::Decision{},
      wire::Adopted{}, wire::Tick{},     wire::LinkChange{}, wire::Status{}, wire::PolicyLoaded{}};
  const std::vector<wire::Body> not_tools{
      declaration(),   wire::Report{},  wire::Applied{}, wire::Heartbeat{}, wire::Goodbye{},
      wire::Welcome{}, wire::Control{}, wire::Request{}, wire::Reply{},     wire::Status{}};
  const std::size_t events = rig.record.size();
  std::uint64_t refused = 0;
  const auto is_refused = [&](Channel channel, const wire::Body& body) {
    rig.deliver(channel, 1, rig.frame(body, 0));
    INFO(wire::kind_of(body));
    CHECK(rig.engine.counters().malformed == ++refused);
    CHECK(rig.record.size() == events);
  };
  for (const wire::Body& body : not_trainers) is_refused(Channel::kTelemetry, body);
  for (const wire::Body& body : not_tools) is_refused(Channel::kOperator, body);
}

TEST_CASE("a heartbeat goes out every 200 ms", "[engine][protocol]") {
  Rig rig;
  rig.hello();
  std::size_t beats = 0;
  for (int i = 0; i < 40; ++i) {
    rig.pass(0.05);
    beats += all<wire::Heartbeat>(rig.tick().send).size();
  }
  CHECK(beats == 10);
}

TEST_CASE("a wall clock that jumps makes no trainer silent", "[engine][protocol][fault]") {
  Rig rig;
  rig.hello();
  for (const double jump : {1e6, -2e6}) {
    rig.now.wall_s += jump;
    rig.tick();
    CHECK(rig.status().link == wire::LinkState::kActive);
  }
}

TEST_CASE("a control lists all that is held, each with its cause", "[engine][protocol]") {
  const bool latches = GENERATE(true, false);
  Rig rig(latches ? kPolicy : without_latch());
  rig.trip();
  wire::Command raise = force("c7", 3.0);
  raise.expires_after_steps = 20;
  const Effects effects = rig.command(raise);
  REQUIRE(first<wire::Control>(effects.send));
  const std::vector<wire::Held> held = first<wire::Control>(effects.send)->held;
  REQUIRE(held.size() == 2);
  const auto rule = std::find_if(held.begin(), held.end(),
                                 [](const wire::Held& one) { return one.name == "defend"; });
  REQUIRE(rule != held.end());
  CHECK(rule->kind == (latches ? wire::HeldKind::kTrip : wire::HeldKind::kActive));
  CHECK(rule->knob == "kl");
  CHECK(rule->value == 2.0);
  CHECK(rule->attempt == 1);
  CHECK(rule->number == rig.seq);
  const wire::Held& by_hand = rule == held.begin() ? held[1] : held[0];
  CHECK(by_hand.kind == wire::HeldKind::kOperator);
  CHECK(by_hand.name == "ann");
  CHECK(by_hand.command == "c7");
  CHECK(by_hand.value == 3.0);
  CHECK(by_hand.expires_step == Step{30});
}

TEST_CASE("what the daemon sends is numbered anew in each epoch", "[engine][protocol]") {
  Rig rig;
  Effects effects = rig.hello();
  REQUIRE(all<wire::Welcome>(effects.send).size() == 1);
  CHECK(all<wire::Welcome>(effects.send)[0].header.seq == Seq{1});
  CHECK(all<wire::Control>(effects.send).at(0).header.seq == Seq{2});
  rig.pass(10.5);
  rig.tick();
  wire::Hello next = declaration();
  next.session = "s2";
  effects = rig.hello(2, next, 2);
  REQUIRE(all<wire::Welcome>(effects.send).size() == 1);
  CHECK(std::get<wire::Welcome>(all<wire::Welcome>(effects.send)[0].body).epoch == 2);
  CHECK(all<wire::Welcome>(effects.send)[0].header.seq == Seq{1});
}

TEST_CASE("a snapshot is sent once a second at most, and stands after what is on record",
          "[engine][protocol]") {
  Rig rig;
  rig.trip();
  rig.engine.set_record_healthy(true);
  const Effects asked = asks_for_snapshot(rig);
  const auto parts = all<wire::Snapshot>(asked.send);
  REQUIRE(parts.size() == 1);
  CHECK(std::get<wire::Snapshot>(parts[0].body).number == Seq{rig.seq});
  CHECK(asked.needs_sync);
  rig.engine.set_record_healthy(true);
  rig.pass(0.9);
  CHECK(all<wire::Snapshot>(asks_for_snapshot(rig).send).empty());
  rig.pass(0.2);
  CHECK(all<wire::Snapshot>(asks_for_snapshot(rig).send).size() == 1);
  rig.pass(1.1);
  rig.engine.set_record_healthy(false);
  CHECK(all<wire::Snapshot>(asks_for_snapshot(rig).send).empty());

  Rig shadow(in_shadow());
  shadow.trip();
  CHECK(all<wire::Snapshot>(asks_for_snapshot(shadow).send).empty());
}

TEST_CASE("the welcome tells the laws of its record", "[engine][protocol]") {
  Rig rig;
  const Effects effects = rig.hello();
  const std::vector<wire::Word<wire::Law>> all_laws{wire::Law::kJoins, wire::Law::kClock,
                                                    wire::Law::kEdges, wire::Law::kBatches};
  CHECK(first<wire::Welcome>(effects.send)->laws == all_laws);
  CHECK(std::get<wire::Hello>(rig.record.front().body).laws == all_laws);
}

TEST_CASE("a record has its policy with the digest of the text, and decisions in their order",
          "[engine][protocol]") {
  Rig rig;
  rig.trip();
  rig.command(force("c1", 3.0));
  const auto policies = recorded<wire::PolicyLoaded>(rig);
  REQUIRE(policies.size() == 1);
  const auto& policy = std::get<wire::PolicyLoaded>(policies[0].body);
  CHECK(policy.text == kPolicy);
  CHECK(policy.digest == hex(sha256(kPolicy)));
  const auto decisions = recorded<wire::Decision>(rig);
  REQUIRE(decisions.size() == 2);
  for (std::size_t i = 0; i < decisions.size(); ++i) {
    const auto& decision = std::get<wire::Decision>(decisions[i].body);
    CHECK(decision.id == static_cast<std::int64_t>(i) + 1);
    CHECK(decision.because.value + 1 == decisions[i].header.seq.value);
    CHECK(decision.policy_digest == policy.digest);
    for (const wire::Request& request : decision.requests) CHECK(request.epoch == 0);
  }
  CHECK(std::get<wire::Decision>(decisions[0].body).requests.size() == 1);
  CHECK(std::get<wire::Decision>(decisions[1].body).before[0].value == 2.0);
  CHECK(std::get<wire::Decision>(decisions[1].body).knobs[0].value == 3.0);
}

TEST_CASE("a batch report may be split over several messages of one id", "[engine][protocol]") {
  Rig rig;
  wire::Hello hello = declaration();
  hello.signals.push_back(test::judge_signal());
  hello.signals[1].name = "data/llr_share";
  rig.hello(1, hello);
  const auto report = [&](const std::string& signal, bool asks) {
    wire::Report report;
    report.origin = wire::Report::Origin::kBatch;
    report.batch = 77;
    report.wants_control = asks;
    report.samples.push_back({signal, 0.5, false, {}, wire::kNaN, wire::kNaN});
    return rig.deliver(Channel::kTelemetry, 1, rig.frame(std::move(report), 3));
  };
  report("judge/score", false);
  const Effects effects = report("data/llr_share", true);
  REQUIRE(first<wire::Control>(effects.send));
  CHECK(first<wire::Control>(effects.send)->answers_batch == 77);
  REQUIRE(rig.status().signals.size() == 2);
  for (const wire::SignalStatus& signal : rig.status().signals) {
    REQUIRE(signal.fates.size() == 1);
    CHECK(signal.fates[0].fate == wire::ReportFate::kDecided);
  }
}

TEST_CASE("an adoption is recorded, with its decision and an alert, before the welcome leaves",
          "[engine][protocol][fault]") {
  Rig rig;
  wire::Hello hello = declaration();
  hello.record = "000000a1000000b1000000c1000000d1";
  wire::Held held;
  held.kind = wire::HeldKind::kTrip;
  held.name = "defend";
  held.knob = "kl";
  held.value = 2.0;
  held.attempt = 1;
  held.number = 9;
  hello.held = {held};
  const Effects effects = rig.hello(1, hello);
  CHECK(kinds(effects.record) ==
        std::vector<std::string>{"hello", "policy", "link", "adopted", "decision"});
  CHECK(effects.needs_sync);
  REQUIRE(first<wire::Welcome>(effects.send));
  REQUIRE(first<wire::Welcome>(effects.send)->held.size() == 1);
  CHECK(first<wire::Welcome>(effects.send)->held[0].outcome == wire::Adoption::kAdopted);
  CHECK(has_alert(rig, "adopted from the trainer"));
}

TEST_CASE("a run can be named for ten minutes after a hello of it was refused",
          "[engine][protocol]") {
  Rig rig;
  rig.hello();
  rig.deliver(Channel::kTelemetry, 1, rig.frame(wire::Goodbye{}, 1));
  rig.pass(500);
  REQUIRE(first<wire::Reject>(rig.hello(2).send));
  rig.pass(500);
  rig.tick();
  wire::Command command;
  command.id = "c1";
  command.action = wire::Action::kAllowResume;
  command.reason = "its owner wants it";
  CHECK(first<wire::Reply>(rig.command(command).send)->status == "logged");
  rig.pass(101);
  rig.tick();
  command.id = "c2";
  CHECK(first<wire::Reply>(rig.command(command).send)->status == "not_found");
}

TEST_CASE("a clock that goes back, stands, or has another pace is told of from the bound on",
          "[engine][protocol]") {
  Rig rig;
  rig.hello();
  SECTION("set back") {
    const double back = GENERATE(0.9, 1.1);
    rig.judge(0, 0.1);
    rig.now.wall_s -= back;
    rig.judge(1, 0.1);
    CHECK(has_alert(rig, "clock went back by") == (back > 1.0));
  }
  SECTION("standing") {
    const double t = rig.now.wall_s;
    for (std::int64_t step = 0; step <= 20; ++step) {
      CHECK_FALSE(has_alert(rig, "clock has stood still"));
      rig.pass(0.5);
      rig.now.wall_s = t;
      rig.judge(step, 0.1);
    }
    CHECK(has_alert(rig, "clock has stood still for 20 updates"));
  }
  SECTION("another pace") {
    const double factor = GENERATE(9.0, 11.0, 1.0 / 9.0, 1.0 / 11.0);
    for (std::int64_t step = 0; step < 60; ++step) {
      wire::Message frame = rig.frame(wire::Report{}, step, 2 + step);
      frame.header.t *= factor;
      rig.deliver(Channel::kTelemetry, 1, frame);
      rig.pass(0.5);
      rig.tick();
    }
    CHECK(has_alert(rig, "does not go at the pace") == (factor > 10.0 || factor < 0.1));
  }
}

TEST_CASE("parts that wait are joined by a rollback and by a gap", "[engine][protocol][parts]") {
  const bool rolls_back = GENERATE(true, false);
  Rig rig;
  rig.hello();
  for (std::int64_t k = 1; k <= 6; ++k) {
    wire::Report report;
    report.origin = wire::Report::Origin::kBatch;
    report.part = {k, 8};
    report.samples.push_back({"judge/score", 0.2, false, {}, wire::kNaN, wire::kNaN});
    rig.deliver(Channel::kTelemetry, 1, rig.frame(std::move(report), 5));
  }
  CHECK(rig.status().signals.empty());
  wire::Applied applied;
  applied.segment = rolls_back ? 1 : 0;
  if (!rolls_back) ++rig.seq;
  rig.deliver(Channel::kTelemetry, 1, rig.frame(std::move(applied), rolls_back ? 2 : 5));
  rig.pass(2.1);
  rig.tick();
  CHECK(rig.status().signals.at(0).incomplete == 1);
}

TEST_CASE("notes change no decision", "[engine][protocol]") {
  Rig plain;
  plain.trip();
  Rig noted;
  wire::Hello hello = declaration();
  hello.notes = {"preflight: 512 samples, 60% harmful"};
  noted.hello(1, hello);
  noted.judge(0, 0.1);
  noted.judge(5, 0.9);
  noted.judge(10, 0.9);
  const auto expected = recorded<wire::Decision>(plain);
  const auto found = recorded<wire::Decision>(noted);
  REQUIRE(expected.size() == 1);
  REQUIRE(found.size() == 1);
  CHECK(wire::encode(found[0]) == wire::encode(expected[0]));
}

TEST_CASE("a part without n waits for a later step", "[engine][protocol][parts]") {
  const std::int64_t n = GENERATE(0, 1);
  Rig rig;
  wire::Hello hello = declaration();
  hello.signals = {test::judge_signal(1)};
  rig.hello(1, hello);
  for (std::int64_t step = 1; step <= 2; ++step) {
    wire::Report report;
    report.origin = wire::Report::Origin::kBatch;
    report.part = {1, n};
    report.samples.push_back({"judge/score", 0.9, false, {}, wire::kNaN, wire::kNaN});
    rig.deliver(Channel::kTelemetry, 1, rig.frame(std::move(report), step));
  }
  CHECK(rig.status().knobs[0].decided == (n == 1 ? 2.0 : 0.0));
  rig.judge(3, 0.1);
  CHECK(rig.status().knobs[0].decided == 2.0);
}

TEST_CASE("no tick is recorded, whatever time does", "[engine][protocol]") {
  Rig rig;
  rig.trip();
  wire::Command raise = force("c1", 3.0);
  raise.expires_after_steps = 5;
  rig.command(raise);
  for (std::int64_t step = 11; step < 20; ++step) {
    rig.pass(1.1);
    rig.tick();
    rig.judge(step, 0.1);
  }
  rig.pass(700.0);
  rig.tick();
  CHECK(rig.status().knobs[0].decided == 2.0);
  CHECK(recorded<wire::Tick>(rig).empty());
}

TEST_CASE("status counts what is not on record, and has the worst alert first",
          "[engine][protocol]") {
  Rig rig;
  wire::Hello hello = declaration();
  rig.trip();
  hello.from = Seq{rig.seq + 3};
  const std::int64_t next = rig.seq + 3;
  rig.hello(1, hello);
  rig.seq = next - 1;
  rig.judge(11, 0.1);
  ++rig.seq;
  rig.judge(12, 0.1);
  rig.pass(2.1);
  rig.tick();
  const wire::Status status = rig.status();
  CHECK(status.skipped == 2);
  CHECK(status.missing == 1);
  REQUIRE(status.alerts.size() >= 2);
  CHECK(std::is_sorted(status.alerts.begin(), status.alerts.end(),
                       [](const wire::Alert& a, const wire::Alert& b) {
                         return run::severity_rank(a.severity) > run::severity_rank(b.severity);
                       }));
  CHECK(status.alerts.front().severity == wire::Severity::kCritical);
}

TEST_CASE("a snapshot of more than 4 MiB is not sent, and that is logged once",
          "[engine][protocol]") {
  constexpr std::int64_t kColumns = 4096;
  constexpr std::int64_t kWindow = 32;  // two of it are 2 MiB
  std::string policy = kPolicy;
  for (const std::string name : {"a", "b", "c"}) {
    policy += "[detector." + name + "]\nsignal = \"canary/dist\"\ntype = \"window_js\"\nwindow = " +
              std::to_string(kWindow) + "\nabove = 0.6\n[rule.note_" + name + "]\nof = [\"" + name +
              "\"]\nalert = \"info\"\n";
  }
  Rig rig(policy);
  wire::Hello hello = declaration();
  wire::SignalDecl dist = test::judge_signal();
  dist.name = "canary/dist";
  dist.items = wire::Items::kDistribution;
  dist.columns = kColumns;
  hello.signals.push_back(dist);
  rig.hello(1, hello);
  const std::vector<double> row(kColumns, 1.0 / kColumns);
  for (std::int64_t step = 1; step <= 2 * kWindow; ++step) {
    wire::Report report;
    report.origin = wire::Report::Origin::kCanary;
    report.samples.push_back({"canary/dist", 0.5, false, row, wire::kNaN, wire::kNaN});
    rig.deliver(Channel::kTelemetry, 1, rig.frame(std::move(report), step));
  }
  std::ptrdiff_t logged = 0;
  for (int i = 0; i < 3; ++i) {
    rig.engine.set_record_healthy(true);
    rig.pass(1.1);
    const Effects effects = asks_for_snapshot(rig);
    CHECK(all<wire::Snapshot>(effects.send).empty());
    logged += std::count_if(effects.log.begin(), effects.log.end(), [](const LogLine& line) {
      return line.text.find("gets no snapshot") != std::string::npos;
    });
  }
  CHECK(logged == 1);
}
