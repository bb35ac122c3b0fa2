// A trainer of protocol 1.0 cannot say what it holds: the daemon looks at what it applies before it
// commands anything.
#include "tests/held/pair.h"

using namespace phaseguard;
using namespace phaseguard::test;

namespace {

// Frame by frame, as such a trainer sends them.
struct OldTrainer {
  Monitor& monitor;
  RunId run = *RunId::parse("run-1");
  Now now{1000.0, Nanos{1'000'000'000}};
  std::vector<wire::Message> heard{};

  void send(wire::Body body, std::int64_t seq, std::int64_t step) {
    wire::Message message;
    message.header.version = {1, 0};
    message.header.run = run;
    message.header.seq = Seq{seq};
    message.header.step = Step{step};
    message.header.t = now.wall_s;
    message.header.attempt = 1;
    message.body = std::move(body);
    daemon::Effects effects;
    const std::string bytes = wire::encode(message);
    monitor.engine.on_message(daemon::Channel::kTelemetry, 1, bytes, now, effects);
    for (const daemon::OpenRun& wanted : std::exchange(effects.open, {})) {
      REQUIRE(monitor.engine.restore(wanted.run, {{}, monitor.identity}, effects, now));
      monitor.engine.on_message(daemon::Channel::kTelemetry, 1, wanted.frame, now, effects);
    }
    take(effects);
  }
  void second() {
    now.mono = Nanos{now.mono.value + 1'100'000'000};
    daemon::Effects effects;
    monitor.engine.on_tick(now, effects);
    take(effects);
  }
  void take(const daemon::Effects& effects) {
    monitor.record.insert(monitor.record.end(), effects.record.begin(), effects.record.end());
    for (const daemon::Outgoing& out : effects.send) heard.push_back(*wire::decode(out.bytes));
  }
  void hello() {
    wire::Hello declared;
    declared.session = "s1";
    declared.cadence_steps = 5;
    declared.knobs = {kl_knob()};
    declared.signals = {judge_signal()};
    declared.requests = {wire::RequestType::kRollback};
    send(declared, 1, 0);
  }
  void applied(std::int64_t seq, double kl, std::int64_t decision, wire::Cause cause) {
    wire::Applied report;
    report.knobs.push_back({"kl", kl, decision, std::move(cause), {}});
    send(report, seq, seq);
  }
  [[nodiscard]] std::vector<double> commanded() const {
    std::vector<double> values;
    for (const wire::Message& message : heard) {
      if (const auto* control = std::get_if<wire::Control>(&message.body))
        for (const wire::KnobSetting& knob : control->knobs) values.push_back(knob.value);
    }
    return values;
  }
};

const wire::Cause kByRule{wire::CauseKind::kRule, "defend"};

}  // namespace

TEST_CASE("a 1.0 trainer that is new is commanded after its first frame", "[held][peer]") {
  Monitor monitor(kPolicy);
  OldTrainer trainer{monitor};
  trainer.hello();
  trainer.second();
  CHECK(trainer.commanded().empty());
  trainer.send(wire::Heartbeat{"sync", 0, 0}, 1, 0);
  CHECK(trainer.commanded() == std::vector<double>{0.0});
}

TEST_CASE("what a 1.0 trainer applies by a decision that the record lacks is adopted",
          "[held][peer][fault]") {
  Monitor monitor(kPolicy, kOtherRecord);
  OldTrainer trainer{monitor};
  trainer.hello();
  trainer.send(wire::Heartbeat{"sync", 0, 3}, 42, 40);
  CHECK(trainer.commanded().empty());
  trainer.applied(40, 0.0, 0, wire::CauseKind::kBase);  // of before the trip
  trainer.second();
  CHECK(trainer.commanded().empty());
  trainer.applied(42, 2.0, 3, kByRule);
  trainer.second();
  trainer.second();  // what it sent before, and number 41, is given up
  REQUIRE_FALSE(trainer.commanded().empty());
  trainer.second();
  for (const double value : trainer.commanded()) CHECK(value == 2.0);
}

TEST_CASE("what a 1.0 trainer applies by a decision of this record is not adopted",
          "[held][peer]") {
  Monitor monitor(kPolicy);
  OldTrainer trainer{monitor};
  trainer.hello();
  trainer.send(wire::Heartbeat{"sync", 0, 0}, 1, 0);
  wire::Report report;
  report.origin = wire::Report::Origin::kBatch;
  report.samples.push_back({"judge/score", 0.9, false, {}, wire::kNaN, wire::kNaN});
  trainer.send(report, 2, 1);
  trainer.send(report, 3, 2);
  trainer.applied(4, 2.0, 1, kByRule);
  wire::Message reset;
  reset.header.run = trainer.run;
  wire::Command command = reset_of("defend", 1);
  command.id = "c1";
  reset.body = command;
  daemon::Effects effects;
  monitor.engine.on_message(daemon::Channel::kOperator, 9, wire::encode(reset), trainer.now,
                            effects);
  trainer.hello();  // the connection was new
  trainer.heard.clear();
  trainer.send(wire::Heartbeat{"sync", 0, 0}, 4, 4);
  CHECK(trainer.commanded() == std::vector<double>{0.0});
}
