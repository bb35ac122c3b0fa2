// What the daemon sends.
#include <algorithm>
#include <utility>

#include "monitor/wire/codec.h"
#include "trainer-hook/reporter/session.h"

namespace phaseguard::reporter {

namespace {

// So long after a welcome the daemon may still ask for what the guard has done already.
constexpr std::int64_t kSettleNs = 5'000'000'000;

// Of one snapshot, all parts together (docs/PROTOCOL.md, "snapshot").
constexpr std::size_t kMostSnapshotBytes = std::size_t{4} << 20;

// The guard does what the daemon will ask for once it has read the back-fill: the same request, not
// a second one.
bool same_request(const wire::Request& a, const wire::Request& b) {
  return a.type == b.type && a.reason == b.reason && a.before_step == b.before_step;
}

}  // namespace

void Session::on_frame(std::string_view bytes, Step current, Now now) {
  const Result<wire::Message> message = wire::decode(bytes);
  if (!message) {
    ++stats_.malformed_frames;
    return;
  }
  const wire::Header& header = message->header;
  if (!header.run.empty() && header.run != options_.run) {
    ++stats_.stale_frames;
    return;
  }
  if (const auto* welcome = std::get_if<wire::Welcome>(&message->body)) {
    on_welcome(*welcome, header, now);
  } else if (const auto* reject = std::get_if<wire::Reject>(&message->body)) {
    on_reject(*reject, now);
  } else if (const auto* control = std::get_if<wire::Control>(&message->body)) {
    on_control(*control, header, current, now);
  } else if (const auto* request = std::get_if<wire::Request>(&message->body)) {
    on_request(*request, header, now);
  } else if (const auto* snapshot = std::get_if<wire::Snapshot>(&message->body)) {
    on_snapshot(*snapshot, header, now);
  } else if (const auto* resend = std::get_if<wire::Resend>(&message->body)) {
    on_resend(*resend, header, now);
  } else if (std::holds_alternative<wire::Heartbeat>(message->body)) {
    if (state_ == LinkState::kSync || state_ == LinkState::kLinked || state_ == LinkState::kStale)
      heard(now);
  }
}

void Session::on_welcome(const wire::Welcome& welcome, const wire::Header& header, Now now) {
  // Only an answer to a hello that is still open, and never of a daemon older than the one we know.
  const bool awaited = state_ == LinkState::kConnecting || state_ == LinkState::kStale ||
                       state_ == LinkState::kLost || state_ == LinkState::kRefused;
  if (welcome.epoch < epoch_ || !(awaited || welcome.epoch > epoch_)) {
    ++stats_.stale_frames;
    return;
  }
  const std::vector<wire::Held> mine = held();
  epoch_ = welcome.epoch;
  control_seq_ = header.seq;
  welcome_ = welcome;
  shadow_ = welcome.mode == wire::Mode::kShadow;
  refusal_.clear();
  backoff_s_ = 0.1;
  refused_backoff_s_ = 5.0;
  commanded_ = in_force_;  // what the guard raised stays up until this daemon says otherwise
  sync_target_ = journal_.last();
  sent_seq_ = welcome.ack;
  last_progress_ = now.mono;
  next_heartbeat_ = now.mono;
  last_heard_ = now.mono;
  welcomed_at_ = now.mono;
  take_attempt(header.attempt);
  rollbacks_before_ = std::max(rollbacks_before_, welcome.rollbacks);
  adopt_policy(welcome);
  welcome_.policy_text.clear();
  record_ = welcome.record;
  position_ = welcome.position;
  take_echo(mine, welcome.held);
  // In force before anybody can be told that the link is there.
  const std::vector<wire::KnobSetting> settings = in_full(welcome.knobs);
  const bool sound = fault_in(settings).empty() && (!shadow_ || below_initial(settings).empty());
  if (!settings.empty() && sound) {
    // Counted in a segment that a welcome does not name: the least that can be left of a lowering.
    const bool kept = command(rebased(settings, 0), linked_once_);
    publish(source_of(kept));
  }
  enter(LinkState::kSync);
  acknowledge(welcome.ack, now);
  tell_lineage();
}

// Of a process that asked for its number.
void Session::take_attempt(std::int64_t attempt) {
  if (options_.attempt != 0 || attempt < 1) return;
  options_.attempt = attempt;
  hello_.header.attempt = attempt;
  for (wire::Held& entry : unechoed_) entry.attempt = entry.attempt == 0 ? attempt : entry.attempt;
}

void Session::adopt_policy(const wire::Welcome& welcome) {
  if (guard_ && guard_->policy_digest() == welcome.policy_digest) return;
  guard_.reset();
  if (welcome.policy_text.empty()) return;
  wire::Message recorded = hello_;
  std::get<wire::Hello>(recorded.body).laws = welcome.laws;
  Result<Guard> guard = Guard::create(welcome, recorded);
  if (!guard) {
    refusal_ = "no local guard: " + guard.error().message;
    return;
  }
  guard_ = std::move(*guard);
  for (const wire::Message& event : journaled(journal_.last())) guard_->feed(event);
  guard_lacks_ = options_.attempt > 1 || welcome.ack > hello_.header.seq;
}

bool Session::wants_snapshot() const {
  return guard_ && guard_lacks_ && !shadow_ && !record_.empty() &&
         welcome_.on_loss == wire::OnLoss::kLocal;
}

// Parts come in order on one connection; one that does not follow is waited for anew.
void Session::on_snapshot(const wire::Snapshot& snapshot, const wire::Header& header, Now now) {
  if (!fresh(snapshot.epoch, header.seq)) return;
  heard(now);
  if (!wants_snapshot()) return;
  if (snapshot.part == 1) snapshot_ = {snapshot.epoch, snapshot.number, 0, snapshot.parts, ""};
  const bool follows = snapshot.epoch == snapshot_.epoch && snapshot.number == snapshot_.number &&
                       snapshot.part == snapshot_.part + 1 && snapshot.parts == snapshot_.parts;
  const bool fits = snapshot_.bytes.size() + snapshot.bytes.size() <= kMostSnapshotBytes;
  if (!follows || !fits) {
    ++stats_.malformed_frames;
    return;
  }
  snapshot_.part = snapshot.part;
  snapshot_.bytes += snapshot.bytes;
  if (snapshot_.part < snapshot_.parts) return;
  take_over(std::exchange(snapshot_.bytes, {}), snapshot_.number, now);
}

void Session::take_over(const std::string& snapshot, Seq number, Now now) {
  if (number < acked_) return;  // what came between is not journaled any more
  acknowledge(number, now);
  guard_lacks_ = false;
  if (Result<void> taken = guard_->take_over(snapshot, journaled(journal_.last())); !taken)
    refusal_ = "the local guard goes on from what it saw itself: " + taken.error().message;
}

// What no daemon has acknowledged, in order, up to and including `last`.
std::vector<wire::Message> Session::journaled(Seq last) const {
  std::vector<wire::Message> events;
  for (const Journal::Entry* entry = journal_.after(Seq{}); entry && entry->seq <= last;
       entry = journal_.after(entry->seq)) {
    Result<wire::Message> event = wire::decode(entry->bytes);
    if (!event) continue;
    event->header.attempt = options_.attempt;  // it may not have been known then
    events.push_back(std::move(*event));
  }
  return events;
}

void Session::settle_guard(Seq ack) {
  if (!guard_) return;
  for (const wire::Message& event : journaled(ack)) guard_->settle(event);
}

void Session::on_reject(const wire::Reject& reject, Now now) {
  refusal_ = reject.code.text() + ": " + reject.reason;
  if (reject.code == wire::RejectCode::kClaimed && linked_once_) {
    enter(LinkState::kFenced);
    act_on_loss(now);
    return;
  }
  const bool had_link =
      state_ == LinkState::kSync || state_ == LinkState::kLinked || state_ == LinkState::kStale;
  // A daemon that was restarted does not know this connection yet: introduce ourselves again, at
  // the usual pace.
  if (had_link && reject.retry) {
    if (state_ == LinkState::kStale) return;
    enter(LinkState::kStale);
    next_hello_ = now.mono;
    return;
  }
  if (state_ != LinkState::kRefused)
    next_hello_ =
        Nanos{now.mono.value + static_cast<std::int64_t>(jittered(refused_backoff_s_) * 1e9)};
  urgent_.clear();
  const bool first_time = state_ != LinkState::kRefused && state_ != LinkState::kLost;
  enter(LinkState::kRefused);
  if (first_time) act_on_loss(now);
}

void Session::on_no_handshake(const std::string& why, bool is_refused, Now now) {
  if (!is_refused) {
    if (state_ == LinkState::kConnecting) refusal_ = why;
    return;
  }
  wire::Reject reject;
  reject.code = wire::RejectCode::kDenied;
  reject.reason = why;
  on_reject(reject, now);
}

// Fencing: of the welcomed epoch, and later than all before it.
bool Session::fresh(std::int64_t epoch, Seq seq) {
  const bool open =
      state_ == LinkState::kSync || state_ == LinkState::kLinked || state_ == LinkState::kStale;
  if (!open || epoch != epoch_ || seq <= control_seq_) {
    ++stats_.stale_frames;
    return false;
  }
  control_seq_ = seq;
  return true;
}

void Session::on_control(const wire::Control& control, const wire::Header& header, Step current,
                         Now now) {
  if (!fresh(control.epoch, header.seq)) return;
  acknowledge(control.ack, now);
  heard(now);
  if (current > control.valid_until_step) {
    ++stats_.stale_frames;
    return;
  }
  const std::string fault = fault_in(control);
  if (!fault.empty()) return refuse(control, header.seq, fault, now);
  ++stats_.controls;
  shadow_ = control.mode == wire::Mode::kShadow;
  if (!record_.empty()) told_ = control.held;
  const bool guides = !record_.empty() && !shadow_ && guard_;
  if (guides && !guard_->is_aligned(control)) guard_->align(control, journaled(journal_.last()));
  if (control.position.value >= 0) position_ = control.position;
  tell_lineage();
  // What the guard raised stays up until the daemon has read why.
  const bool raise_only = state_ == LinkState::kSync && linked_once_;
  obey(control, raise_only);
  linked_once_ = true;
  const bool settled =
      state_ == LinkState::kLinked && now.mono.value - welcomed_at_.value > kSettleNs;
  if (settled) guard_requests_.clear();
  if (control.answers_batch != 0 && control.answers_batch == waiting_batch_) {
    answer_waiting(control);
  }
}

void Session::on_request(const wire::Request& request, const wire::Header& header, Now now) {
  if (!fresh(request.epoch, header.seq)) return;
  heard(now);
  if (request.id <= 0) {
    ++stats_.malformed_frames;
    return;
  }
  const auto known = outcomes_.find(request.id);
  if (known != outcomes_.end()) {
    if (!known->second.status.empty()) report_outcomes({known->second}, now);
    return;
  }
  for (auto it = guard_requests_.begin(); it != guard_requests_.end(); ++it) {
    const auto outcome = outcomes_.find(it->id);
    if (!same_request(*it, request) || outcome == outcomes_.end()) continue;
    if (outcome->second.status.empty()) return;  // under way; the daemon asks again
    wire::RequestOutcome done = outcome->second;
    done.id = request.id;
    done.detail += " (by the local guard while the link was lost)";
    guard_requests_.erase(it);
    note_outcome(request.id, done);
    report_outcomes({done}, now);
    return;
  }
  hand_out(request);
}

// The journal has it, or lets next_frame() see that it must say hello.
void Session::on_resend(const wire::Resend& resend, const wire::Header& header, Now now) {
  if (!fresh(resend.epoch, header.seq)) return;
  heard(now);
  if (resend.from > acked_) sent_seq_ = std::min(sent_seq_, Seq{resend.from.value - 1});
}

void Session::acknowledge(Seq ack, Now now) {
  if (ack > acked_) {
    acked_ = ack;
    last_progress_ = now.mono;
  }
  settle_guard(ack);
  journal_.acknowledge(ack);
  forget_awaited();
  while (!unanswered_.empty() && acked_ >= unanswered_.front().event) unanswered_.pop_front();
  overdue_ = overdue_ && is_overdue(now);
  if (guard_) guard_->forget_requests(ack);
  if (state_ == LinkState::kSync && acked_ >= sync_target_) enter(LinkState::kLinked);
}

void Session::heard(Now now) {
  last_heard_ = now.mono;
  if (state_ == LinkState::kStale) {
    enter(acked_ >= sync_target_ ? LinkState::kLinked : LinkState::kSync);
  }
}

}  // namespace phaseguard::reporter
