#include "monitor/daemon/engine/engine.h"

#include <algorithm>
#include <utility>

#include "monitor/base/text.h"
#include "monitor/daemon/engine/run_slot.h"
#include "monitor/wire/codec.h"

namespace phaseguard::daemon {

namespace {

Outgoing message_to(PeerId peer, const RunId& run, wire::Body body, Now now) {
  wire::Message message;
  message.header.run = run;
  message.header.t = now.wall_s;
  message.body = std::move(body);
  return {peer, wire::encode(message)};
}

std::string version_text(wire::Version version) {
  return std::to_string(version.major) + "." + std::to_string(version.minor);
}

constexpr std::size_t kMostPeers = 1024;

bool from_trainer(const wire::Body& body) {
  return std::holds_alternative<wire::Report>(body) ||
         std::holds_alternative<wire::Applied>(body) ||
         std::holds_alternative<wire::Heartbeat>(body) ||
         std::holds_alternative<wire::Goodbye>(body);
}

// A trainer that asked for its number sends 0 until it was told.
wire::Message as_attempt(wire::Message message, std::int64_t attempt) {
  message.header.attempt = attempt;
  return message;
}

// Of a frame's bytes. A peer of 1.0 may write a message anew to send it again: its time is left
// out.
std::uint64_t digest_of(const wire::Message& message, std::string_view bytes) {
  const std::hash<std::string_view> hash;
  if (message.header.version.minor > 0) return hash(bytes);
  wire::Message timeless = message;
  timeless.header.t = 0.0;
  return hash(wire::encode(timeless));
}

wire::Reject second_sender(const RunSlot& slot) {
  wire::Reject reject;
  reject.code = wire::RejectCode::kClaimed;
  reject.ours = wire::kProtocolVersion;
  reject.reason = slot.intruder() +
                  ". Give each process a session of its own and go on as the next attempt (0 asks "
                  "for its number), or choose another run id";
  return reject;
}

}  // namespace

bool matches(std::string_view pattern, std::string_view name) {
  const std::size_t star = pattern.find('*');
  if (star == std::string_view::npos) return pattern == name;
  if (name.substr(0, star) != pattern.substr(0, star)) return false;
  const std::string_view rest = pattern.substr(star + 1);
  for (std::size_t from = star; from <= name.size(); ++from) {
    if (matches(rest, name.substr(from))) return true;
  }
  return false;
}

bool stands_alone(const Effects& effects) {
  return !effects.needs_sync && !effects.tells_record &&
         std::all_of(effects.record.begin(), effects.record.end(),
                     [](const wire::Message& message) {
                       return std::holds_alternative<wire::Report>(message.body);
                     });
}

Outgoing reply_to(PeerId peer, const RunId& run, wire::Reply reply, Now now) {
  return message_to(peer, run, std::move(reply), now);
}

Outgoing reject_to(PeerId peer, const RunId& run, wire::Reject reject, Now now) {
  return message_to(peer, run, std::move(reject), now);
}

Engine::Engine(EngineSettings settings) : settings_(std::move(settings)) {}
Engine::~Engine() = default;

const policy::Document* Engine::policy_for(const RunId& run) const {
  for (const PolicyChoice& choice : settings_.policies) {
    if (matches(choice.pattern, run.text())) return &choice.document;
  }
  return nullptr;
}

Result<void> Engine::restore(const RunId& run, const Record& record, Effects& effects, Now now) {
  begin_restore(run, record.identity);
  Result<void> taken;
  Result<void> read;
  if (record.messages) {
    read = record.messages([&](const wire::Message& recorded) {
      taken = take_up(run, recorded);
      return taken.has_value();
    });
  }
  if (taken && read) {
    end_restore(run, now, effects);
    return {};
  }
  give_up_restore(run);
  return taken ? read : taken;
}

void Engine::forget(const RunId& run, Effects& effects) {
  const auto found = runs_.find(run);
  if (found == runs_.end()) return;
  effects.seats.push_back({found->second->peer(), false});
  runs_.erase(found);
}

void Engine::begin_restore(const RunId& run, std::string identity) {
  restoring_[run] = std::make_unique<RunSlot>(run, std::move(identity), settings_);
}

Result<void> Engine::take_up(const RunId& run, const wire::Message& recorded) {
  return restoring_.at(run)->take_up(recorded);
}

void Engine::end_restore(const RunId& run, Now now, Effects& effects) {
  const auto restored = restoring_.find(run);
  restored->second->go_on(now, effects);
  runs_[run] = std::move(restored->second);
  restoring_.erase(restored);
}

void Engine::give_up_restore(const RunId& run) { restoring_.erase(run); }

void Engine::on_message(Channel channel, PeerId peer, std::string_view bytes, Now now,
                        Effects& effects, const Access& access) {
  ++counters_.frames;
  if (is_cut_off(peer)) {
    ++counters_.malformed;
    return;
  }
  // Nothing but a question is even decoded for who may only look.
  if (channel == Channel::kQuery && wire::peek_kind(bytes) != "query") {
    ++counters_.denied;
    wire::Reject reject;
    reject.code = wire::RejectCode::kDenied;
    reject.ours = wire::kProtocolVersion;
    reject.reason =
        "this endpoint takes questions alone; a command needs an operator's key and endpoint";
    return effects.send.push_back(reject_to(peer, RunId{}, std::move(reject), now));
  }
  Result<wire::Message> message = wire::decode(bytes);
  if (!message) return on_undecodable(peer, bytes, message.error(), now, effects);
  const bool is_about_run =
      channel == Channel::kTelemetry || std::holds_alternative<wire::Command>(message->body);
  if (is_about_run && !matches(access.runs, message->header.run.text()))
    return on_denied(channel, peer, *message, access, now, effects);
  // What a sender says of its own key counts for nothing.
  if (auto* command = std::get_if<wire::Command>(&message->body)) command->key = access.key;
  if (auto* hello = std::get_if<wire::Hello>(&message->body)) hello->key = access.key;
  const std::size_t recorded = effects.record.size();
  if (channel == Channel::kTelemetry) {
    on_telemetry(peer, *message, bytes, now, effects, access);
  } else {
    effects.tells_record = true;
    on_operator(peer, *message, now, effects);
  }
  for (std::size_t i = recorded; i < effects.record.size(); ++i) {
    const wire::Body& body = effects.record[i].body;
    counters_.decisions += std::holds_alternative<wire::Decision>(body) ? 1 : 0;
    if (const auto* report = std::get_if<wire::Report>(&body))
      counters_.samples += report->samples.size();
  }
}

void Engine::on_telemetry(PeerId peer, const wire::Message& message, std::string_view bytes,
                          Now now, Effects& effects, const Access& access) {
  if (from_trainer(message.body))
    return on_trainer(peer, message, digest_of(message, bytes), now, effects);
  if (!std::holds_alternative<wire::Hello>(message.body)) {
    ++counters_.malformed;
    return;
  }
  const RunId& run = message.header.run;
  if (runs_.count(run) > 0 || run.empty()) return on_hello(peer, message, now, effects);
  if (restoring_.count(run) == 0 && !make_room(effects)) {
    wire::Reject reject;
    reject.code = wire::RejectCode::kLimit;
    reject.reason = "this daemon watches " + std::to_string(settings_.max_runs) + " runs already";
    reject.retry = true;
    return refuse(peer, message, std::move(reject), now, effects);
  }
  effects.open.push_back({peer, run, std::string(bytes), access});
}

// A key that was granted, and is used for a run that it was not granted for.
void Engine::on_denied(Channel channel, PeerId peer, const wire::Message& message,
                       const Access& access, Now now, Effects& effects) {
  ++counters_.denied;
  const std::string reason =
      "key " + access.key + " is granted for runs " + quoted(access.runs, 80) + ", not for " +
      quoted(message.header.run.text(), 80) +
      "; the daemon's administrator can grant more: phaseguard keys grant NAME --runs PATTERN";
  if (const auto* command = std::get_if<wire::Command>(&message.body)) {
    wire::Reply reply;
    reply.id = command->id;
    reply.status = wire::ReplyStatus::kRefused;
    reply.text = reason;
    if (refused_lines_.take(now.mono))
      effects.log.push_back({LogLine::Level::kWarning, "command refused: " + reason});
    return effects.send.push_back(reply_to(peer, message.header.run, std::move(reply), now));
  }
  // As of an unknown peer: what is no hello is answered once in a while, by the heartbeat.
  const bool is_answered = std::holds_alternative<wire::Hello>(message.body) ||
                           std::holds_alternative<wire::Heartbeat>(message.body);
  if (channel != Channel::kTelemetry || !is_answered) return;
  wire::Reject reject;
  reject.code = wire::RejectCode::kDenied;
  reject.reason = reason;
  refuse(peer, message, std::move(reject), now, effects);
}

void Engine::on_undecodable(PeerId peer, std::string_view bytes, const Error& error, Now now,
                            Effects& effects) {
  const Result<wire::Version> theirs = wire::peek_version(bytes);
  if (theirs && theirs->major == wire::kProtocolVersion.major && error.code == Errc::kUnsupported) {
    ++counters_.unknown_kinds;
    return;
  }
  ++counters_.malformed;
  // Numbers of connections grow: the oldest are forgotten first.
  if (bad_frames_.size() >= kMostPeers && bad_frames_.count(peer) == 0)
    bad_frames_.erase(bad_frames_.begin());
  ++bad_frames_[peer];
  wire::Reject reject;
  reject.ours = wire::kProtocolVersion;
  if (theirs) reject.theirs = *theirs;
  const bool other_version = theirs && theirs->major != wire::kProtocolVersion.major;
  reject.code = other_version                ? wire::RejectCode::kVersion
                : error.code == Errc::kLimit ? wire::RejectCode::kLimit
                                             : wire::RejectCode::kMalformed;
  reject.reason = other_version
                      ? "this daemon speaks protocol " + version_text(wire::kProtocolVersion) +
                            ", the peer " + version_text(*theirs) +
                            "; install a hook and a daemon of the same major version"
                      : error.message;
  if (is_cut_off(peer)) {
    reject.code = wire::RejectCode::kLimit;
    reject.reason += "; it was the " + std::to_string(settings_.max_bad_frames) +
                     "th frame of this connection that cannot be read, so that nothing more is "
                     "read from it: connect anew";
  }
  // One line for the first of them and then for each power of two: a broken peer must not fill the
  // log.
  if ((counters_.malformed & (counters_.malformed - 1)) == 0) {
    effects.log.push_back(
        {LogLine::Level::kWarning, "frame refused (" + std::to_string(counters_.malformed) +
                                       " so far): " + quoted(reject.reason, 300)});
  }
  effects.send.push_back(reject_to(peer, RunId{}, std::move(reject), now));
}

void Engine::refuse_open(const OpenRun& wanted, wire::RejectCode code, std::string reason, Now now,
                         Effects& effects) {
  wire::Message hello;
  hello.header.run = wanted.run;
  wire::Reject reject;
  reject.code = code;
  reject.reason = std::move(reason);
  reject.retry = true;
  refuse(wanted.peer, hello, std::move(reject), now, effects);
}

void Engine::on_unseated(PeerId peer, std::string_view bytes, std::size_t seats, Now now,
                         Effects& effects) {
  ++counters_.frames;
  ++counters_.unseated;
  const Result<wire::Message> message = wire::decode(bytes);
  if (!message || !std::holds_alternative<wire::Hello>(message->body)) return;
  wire::Reject reject;
  reject.code = wire::RejectCode::kLimit;
  reject.reason = "all " + std::to_string(seats) +
                  " seats for trainers are taken by runs that go on; end one, or give phaseguardd "
                  "more with trainer_seats";
  reject.retry = true;
  reject.ours = wire::kProtocolVersion;
  reject.theirs = message->header.version;
  if ((counters_.unseated & (counters_.unseated - 1)) == 0) {
    effects.log.push_back({LogLine::Level::kWarning, message->header.run.text() +
                                                         ": hello refused: " + reject.reason +
                                                         " (" + std::to_string(counters_.unseated) +
                                                         " frames without a seat so far)"});
  }
  effects.send.push_back(reject_to(peer, message->header.run, std::move(reject), now));
}

void Engine::on_hello(PeerId peer, const wire::Message& message, Now now, Effects& effects) {
  const auto found = runs_.find(message.header.run);
  if (message.header.attempt == 0 && found != runs_.end()) {
    const auto& declared = std::get<wire::Hello>(message.body);
    return on_hello(peer, as_attempt(message, found->second->attempt_for(declared)), now, effects);
  }
  if (found == runs_.end()) {
    wire::Reject reject;
    reject.code = wire::RejectCode::kMalformed;
    reject.reason = "hello: expected the name of a run, found none";
    return refuse(peer, message, std::move(reject), now, effects);
  }
  const policy::Document* document = policy_for(message.header.run);
  std::optional<wire::Reject> reject = found->second->admit(message, document, now);
  if (!reject) reject = refuse_for_room(*found->second, message);
  if (!reject) return found->second->welcome(peer, message, document, now, effects);
  refuse(peer, message, std::move(*reject), now, effects);
  found->second->linger(now);
  // A run of which nothing is recorded is not kept for a trainer that was refused.
  if (found->second->state().last_seq > Seq{}) return;
  effects.closed.push_back(found->first);
  runs_.erase(found);
}

void Engine::refuse(PeerId peer, const wire::Message& hello, wire::Reject reject, Now now,
                    Effects& effects) {
  ++counters_.refused_hellos;
  refused_.add(hello.header.run, reject, now.mono);
  reject.ours = wire::kProtocolVersion;
  reject.theirs = hello.header.version;
  // Who says hello without end must not fill the log.
  if (refused_lines_.take(now.mono)) {
    const std::int64_t more = refused_lines_.take_held_back();
    effects.log.push_back(
        {LogLine::Level::kWarning,
         hello.header.run.text() + ": hello refused: " + quoted(reject.reason, 400) +
             (more > 0 ? "; " + std::to_string(more) + " more since the last line" : "")});
  }
  effects.send.push_back(reject_to(peer, hello.header.run, std::move(reject), now));
}

std::string Engine::no_run_text(const RunId& run) const {
  if (restoring_.count(run) == 0) return "the daemon has no run " + quoted(run.text());
  return "the record of run " + quoted(run.text()) + " is being read back; ask again";
}

// Of the runs that have ended, the first to end gives its place to a new one.
bool Engine::make_room(Effects& effects) {
  if (runs_.size() + restoring_.size() < settings_.max_runs) return true;
  auto first = runs_.end();
  for (auto one = runs_.begin(); one != runs_.end(); ++one) {
    const auto ended = one->second->finished();
    if (ended && (first == runs_.end() || *ended < *first->second->finished())) first = one;
  }
  if (first == runs_.end()) return false;
  effects.closed.push_back(first->first);
  runs_.erase(first);
  return true;
}

void Engine::on_trainer(PeerId peer, const wire::Message& message, std::uint64_t digest, Now now,
                        Effects& effects) {
  const auto found = runs_.find(message.header.run);
  if (found == runs_.end() || !found->second->owned_by(peer)) {
    ++counters_.unknown_peers;
    // A trainer whose daemon was restarted, or whose run went to another: it must introduce itself
    // again. Only heartbeats are answered, so that a burst of stale frames does not become a burst
    // of rejects.
    if (!std::holds_alternative<wire::Heartbeat>(message.body)) return;
    wire::Reject reject;
    reject.code = wire::RejectCode::kUnknown;
    reject.reason = "this connection has not said hello; say hello again";
    reject.retry = true;
    effects.send.push_back(reject_to(peer, message.header.run, std::move(reject), now));
    return;
  }
  RunSlot& slot = *found->second;
  if (slot.unwritten()) (void)is_full(0);
  const std::int64_t dropped = slot.dropped();
  const std::int64_t left_out = slot.left_out();
  const Taken taken = message.header.attempt == 0
                          ? slot.on_trainer(as_attempt(message, slot.state().attempt), digest,
                                            counters_.waiting_bytes, now, effects)
                          : slot.on_trainer(message, digest, counters_.waiting_bytes, now, effects);
  counters_.samples_dropped += static_cast<std::uint64_t>(slot.dropped() - dropped);
  counters_.left_out += static_cast<std::uint64_t>(slot.left_out() - left_out);
  switch (taken) {
    case Taken::kTaken:
      return;
    case Taken::kKnown:
      ++counters_.duplicates;
      return;
    case Taken::kOther:
      effects.send.push_back(reject_to(peer, message.header.run, second_sender(slot), now));
      return;
    case Taken::kNotNow:
      ++counters_.frames_not_taken;
      passed_over_.add(message.header.run);
      return;
    case Taken::kAgain:
      break;
  }
  wire::Reject reject;
  reject.code = wire::RejectCode::kRecord;
  reject.reason = "the record can be written again, and frames were passed over; say hello again";
  reject.retry = true;
  effects.send.push_back(reject_to(peer, message.header.run, std::move(reject), now));
}

bool Engine::is_full(std::size_t more) {
  counters_.waiting_bytes = 0;
  for (const auto& [run, slot] : runs_) counters_.waiting_bytes += slot->waiting_bytes();
  return counters_.waiting_bytes > settings_.most_waiting_bytes + more;
}

// A trainer that is known brings little; a new attempt brings its declaration and a policy.
std::optional<wire::Reject> Engine::refuse_for_room(const RunSlot& slot,
                                                    const wire::Message& hello) {
  const bool known = hello.header.attempt == slot.state().attempt;
  if (record_healthy_ || !is_full(known ? settings_.reserve_bytes : 0)) return std::nullopt;
  wire::Reject reject;
  reject.code = wire::RejectCode::kRecord;
  reject.reason =
      "run files cannot be written, and nothing more can wait for that; free the disk, see the "
      "daemon's log";
  reject.retry = true;
  return reject;
}

void Engine::on_operator(PeerId peer, const wire::Message& message, Now now, Effects& effects) {
  if (const auto* query = std::get_if<wire::Query>(&message.body)) {
    return on_query(peer, message.header, *query, now, effects);
  }
  const auto* command = std::get_if<wire::Command>(&message.body);
  if (!command) {
    ++counters_.malformed;
    return;
  }
  ++counters_.commands;
  wire::Reply reply;
  reply.id = command->id;
  const auto found = runs_.find(message.header.run);
  if (command->id.empty()) {
    reply.status = wire::ReplyStatus::kRefused;
    reply.text = "a command needs an id, so that it takes effect at most once";
  } else if (found == runs_.end()) {
    reply.status = wire::ReplyStatus::kNotFound;
    reply.text = no_run_text(message.header.run);
  } else if (found->second->unwritten() && is_full(settings_.reserve_bytes)) {
    reply.status = wire::ReplyStatus::kRefused;
    reply.text =
        "the record cannot be written, and no more commands can wait for that; free the "
        "disk and send the command again";
  } else {
    reply = found->second->on_command(message, now, effects);
  }
  effects.send.push_back(reply_to(peer, message.header.run, std::move(reply), now));
}

void Engine::on_query(PeerId peer, const wire::Header& header, const wire::Query& query, Now now,
                      Effects& effects) {
  wire::Reply reply;
  reply.id = query.id;
  const bool one = !header.run.empty();
  const std::string refused = refused_.text(header.run, now.mono);
  if (one && runs_.count(header.run) == 0) {
    reply.status = wire::ReplyStatus::kNotFound;
    reply.text = no_run_text(header.run) + (refused.empty() ? "" : "; " + refused);
  } else if (query.what == wire::QueryWhat::kEvents) {
    if (one) return effects.history.push_back({peer, header.run, query});
    reply.status = wire::ReplyStatus::kRefused;
    reply.text = "events: name the run";
  } else if (query.what == wire::QueryWhat::kStatus || query.what == wire::QueryWhat::kRuns) {
    reply.status = wire::ReplyStatus::kOk;
    reply.text = refused;
    if (one) {
      reply.messages.push_back(wire::encode(runs_.at(header.run)->status(now)));
    } else {
      list_statuses(query.from_seq.value, now, reply);
    }
  } else {
    reply.status = wire::ReplyStatus::kRefused;
    reply.text = "query: expected \"runs\", \"status\" or \"events\", found " +
                 quoted(query.what.text(), 40);
  }
  effects.send.push_back(reply_to(peer, header.run, std::move(reply), now));
}

// In order of name, numbered from 1, from `from` on: as many as a frame holds.
void Engine::list_statuses(std::int64_t from, Now now, wire::Reply& reply) const {
  std::size_t bytes = 0;
  std::int64_t place = 0;
  for (const auto& [run, slot] : runs_) {
    if (slot->state().last_seq == Seq{} || ++place < from) continue;
    std::string status = wire::encode(slot->status(now));
    bytes += status.size();
    reply.more = bytes > kPageBytes;
    if (reply.more) return;
    reply.seq = Seq{place};
    reply.messages.push_back(std::move(status));
  }
}

void Engine::on_tick(Now now, Effects& effects) {
  if (std::string line = passed_over_.line(counters_.waiting_bytes, now.mono); !line.empty())
    effects.log.push_back({LogLine::Level::kError, std::move(line)});
  for (auto entry = runs_.begin(); entry != runs_.end();) {
    RunSlot& slot = *entry->second;
    if (slot.state().last_seq > Seq{}) slot.on_tick(now, effects);
    if (!slot.is_over(now)) {
      ++entry;
      continue;
    }
    effects.closed.push_back(entry->first);
    entry = runs_.erase(entry);
  }
}

bool Engine::is_cut_off(PeerId peer) const {
  const auto bad = bad_frames_.find(peer);
  return bad != bad_frames_.end() && bad->second >= settings_.max_bad_frames;
}

void Engine::set_record_healthy(bool healthy, const std::string& fault,
                                const std::set<RunId>& unwritten) {
  record_healthy_ = healthy;
  for (const auto& [run, slot] : runs_) {
    slot->set_record_healthy(healthy, fault);
    slot->set_unwritten(!healthy && unwritten.count(run) > 0);
  }
  (void)is_full(0);
}

std::vector<wire::Message> Engine::statuses(Now now) const {
  std::vector<wire::Message> out;
  for (const auto& [run, slot] : runs_) out.push_back(slot->status(now));
  return out;
}

}  // namespace phaseguard::daemon
