#include "monitor/daemon/engine/run_slot.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "monitor/base/text.h"
#include "monitor/daemon/engine/bounds.h"
#include "monitor/run/protection.h"
#include "monitor/wire/codec.h"
#include "monitor/wire/declaration.h"
#include "monitor/wire/version.h"

namespace phaseguard::daemon {

namespace {

// A control older than this many measuring intervals is of another situation.
constexpr std::int64_t kControlIntervals = 50;

constexpr std::int64_t kStallNs = 1'000'000'000;

// Ids of requests of two records do not meet: 2^52 is exact in every language's number.
std::int64_t request_base_of(const std::string& identity) {
  std::int64_t base = 0;
  for (std::size_t i = 0; i < identity.size() && i < 8; ++i) {
    const char c = identity[i];
    base = base * 16 + (c <= '9' ? c - '0' : c - 'a' + 10);
  }
  return base << 20;
}

Nanos after_ms(Nanos from, std::int64_t ms) { return Nanos{from.value + ms * 1'000'000}; }

}  // namespace

void RunSlot::record(const wire::Message& event, Effects& effects) {
  effects.record.push_back(event);
  effects.publish.push_back(event);
  wire::leave_out_session(effects.publish.back());
  waiting_bytes_ += footprint(event);
  fold(event);
}

void RunSlot::take(wire::Message event, Now now, Effects& effects) {
  event.header.version = wire::version_of(event.body);
  event.header.source_seq = event.header.attempt > 0 ? event.header.seq : Seq{};
  event.header.seq = Seq{state_.last_seq.value + 1};
  record(event, effects);
  auto decision = playback_.on(event);
  if (!decision) return;
  wire::Message decided;
  decided.header.run = run_;
  decided.header.seq = Seq{state_.last_seq.value + 1};
  decided.header.step = event.header.step;
  decided.header.t = now.wall_s;
  effects.log.push_back(
      {decision->alerts.empty() ? LogLine::Level::kInfo : LogLine::Level::kWarning,
       run_.text() + ": " + decision->summary});
  decided.body = std::move(*decision);
  record(decided, effects);
  effects.needs_sync = true;
}

void RunSlot::record_link(wire::LinkEvent what, const std::string& detail, Now now,
                          Effects& effects, Seq from, Seq to) {
  wire::Message event;
  event.header.run = run_;
  event.header.step = state_.step;
  event.header.t = now.wall_s;
  event.body = wire::LinkChange{what, detail, epoch_, from, to};
  take(std::move(event), now, effects);
}

void RunSlot::welcome(PeerId peer, const wire::Message& hello, const policy::Document* document,
                      Now now, Effects& effects) {
  const auto& declared = std::get<wire::Hello>(hello.body);
  const bool known = is_present(hello);
  const bool was_away = lost_recorded_ || !last_frame_ || crashed();
  if (!known) take_ahead(true, waiting_bytes_, now, effects);  // of the attempt before
  if (peer_ != peer) effects.seats.push_back({peer_, false});
  peer_ = peer;
  effects.seats.push_back({peer_, true});
  last_frame_ = now.mono;
  missed_ = false;
  if (!known) {
    const std::string note = resume_of(hello).note;
    dropped_ = 0;
    session_ = session_mark(declared.session);
    process_ = declared.process;
    repeats_.clear();
    intruder_.clear();
    ended_ = lost_recorded_ = false;
    source_seq_ = hello.header.seq;
    ack_ = durable_ack_ = Seq{};
    record_note_ = note;
    ++epoch_;
    control_seq_ = 0;
    wire::Message recorded = hello;
    std::get<wire::Hello>(recorded.body).session = session_;
    std::get<wire::Hello>(recorded.body).laws = wire::laws_for(hello.header.version);
    take(std::move(recorded), now, effects);
    if (!machine()) {
      // admit() has tried the same policy on the same declaration.
      policy::Document of_record = *document;
      of_record.request_base = request_base_of(identity_);
      auto begun = policy::Playback::create(of_record, effects.record.back());
      if (!begun) {
        effects.log.push_back({LogLine::Level::kError, run_.text() + ": " + begun.error().message});
        return;
      }
      playback_ = std::move(*begun);
      wire::Message loaded;
      loaded.header.run = run_;
      loaded.header.step = hello.header.step;
      loaded.header.t = now.wall_s;
      loaded.header.seq = Seq{state_.last_seq.value + 1};
      loaded.body = policy::describe(of_record, declared);
      record(loaded, effects);
    }
    record_link(
        wire::LinkEvent::kClaimed,
        "attempt " + std::to_string(hello.header.attempt) + (note.empty() ? "" : ": ") + note, now,
        effects);
  } else if (was_away) {
    come_back(now, effects);
  }
  speaks_1_1_ = hello.header.version.minor > 0;
  whole_from_ = declared.from;
  pace_.begin_anew(now.mono);
  wire::Welcome answer;
  answer.held = adopt(hello, now, effects);
  effects.needs_sync = true;  // what is acknowledged is on disk
  is_looked_at_ = speaks_1_1_;
  looks_until_ = Seq{};
  answer.epoch = epoch_;
  answer.heartbeat_ms = settings_->heartbeat_ms;
  answer.stale_ms = settings_->patience.silent_ms;
  answer.lease_ms = settings_->patience.lost_ms;
  answer.policy_text = machine()->document().text;
  answer.policy_digest = machine()->document().digest;
  answer.mode = policy::mode_of(machine()->document());
  answer.on_loss = machine()->document().link_loss;
  answer.profile = machine()->document().profile;
  answer.ack = acknowledged(effects);
  answer.record = identity_;
  answer.position = told_seq_;
  answer.rollbacks = state_.lineage.before;
  if (state_.hello) answer.laws = state_.hello->laws;
  answer.knobs = settings_to_send(now);
  send(std::move(answer), now, effects);
  send_control(0, now, effects);
  send_requests(false, now, effects);
  effects.publish.push_back(status(now));
}

// A frame of a number that is recorded: sent again, or another one.
Taken RunSlot::on_repeated(const wire::Message& frame, std::uint64_t digest, Now now,
                           Effects& effects) {
  repeats_.count(frame);
  if (!repeats_.is_other(frame.header.seq, digest)) return Taken::kKnown;
  if (intruder_.empty()) {
    intruder_ = "message " + std::to_string(frame.header.seq.value) + " of attempt " +
                std::to_string(state_.attempt) +
                " came again with other content: a second process sends under the same session and "
                "attempt, or the numbers began again; its values are not taken";
    effects.log.push_back({LogLine::Level::kError, run_.text() + ": " + intruder_});
  }
  if (now.mono < next_told_) return Taken::kKnown;
  next_told_ = after_ms(now.mono, settings_->assert_ms);
  return Taken::kOther;
}

Taken RunSlot::on_trainer(const wire::Message& message, std::uint64_t digest, std::size_t waiting,
                          Now now, Effects& effects) {
  if (message.header.attempt != state_.attempt) return Taken::kKnown;
  last_frame_ = now.mono;
  if (lost_recorded_ || crashed()) come_back(now, effects);
  if (missed_ && !unwritten_ && now.mono >= next_again_) {
    next_again_ = after_ms(now.mono, settings_->assert_ms);
    return Taken::kAgain;
  }
  if (const auto* beat = std::get_if<wire::Heartbeat>(&message.body)) {
    if (may_command(message, now, effects)) send_control(0, now, effects);
    if (beat->snapshot) send_snapshot(now, effects);
    return Taken::kTaken;
  }
  if (message.header.seq <= source_seq_) return on_repeated(message, digest, now, effects);
  if (missed_) return Taken::kNotNow;
  pass_declared(message.header.seq, now, effects);
  if (message.header.seq.value > source_seq_.value + 1)
    return on_ahead(message, digest, waiting, now, effects);
  const Taken taken = on_next(message, digest, waiting, now, effects);
  if (taken == Taken::kTaken) take_ahead(false, waiting, now, effects);
  return taken;
}

Taken RunSlot::on_next(const wire::Message& message, std::uint64_t digest, std::size_t waiting,
                       Now now, Effects& effects) {
  if (!has_room(message, waiting)) return Taken::kNotNow;
  if (std::holds_alternative<wire::Report>(message.body)) pace_.add(message.header.t, now.mono);
  source_seq_ = message.header.seq;
  repeats_.add(message.header.seq, digest);
  wire::Message event = message;
  leave_out_names(event, effects);
  if (!thin(event, waiting, effects)) return Taken::kTaken;
  const std::int64_t version = machine()->state_version();
  const std::size_t requests = state_.requests.size();
  take(std::move(event), now, effects);
  const bool free_now = may_command(message, now, effects);
  const auto* report = std::get_if<wire::Report>(&message.body);
  const bool asked = report && report->wants_control;
  const bool changed = machine()->state_version() != version || state_.requests.size() != requests;
  if (std::holds_alternative<wire::Goodbye>(message.body)) {
    end("goodbye", now, effects);
  }
  // A request goes first, so that a trainer waiting for the control finds it at the same step
  // boundary.
  send_requests(true, now, effects);
  if (asked || changed || ended_ || free_now) send_control(asked ? report->batch : 0, now, effects);
  if (changed || ended_ || std::holds_alternative<wire::Applied>(message.body))
    effects.publish.push_back(status(now));
  return Taken::kTaken;
}

wire::Reply RunSlot::on_command(const wire::Message& message, Now now, Effects& effects) {
  const auto& command = std::get<wire::Command>(message.body);
  wire::Reply reply;
  reply.id = command.id;
  if (!machine()) {
    reply.status = wire::ReplyStatus::kRefused;
    reply.text = "run " + run_.text() + " has no policy in force yet";
    return reply;
  }
  const policy::Verdict verdict = machine()->judge(command, state_.step);
  reply.status = verdict.status;
  reply.text = verdict.text;
  if (!record_healthy_)
    reply.text += "; NOT ON DISK YET: the record cannot be written, see the daemon's log";
  const auto known = std::find_if(state_.commands.entries.begin(), state_.commands.entries.end(),
                                  [&](const auto& entry) { return entry.body.id == command.id; });
  if (known != state_.commands.entries.end()) {
    reply.seq = known->seq;
    return reply;
  }
  if (std::string why = machine()->why_not_possible(command); !why.empty()) {
    // Not recorded: folded as a command it would take effect in the decisions.
    reply.status = wire::ReplyStatus::kRefused;
    reply.text = std::move(why);
    effects.log.push_back({LogLine::Level::kWarning, run_.text() + ": operator " +
                                                         quoted(command.operator_name, 64) +
                                                         " force: refused, " + reply.text});
    return reply;
  }
  const auto forced = state_.knobs.find(command.knob);
  const bool raises = command.action == wire::Action::kForce &&
                      (forced == state_.knobs.end() ||
                       !run::is_lowering(run::protects_of(forced->second.declaration.protects),
                                         machine()->in_force(command.knob), command.value));
  if (!record_healthy_ && !raises) {
    reply.status = wire::ReplyStatus::kRefused;
    reply.text =
        "the record cannot be written, so nothing may be lowered; free the disk and send the "
        "command again";
    return reply;
  }
  wire::Message event = message;
  event.header.run = run_;
  event.header.step = state_.step;
  event.header.t = now.wall_s;
  event.header.attempt = 0;
  take(std::move(event), now, effects);
  reply.seq = state_.commands.entries.back().seq;
  effects.needs_sync = true;
  effects.log.push_back(
      {LogLine::Level::kWarning, run_.text() + ": operator " + quoted(command.operator_name, 64) +
                                     " " + quoted(command.action.text(), 32) + ": " +
                                     verdict.status.text() + ", " + verdict.text});
  send_requests(true, now, effects);
  send_control(0, now, effects);
  effects.publish.push_back(status(now));
  return reply;
}

void RunSlot::send(wire::Body body, Now now, Effects& effects) {
  if (peer_ == 0) return;
  wire::Message message;
  message.header.run = run_;
  message.header.seq = Seq{++control_seq_};
  message.header.step = state_.step;
  message.header.t = now.wall_s;
  message.header.attempt = state_.attempt;
  message.body = std::move(body);
  effects.send.push_back({peer_, wire::encode(message)});
}

// Only what this batch of effects puts on disk before it leaves, or what was there before.
Seq RunSlot::acknowledged(const Effects& effects) {
  if (record_healthy_ && effects.needs_sync) {
    ack_ = source_seq_;
    told_seq_ = state_.last_seq;
  }
  return ack_;
}

void RunSlot::set_record_healthy(bool healthy, const std::string& fault) {
  record_fault_ = healthy ? "" : fault;
  if (healthy) {
    durable_ack_ = ack_;
    durable_told_ = told_seq_;
    durable_raised_ = raised_;
  } else if (record_healthy_) {
    ack_ = durable_ack_;
    told_seq_ = durable_told_;
    next_assert_ = Nanos{};
  }
  record_healthy_ = healthy;
}

void RunSlot::send_control(std::int64_t answers_batch, Now now, Effects& effects) {
  if (!machine() || !is_looked_at_) return;
  wire::Control control;
  control.epoch = epoch_;
  control.state_version = machine()->state_version();
  control.mode = policy::mode_of(machine()->document());
  control.answers_batch = answers_batch;
  control.ack = acknowledged(effects);
  const std::int64_t interval = std::max<std::int64_t>(1, state_.cadence_steps);
  control.valid_until_step =
      Step{std::max<std::int64_t>(0, state_.step.value) + kControlIntervals * interval};
  control.position = told_seq_;
  control.knobs = settings_to_send(now);
  control.segment = state_.segment;
  control.held = machine()->held();
  control.inhibited = machine()->inhibitions();
  send(std::move(control), now, effects);
}

std::vector<wire::KnobSetting> RunSlot::settings_to_send(Now now) {
  std::vector<wire::KnobSetting> settings = machine()->settings_to_send();
  if (shadow()) keep_raised(settings);
  for (wire::KnobSetting& setting : settings) {
    Sent& sent = sent_[setting.knob];
    if (!record_healthy_) {
      // An unrecorded lowering must not leave: what was sent, or is in force, stays up.
      setting.items.clear();  // one of them may be a lowering
      setting.expires_step = Step{-1};
      const auto knob = state_.knobs.find(setting.knob);
      const wire::Protects protects = knob == state_.knobs.end()
                                          ? wire::Protects::kUp
                                          : run::protects_of(knob->second.declaration.protects);
      if (run::is_lowering(protects, sent.value, setting.value)) setting.value = sent.value;
      if (knob != state_.knobs.end() &&
          run::is_lowering(protects, knob->second.applied_value, setting.value))
        setting.value = knob->second.applied_value;
    }
    if (!(sent.value == setting.value)) sent = {setting.value, now.mono};
  }
  return settings;
}

// In shadow mode a knob that is not listed goes back to its initial value: not before that is on
// record.
void RunSlot::keep_raised(std::vector<wire::KnobSetting>& settings) {
  const auto is_listed = [&settings](const std::string& knob) {
    return std::any_of(settings.begin(), settings.end(),
                       [&](const wire::KnobSetting& setting) { return setting.knob == knob; });
  };
  if (record_healthy_) {
    raised_ = settings;  // as far as it is on record when it leaves
    for (auto it = sent_.begin(); it != sent_.end();)
      it = is_listed(it->first) ? std::next(it) : sent_.erase(it);
    return;
  }
  for (const wire::KnobSetting& setting : durable_raised_) {
    if (!is_listed(setting.knob)) settings.push_back(setting);
  }
}

void RunSlot::send_requests(bool only_new, Now now, Effects& effects) {
  if (shadow()) return;
  for (const run::RequestState& pending : state_.requests) {
    if (!pending.outcome.empty()) continue;
    bool& sent = requests_sent_[pending.request.id];
    if (sent && only_new) continue;
    sent = peer_ != 0;
    wire::Request request = pending.request;
    request.epoch = epoch_;
    send(std::move(request), now, effects);
  }
}

void RunSlot::end(const std::string& detail, Now now, Effects& effects) {
  ended_ = true;
  ended_at_ = now.mono;
  effects.seats.push_back({peer_, false});
  record_link(wire::LinkEvent::kEnded, detail, now, effects);
  effects.needs_sync = true;
}

// A trainer that was lost, or taken for crashed, or that a restarted daemon waits for.
void RunSlot::come_back(Now now, Effects& effects) {
  lost_recorded_ = false;
  if (crashed()) ended_ = false;
  if (!ended_) effects.seats.push_back({peer_, true});
  if (!ended_) record_link(wire::LinkEvent::kBack, "", now, effects);
}

bool RunSlot::is_over(Now now) const {
  // Its file must be written first.
  return ended_ && !unwritten_ &&
         now.mono.value - ended_at_.value > settings_->ended_ms * 1'000'000;
}

void RunSlot::follow_link(Now now, Effects& effects) {
  if (ended_ || !(last_frame_ || restored_at_)) return;
  const Nanos silence{now.mono.value - (last_frame_ ? *last_frame_ : *restored_at_).value};
  const wire::LinkState trainer = run::liveness(silence, settings_->patience);
  if (!lost_recorded_ && trainer == wire::LinkState::kLost) {
    lost_recorded_ = true;
    record_link(wire::LinkEvent::kLost,
                "no frame for " + std::to_string(settings_->patience.lost_ms) + " ms", now,
                effects);
    effects.log.push_back({LogLine::Level::kWarning, run_.text() + ": the trainer is lost"});
  }
  if (silence.value > settings_->ended_ms * 1'000'000) {
    end("crashed: no frame for " + std::to_string(settings_->ended_ms) + " ms", now, effects);
  }
}

void RunSlot::on_tick(Now now, Effects& effects) {
  // After a stall of this program frames have waited for it.
  if (now.mono.value - std::exchange(last_tick_, now.mono).value > kStallNs)
    pace_.begin_anew(now.mono);
  if (ahead_.is_overdue(now.mono)) take_ahead(true, waiting_bytes_, now, effects);
  follow_link(now, effects);
  tell_dropped(effects);
  if (now.mono >= next_assert_) {
    next_assert_ = after_ms(now.mono, settings_->assert_ms);
    if (!ended_) {
      effects.needs_sync = effects.needs_sync || ack_ < source_seq_;
      send_control(0, now, effects);
      send_requests(false, now, effects);
    }
    effects.publish.push_back(status(now));
  }
  if (!ended_ && now.mono >= next_heartbeat_) {
    next_heartbeat_ = after_ms(now.mono, settings_->heartbeat_ms);
    send(wire::Heartbeat{std::string(wire::text_of(link_state(now))), 0, 0}, now, effects);
  }
}

}  // namespace phaseguard::daemon
