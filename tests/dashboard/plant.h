// A daemon's engine, several trainers of it and one dashboard, without sockets, threads or a clock:
// commands are judged, obeyed and reported by the real parts, and every run is as seeded.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "monitor/daemon/engine/engine.h"
#include "monitor/dashboard/model/model.h"
#include "monitor/wire/codec.h"
#include "tests/support/catch.h"
#include "tests/support/declared.h"
#include "tests/support/policy.h"

namespace phaseguard::test {

// Two knobs; one rule, which sets one of them.
inline const std::string kPlantPolicy = R"(version = 1
name = "plant"
mode = "enforce"

[knob.kl]
base = 0.0
max = 4.0

[knob.ldifs]
base = 0.0
max = 0.5

[detector.judge]
signal = "judge/score"
type = "level"
above = 0.30
consecutive = 2

[rule.defend]
of = ["judge"]
latch = true
set.kl = 2.0
alert = "critical"
)";

inline wire::Hello plant_hello() {
  wire::Hello hello;
  hello.session = "s";
  hello.total_steps = 10000;
  hello.cadence_steps = 1;
  hello.knobs = {kl_knob(), kl_knob()};
  hello.knobs[0].max = 9.0;
  hello.knobs[1].name = "ldifs";
  hello.signals = {judge_signal(1)};
  return hello;
}

class Plant {
 public:
  explicit Plant(const std::string& policy = kPlantPolicy) : engine_(settings(policy)) {}

  // A trainer of this run says hello.
  RunId begin(const std::string& name, wire::Hello declared = plant_hello()) {
    Trainer trainer;
    trainer.run = *RunId::parse(name);
    trainer.peer = trainers_.size() + 1;
    for (const wire::KnobDecl& knob : declared.knobs) trainer.holds[knob.name] = knob.initial;
    const RunId run = trainer.run;
    trainers_.emplace(run, trainer);
    send(run, std::move(declared));
    obey(run);
    return run;
  }

  // One step of training: what it measured, and what it holds.
  void step(const RunId& run, double judge) {
    Trainer& trainer = trainers_.at(run);
    ++trainer.step.value;
    wire::Report report;
    report.origin = wire::Report::Origin::kBatch;
    report.samples.push_back({"judge/score", judge, false, {}, wire::kNaN, wire::kNaN});
    send(run, std::move(report));
    obey(run);
  }

  // The trainer reports what the last control told it.
  void obey(const RunId& run) {
    wire::Applied applied;
    const Trainer& trainer = trainers_.at(run);
    for (const auto& [knob, value] : trainer.holds)
      applied.knobs.push_back({knob, value, 0, {}, {}});
    applied.source = wire::Source::kDaemon;
    applied.state_version = trainer.version;
    send(run, std::move(applied));
  }

  void end(const RunId& run) { send(run, wire::Goodbye{wire::GoodbyeReason::kFinished, ""}); }

  void pass(double seconds) {
    now.wall_s += seconds;
    now.mono = Nanos{now.mono.value + static_cast<std::int64_t>(seconds * 1e9)};
    daemon::Effects effects;
    engine_.on_tick(now, effects);
    carry_out(effects);
  }

  // What the dashboard sent.
  void command(const wire::Message& message) {
    deliver(daemon::Channel::kOperator, kDashboard, wire::encode(message));
  }

  // Everything that the dashboard has not received yet.
  dashboard::Batch take() {
    dashboard::Batch batch;
    batch.source = source;
    batch.messages = std::exchange(arrived_, {});
    for (const wire::Message& status : engine_.statuses(now)) batch.messages.push_back(status);
    return batch;
  }

  dashboard::SourceState source = live();
  Now now{1.76e9, Nanos{1'000'000'000}};

 private:
  static constexpr daemon::PeerId kDashboard = 1000;

  struct Trainer {
    RunId run;
    daemon::PeerId peer = 0;
    std::int64_t seq = 0;
    Step step{0};
    std::map<std::string, double> holds;
    std::int64_t version = 0;
  };

  static daemon::EngineSettings settings(const std::string& policy) {
    daemon::EngineSettings out;
    out.policies.push_back({"*", document_of(policy)});
    return out;
  }

  static dashboard::SourceState live() {
    dashboard::SourceState state;
    state.live = state.connected = true;
    state.loading = false;
    state.place = "plant";
    return state;
  }

  void send(const RunId& run, wire::Body body) {
    Trainer& trainer = trainers_.at(run);
    wire::Message message;
    message.header.run = run;
    message.header.seq = Seq{++trainer.seq};
    message.header.step = trainer.step;
    message.header.t = now.wall_s;
    message.header.attempt = 1;
    message.body = std::move(body);
    deliver(daemon::Channel::kTelemetry, trainer.peer, wire::encode(message));
  }

  void deliver(daemon::Channel channel, daemon::PeerId peer, const std::string& bytes) {
    daemon::Effects effects;
    engine_.on_message(channel, peer, bytes, now, effects);
    for (const daemon::OpenRun& wanted : std::exchange(effects.open, {})) {
      REQUIRE(engine_.restore(wanted.run, {{}, "0000000a0000000b0000000c0000000d"}, effects, now));
      engine_.on_message(channel, wanted.peer, wanted.frame, now, effects);
    }
    carry_out(effects);
  }

  void carry_out(daemon::Effects& effects) {
    for (wire::Message& message : effects.record) arrived_.push_back(std::move(message));
    for (const daemon::Outgoing& out : effects.send) {
      auto message = wire::decode(out.bytes, wire::kFeedLimits);
      REQUIRE(message);
      if (out.peer == kDashboard) {
        arrived_.push_back(std::move(*message));
      } else if (const auto* control = std::get_if<wire::Control>(&message->body)) {
        Trainer& trainer = trainers_.at(message->header.run);
        trainer.version = control->state_version;
        for (const wire::KnobSetting& knob : control->knobs) trainer.holds[knob.knob] = knob.value;
      }
    }
  }

  daemon::Engine engine_;
  std::map<RunId, Trainer> trainers_;
  std::vector<wire::Message> arrived_;
};

}  // namespace phaseguard::test
