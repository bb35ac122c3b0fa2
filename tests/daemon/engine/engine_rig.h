// An engine for tests with its trainer and its operator, at a time of their choosing; a policy and
// a declaration that fit each other.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "monitor/daemon/engine/engine.h"
#include "monitor/wire/codec.h"
#include "tests/support/declared.h"
#include "tests/support/policy.h"
#include "tests/support/words.h"

namespace phaseguard::daemon {

using test::document_of;

// With an alarm where a signal is bad.
inline const std::string kPolicy = test::kPolicy + "[on]\nbad_signal = \"alarm\"\n";

inline wire::Hello declaration() {
  wire::Hello hello;
  hello.session = "s1";
  hello.total_steps = 100;
  hello.cadence_steps = 5;
  hello.knobs = {test::kl_knob()};
  hello.signals = {test::judge_signal(5)};
  hello.requests = {wire::RequestType::kRollback};
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

inline std::vector<std::string> kinds(const std::vector<wire::Message>& messages) {
  std::vector<std::string> out;
  for (const wire::Message& message : messages) out.emplace_back(wire::kind_of(message.body));
  return out;
}

inline const std::string kIdentity = "0000000a0000000b0000000c0000000d";

inline Record record_of(const std::vector<wire::Message>& messages,
                        const std::string& identity = kIdentity) {
  const auto each = [&messages](const auto& take) -> Result<void> {
    for (const wire::Message& message : messages) {
      if (!take(message)) break;
    }
    return {};
  };
  return {each, identity};
}

// An engine with a trainer and an operator, at a time of our choosing.
struct Rig {
  Engine engine;
  RunId run = *RunId::parse("run-1");
  Now now{1000.0, Nanos{1'000'000'000}};
  std::int64_t seq = 0;
  std::vector<wire::Message> record;
  std::string identity = kIdentity;

  explicit Rig(const std::string& policy = kPolicy) : engine(settings(policy)) {}
  explicit Rig(EngineSettings chosen) : engine(std::move(chosen)) {}

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
      REQUIRE(engine.restore(wanted.run, {{}, identity}, effects, now));
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

inline wire::Command force(const std::string& id, double value) {
  wire::Command command;
  command.id = id;
  command.action = wire::Action::kForce;
  command.operator_name = "ann";
  command.knob = "kl";
  command.value = value;
  return command;
}

}  // namespace phaseguard::daemon
