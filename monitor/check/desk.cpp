#include "monitor/check/desk.h"

#include <utility>

#include "monitor/base/check.h"
#include "monitor/policy/document.h"
#include "monitor/wire/codec.h"

namespace phaseguard::check {

namespace {

// Of the record that there is not: ids of the engine's own requests count from far above 1.
constexpr const char* kIdentity = "0c0f0a0c0f0a0c0f0a0c0f0a0c0f0a0c";
constexpr daemon::PeerId kOperator = ~daemon::PeerId{0};

daemon::EngineSettings settings_of(const DeskTimes& times) {
  daemon::EngineSettings settings;
  settings.heartbeat_ms = times.heartbeat_ms;
  settings.patience.silent_ms = times.stale_ms;
  settings.patience.lost_ms = times.lease_ms;
  return settings;
}

}  // namespace

Desk::Desk(const DeskTimes& times, std::function<void(const wire::Message&)> recorded,
           std::optional<policy::Document> policy)
    : engine_(settings_of(times)), policy_(std::move(policy)), recorded_(std::move(recorded)) {}

void Desk::prepare(std::string_view bytes) {
  const Result<wire::Message> message = wire::decode(bytes);
  if (!message || !std::holds_alternative<wire::Hello>(message->body)) return;
  run_ = message->header.run;
  if (policy_) return engine_.set_policies({{"*", std::move(*std::exchange(policy_, {}))}});
  plan_ = plan_for(std::get<wire::Hello>(message->body));
  policy::Parsed parsed = policy::parse(policy_text(plan_), "conformance.toml");
  if (!parsed.document) {
    policy_fault_ = parsed.diagnostics.empty() ? "" : parsed.diagnostics.front().message;
    plan_.clear();
    parsed = policy::parse(policy_text(plan_), "conformance.toml");
  }
  PHASEGUARD_CHECK(parsed.document);  // without knobs the text is the same for everybody
  engine_.set_policies({{"*", std::move(*parsed.document)}});
}

void Desk::deliver(daemon::PeerId peer, std::string_view bytes, Now now) {
  daemon::Effects effects;
  engine_.on_message(daemon::Channel::kTelemetry, peer, bytes, now, effects);
  for (const daemon::OpenRun& wanted : std::exchange(effects.open, {})) {
    if (run_.empty()) prepare(wanted.frame);
    engine_.begin_restore(wanted.run, kIdentity);
    engine_.end_restore(wanted.run, now, effects);
    engine_.on_message(daemon::Channel::kTelemetry, wanted.peer, wanted.frame, now, effects);
  }
  take(effects);
}

void Desk::tick(Now now) {
  daemon::Effects effects;
  engine_.on_tick(now, effects);
  take(effects);
}

wire::Reply Desk::command(wire::Command command, Now now) {
  wire::Message message;
  message.header.run = run_;
  message.header.t = now.wall_s;
  message.body = std::move(command);
  daemon::Effects effects;
  engine_.on_message(daemon::Channel::kOperator, kOperator, wire::encode(message), now, effects);
  take(effects);
  for (std::size_t i = 0; i < out_.size(); ++i) {
    if (out_[i].peer != kOperator) continue;
    wire::Reply reply = std::get<wire::Reply>(std::move(out_[i].message.body));
    out_.erase(out_.begin() + static_cast<std::ptrdiff_t>(i));
    return reply;
  }
  return {};
}

void Desk::take(const daemon::Effects& effects) {
  for (const wire::Message& message : effects.record) recorded_(message);
  engine_.set_record_healthy(true);
  for (const daemon::Outgoing& frame : effects.send) {
    Result<wire::Message> message = wire::decode(frame.bytes, wire::kFeedLimits);
    if (message) out_.push_back({frame.peer, std::move(*message)});
  }
}

std::vector<Out> Desk::take_out() { return std::exchange(out_, {}); }

std::string Desk::encode(Out& out, Seq number) {
  wire::Header& header = out.message.header;
  if (const auto* welcome = std::get_if<wire::Welcome>(&out.message.body);
      welcome != nullptr && welcome->epoch != epoch_) {
    epoch_ = welcome->epoch;
    number_ = 0;
  }
  // A reject belongs to no epoch and has no number.
  if (header.seq > Seq{}) header.seq = number > Seq{} ? number : Seq{++number_};
  return wire::encode(out.message);
}

std::int64_t Desk::state_version(Now now) const {
  for (const wire::Message& message : engine_.statuses(now)) {
    if (message.header.run == run_) return std::get<wire::Status>(message.body).state_version;
  }
  return -1;
}

}  // namespace phaseguard::check
