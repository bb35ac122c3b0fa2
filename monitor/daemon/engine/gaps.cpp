// Numbers of a trainer that do not follow each other: frames that it can no longer send and has
// said so (`from` of its hello), and frames of which nobody knows anything, which are asked for,
// waited for and given up.
#include <algorithm>

#include "monitor/daemon/engine/bounds.h"
#include "monitor/daemon/engine/run_slot.h"

namespace phaseguard::daemon {

namespace {

std::string numbers_text(Seq from, Seq to) {
  return from == to ? "message " + std::to_string(from.value)
                    : "messages " + std::to_string(from.value) + " to " + std::to_string(to.value);
}

}  // namespace

// Numbers after the newest one up to `to` are not waited for any more.
void RunSlot::pass_gap(wire::LinkEvent why, Seq to, Now now, Effects& effects) {
  const Seq from{source_seq_.value + 1};
  if (to < from) return;
  const std::string detail =
      numbers_text(from, to) + (why == wire::LinkEvent::kSkipped
                                    ? ": the trainer can no longer send what is not recorded here"
                                    : " never came");
  record_link(why, detail, now, effects, from, to);
  repeats_.pass(from, to);
  source_seq_ = to;
  effects.needs_sync = true;
  effects.log.push_back({LogLine::Level::kWarning, run_.text() + ": " + detail});
}

// Of the numbers before `before`, those that the hello said cannot be sent.
void RunSlot::pass_declared(Seq before, Now now, Effects& effects) {
  const Seq first = std::min(before, whole_from_);
  pass_gap(wire::LinkEvent::kSkipped, Seq{first.value - 1}, now, effects);
}

Taken RunSlot::on_ahead(const wire::Message& frame, std::uint64_t digest, std::size_t waiting,
                        Now now, Effects& effects) {
  if (!has_room(frame, waiting)) return Taken::kNotNow;
  const bool first = ahead_.empty();
  ahead_.add({frame, digest, footprint(frame)}, now.mono);
  if (first && speaks_1_1_) send(wire::Resend{epoch_, Seq{source_seq_.value + 1}}, now, effects);
  if (ahead_.is_full()) take_ahead(true, waiting, now, effects);
  return Taken::kTaken;
}

// Those that follow now; `over_gaps`: all of them, what is missing between them is given up.
void RunSlot::take_ahead(bool over_gaps, std::size_t waiting, Now now, Effects& effects) {
  while (!ahead_.empty()) {
    const Seq first = ahead_.first();
    const bool follows = first.value <= source_seq_.value + 1;
    if (!follows && !over_gaps) return;
    pass_gap(wire::LinkEvent::kMissing, Seq{first.value - 1}, now, effects);
    const Ahead::Frame frame = ahead_.take_first();
    if (first <= source_seq_) continue;
    // It comes again with all that follow it, once the record can be written.
    if (on_next(frame.message, frame.digest, waiting, now, effects) == Taken::kNotNow)
      return ahead_.clear();
  }
}

}  // namespace phaseguard::daemon
