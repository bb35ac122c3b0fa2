// A run's record taken up again after a restart, and what of it stays in memory.
#include <algorithm>
#include <iterator>

#include "monitor/daemon/engine/bounds.h"
#include "monitor/daemon/engine/run_slot.h"

namespace phaseguard::daemon {

namespace {

constexpr std::size_t kMostPoints = 1024;  // values and events between two clearings

std::size_t points_of(const wire::Message& event) {
  std::size_t n = 1;
  const auto* report = std::get_if<wire::Report>(&event.body);
  if (report == nullptr) return n;
  for (const wire::Sample& sample : report->samples) n += 1 + sample.items.size();
  return n;
}

}  // namespace

// What the engine keeps of a run does not grow with its measurements: curves and lists are the
// viewers', who fold the record themselves.
void RunSlot::fold(const wire::Message& event) {
  run::fold(state_, event);
  note_cause(event);
  points_ += points_of(event);
  if (points_ < kMostPoints) return;
  points_ = 0;
  forget_old(state_);
  for (auto sent = requests_sent_.begin(); sent != requests_sent_.end();) {
    const bool known = std::any_of(state_.requests.begin(), state_.requests.end(),
                                   [&](const auto& one) { return one.request.id == sent->first; });
    sent = known ? std::next(sent) : requests_sent_.erase(sent);
  }
}

Result<void> RunSlot::take_up(const wire::Message& event) {
  if (std::holds_alternative<wire::Hello>(event.body)) record_note_ = resume_of(event).note;
  fold(event);
  if (event.header.attempt == state_.attempt)
    source_seq_ = std::max(source_seq_, event.header.source_seq);
  if (const auto* hello = std::get_if<wire::Hello>(&event.body)) {
    source_seq_ = event.header.source_seq;
    ended_ = false;
    session_ = hello->session;
    process_ = hello->process;
  }
  if (const auto* link = std::get_if<wire::LinkChange>(&event.body)) {
    epoch_ = std::max(epoch_, link->epoch);
    source_seq_ = std::max(source_seq_, link->to);
    if (link->state == wire::LinkEvent::kEnded || link->state == wire::LinkEvent::kBack)
      ended_ = link->state == wire::LinkEvent::kEnded;
  }
  const auto decided = playback_.follow(event);
  if (!decided) return tl::unexpected(decided.error());
  return {};  // what it decided then is on record
}

void RunSlot::go_on(Now now, Effects& effects) {
  if (state_.last_seq == Seq{}) return;
  note_undeclared();
  ended_ = ended_ || state_.goodbye.has_value();
  ended_at_ = now.mono;
  restored_seq_ = told_seq_ = durable_told_ = state_.last_seq;
  ack_ = durable_ack_ = source_seq_;
  ++epoch_;
  if (ended_) return;
  restored_at_ = now.mono;
  record_link(wire::LinkEvent::kRestored, "the daemon was started anew", now, effects);
}

}  // namespace phaseguard::daemon
