#include "trainer-hook/reporter/session.h"

#include <algorithm>
#include <utility>

#include "monitor/run/liveness.h"
#include "monitor/wire/codec.h"
#include "monitor/wire/parts.h"

namespace phaseguard::reporter {

namespace {

constexpr double kFirstBackoff = 0.1;
constexpr double kLastBackoff = 5.0;
constexpr std::size_t kOutcomesKept = 256;

Nanos after(Nanos from, double seconds) {
  return Nanos{from.value + static_cast<std::int64_t>(seconds * 1e9)};
}

Nanos after_ms(Nanos from, std::int64_t ms) { return Nanos{from.value + ms * 1'000'000}; }

bool has_link(LinkState state) {
  return state == LinkState::kSync || state == LinkState::kLinked || state == LinkState::kStale;
}

}  // namespace

Session::Session(const Options& options, wire::Hello hello, std::uint64_t random)
    : options_(options), random_(random | 1), journal_(options.journal_bytes) {
  in_force_ = commanded_ = initial_settings(hello);
  record_ = hello.record;
  position_ = hello.position;
  unechoed_ = hello.held;
  rollbacks_before_ = hello.rollbacks;
  if (!unechoed_.empty()) publish(Source::kHold);
  last_step_ = hello.start_step;
  hello.guard = true;
  hello_.header.run = options.run;
  hello_.header.seq = Seq{1};
  hello_.header.step = hello.start_step;
  hello_.header.attempt = options.attempt;
  hello_.body = std::move(hello);
  welcome_.lease_ms = static_cast<std::int64_t>(options.default_lease_s * 1e3);
}

void Session::on_report(wire::Report report, Step step, double t, Now now, Nanos answer_by) {
  const bool waits = report.wants_control;
  if (waits) wait_for_answer(report);
  record(std::move(report), step, t, Journal::Kind::kTelemetry, now);
  if (!waits) return;
  hasten_answer(answer_by);
  act_unanswered(now);
  if (state_ != LinkState::kSync && state_ != LinkState::kLinked) answer_without_daemon();
}

void Session::on_applied(wire::Applied applied, Step step, double t, Now now) {
  for (const wire::RequestOutcome& outcome : applied.requests) note_outcome(outcome.id, outcome);
  bool changed = !applied.requests.empty() || applied.knobs.size() != last_applied_.knobs.size() ||
                 applied.segment != last_applied_.segment;
  for (std::size_t i = 0; !changed && i < applied.knobs.size(); ++i) {
    changed = applied.knobs[i].value != last_applied_.knobs[i].value ||
              applied.knobs[i].site != last_applied_.knobs[i].site;
  }
  if (applied.segment > last_applied_.segment) note_rollback(applied, step);
  last_applied_ = applied;
  last_applied_.requests.clear();
  record(std::move(applied), step, t, changed ? Journal::Kind::kControl : Journal::Kind::kTelemetry,
         now);
}

void Session::on_goodbye(wire::Goodbye goodbye, Step step, Now now) {
  record(std::move(goodbye), step, now.wall_s, Journal::Kind::kControl, now);
}

void Session::record(wire::Body body, Step step, double t, Journal::Kind kind, Now now) {
  if (state_ == LinkState::kDisabledError) return;
  const auto* report = std::get_if<wire::Report>(&body);
  if (std::string fault = report ? wire::part_fault(*report) : ""; !fault.empty()) {
    ++stats_.oversize;
    refusal_ = "not sent: " + fault;
    return;
  }
  if (journal_.size() == 0) last_progress_ = now.mono;
  wire::Message message;
  message.header.run = options_.run;
  message.header.seq = next_seq_;
  message.header.step = step;
  message.header.t = t;
  message.header.attempt = options_.attempt;
  message.body = std::move(body);
  std::string bytes = wire::encode(message);
  if (const Result<void> fit = wire::fits(bytes); !fit) {
    ++stats_.oversize;
    refusal_ = "not sent: " + fit.error().message;
    return;
  }
  next_seq_ = Seq{next_seq_.value + 1};
  last_step_ = step;
  furthest_ = std::max(furthest_, step);
  journal_.append(message.header.seq, std::move(bytes), kind);
  feed_guard(message, now);
  if (end_lowerings()) publish(source_);
}

void Session::feed_guard(const wire::Message& message, Now now) {
  if (!guard_ || !guard_->feed(message)) return;
  tell_lineage();
  if (!guard_in_charge()) return await_answer(message.header.seq, now);
  ++stats_.guard_decisions;
  follow_guard();
}

void Session::on_tick(Now now) {
  escalate(now);
  if (std::exchange(skips_, false) && has_link(state_) && state_ != LinkState::kStale) {
    guard_lacks_ = true;
    enter(LinkState::kStale);
    next_hello_ = now.mono;
  }
  const wire::LinkState daemon = liveness_since(last_heard_, now);
  switch (state_) {
    case LinkState::kOff:
      enter(LinkState::kConnecting);
      say_hello(now, false);
      break;
    case LinkState::kConnecting:
    case LinkState::kLost:
      if (now.mono >= next_hello_) say_hello(now, true);
      break;
    case LinkState::kRefused:
      if (now.mono < next_hello_) break;
      say_hello(now, true);
      next_hello_ = after(now.mono, jittered(refused_backoff_s_));
      refused_backoff_s_ = std::min(60.0, refused_backoff_s_ * 2);
      break;
    case LinkState::kSync:
    case LinkState::kLinked:
      if (daemon != wire::LinkState::kActive) {
        enter(LinkState::kStale);
        next_hello_ = now.mono;
      }
      break;
    case LinkState::kStale:
      if (daemon == wire::LinkState::kLost) {
        lose(now);
      } else if (now.mono >= next_hello_) {
        say_hello(now, !urgent_.empty());  // the hello before could not even be handed over
      }
      break;
    case LinkState::kFenced:
    case LinkState::kDisabledError:
    case LinkState::kClosed:
      return;
  }
  if (has_link(state_)) beat(now);
  act_unanswered(now);
}

wire::LinkState Session::liveness_since(Nanos last, Now now) const {
  const std::int64_t lost_ms = std::max(welcome_.stale_ms, welcome_.lease_ms);
  return run::liveness(Nanos{now.mono.value - last.value}, {welcome_.stale_ms, lost_ms});
}

void Session::beat(Now now) {
  // A daemon that is heard but acknowledges nothing for a whole lease does not hear us.
  const bool deaf =
      journal_.size() > 0 && liveness_since(last_progress_, now) == wire::LinkState::kLost;
  if (deaf) return lose(now);
  if (now.mono < next_heartbeat_) return;
  if (!urgent_.empty()) {
    // The heartbeat before has not left: nobody is connected. Whoever comes next does not know us.
    if (state_ == LinkState::kStale) return;
    enter(LinkState::kStale);
    urgent_.clear();
    next_hello_ = now.mono;
    return;
  }
  next_heartbeat_ = after_ms(now.mono, welcome_.heartbeat_ms);
  wire::Message message;
  message.header = hello_.header;
  message.header.seq = Seq{next_seq_.value - 1};
  message.header.step = last_step_;
  message.header.t = now.wall_s;
  message.body = wire::Heartbeat{name_of(state_), dropped_ring_ + journal_.dropped(),
                                 journal_.size(), wants_snapshot()};
  urgent_.push_back(wire::encode(message));
}

void Session::enter(LinkState state) {
  if (state_ == LinkState::kDisabledError || state_ == LinkState::kFenced) return;
  state_ = state;
  if (state == LinkState::kLinked) loss_.reset();
  if (state == LinkState::kStale && !unanswered_.empty()) act_overdue();
  if (state != LinkState::kSync && state != LinkState::kLinked) answer_without_daemon();
}

void Session::lose(Now now) {
  ++stats_.losses;
  enter(LinkState::kLost);
  backoff_s_ = kFirstBackoff;
  next_hello_ = now.mono;
  guard_requests_.clear();
  act_on_loss(now);
}

// Lost, refused after having been linked, or fenced: the owner's choice for a lost link, made once
// on the way in.
void Session::act_on_loss(Now now) {
  if (!linked_once_) return;
  if (shadow_) {  // an operator's raise stays: only a control ends it
    if (is_raised()) publish(Source::kHold);
    return;
  }
  note_loss(now);
  if (guard_in_charge()) {
    follow_guard();
    return;
  }
  if (welcome_.on_loss == wire::OnLoss::kSubstitute && guard_) raise_to(guard_->substitutes());
  publish(Source::kHold);
  const bool pauses = welcome_.on_loss == wire::OnLoss::kPause;
  if (!pauses && welcome_.on_loss != wire::OnLoss::kStop) return;
  wire::Request request;
  request.id = --loss_request_id_;
  request.type = pauses ? wire::RequestType::kPause : wire::RequestType::kStop;
  request.reason = "the link to the daemon is lost";
  hand_out(std::move(request));
}

void Session::disable(const std::string& reason) {
  ++stats_.errors;
  refusal_ = reason;
  answer_without_daemon();
  if (state_ != LinkState::kDisabledError) stop_on_error();
  state_ = LinkState::kDisabledError;
}

void Session::say_hello(Now now, bool reopen) {
  output_.reopen = output_.reopen || reopen;
  urgent_.clear();
  wire::Message message = hello_;
  message.header.t = now.wall_s;
  auto& hello = std::get<wire::Hello>(message.body);
  from_ = journal_.size() > 0 ? journal_.whole_from() : next_seq_;
  hello.from = from_;
  hello.record = record_;
  hello.position = position_;
  hello.segment = last_applied_.segment;
  hello.rollbacks = rollbacks_before_;
  hello.held = held();
  std::string bytes = wire::encode(message);
  if (!wire::fits(bytes)) {  // what is not told is not confirmed: it stays up
    hello.held.clear();
    bytes = wire::encode(message);
  }
  urgent_.push_back(std::move(bytes));
  ++stats_.connections;
  next_hello_ = after(now.mono, jittered(backoff_s_));
  backoff_s_ = std::min(kLastBackoff, backoff_s_ * 2);
}

// Half to all of `seconds`, so that many trainers do not come back in step. xorshift64.
double Session::jittered(double seconds) {
  random_ ^= random_ << 13;
  random_ ^= random_ >> 7;
  random_ ^= random_ << 17;
  return seconds * (0.5 + 0.5 * static_cast<double>(random_ >> 11) * 0x1p-53);
}

const std::string* Session::next_frame() {
  frame_is_urgent_ = !urgent_.empty();
  if (frame_is_urgent_) return &urgent_.front();
  if (state_ != LinkState::kSync && state_ != LinkState::kLinked) return nullptr;
  const Journal::Entry* entry = journal_.after(sent_seq_);
  if (!entry) return nullptr;
  // The full journal let go of frames since the hello said from where on all can be sent: what they
  // made this trainer hold must be told before anything after them.
  skips_ = entry->seq.value > sent_seq_.value + 1 && entry->seq > from_;
  if (skips_) return nullptr;
  frame_seq_ = entry->seq;
  return &entry->bytes;
}

void Session::sent() {
  ++stats_.sent;
  if (frame_is_urgent_) {
    urgent_.pop_front();
  } else {
    sent_seq_ = frame_seq_;
  }
}

void Session::hand_out(wire::Request request) {
  note_outcome(request.id, {});
  output_.requests.push_back(std::move(request));
}

// Ids say nothing of age: those of another record may be smaller.
void Session::note_outcome(std::int64_t id, wire::RequestOutcome outcome) {
  if (outcomes_.insert_or_assign(id, std::move(outcome)).second) outcome_ids_.push_back(id);
  if (outcome_ids_.size() <= kOutcomesKept) return;
  outcomes_.erase(outcome_ids_.front());
  outcome_ids_.pop_front();
}

void Session::report_outcomes(std::vector<wire::RequestOutcome> outcomes, Now now) {
  wire::Applied applied = last_applied_;
  applied.requests = std::move(outcomes);
  record(std::move(applied), last_step_, now.wall_s, Journal::Kind::kControl, now);
}

SessionOutput Session::take_output() {
  if (waiting_batch_ != 0) output_.meanwhile = SessionOutput::Answer{waiting_batch_, own_answer()};
  return std::exchange(output_, {});
}

bool Session::flushed() const { return journal_.size() == 0; }

void Session::fill(Stats& stats) const {
  stats.dropped_journal = journal_.dropped();
  stats.sent = stats_.sent;
  stats.acknowledged = acked_.value;
  stats.journaled = journal_.size();
  stats.controls = stats_.controls;
  stats.stale_frames = stats_.stale_frames;
  stats.refused_controls = stats_.refused_controls;
  stats.malformed_frames = stats_.malformed_frames;
  stats.connections = stats_.connections;
  stats.losses = stats_.losses;
  stats.oversize = stats_.oversize;
  stats.guard_decisions = stats_.guard_decisions;
  stats.errors = stats_.errors;
}

}  // namespace phaseguard::reporter
