#include "monitor/dashboard/replay/past.h"

#include <algorithm>
#include <utility>

namespace phaseguard::dashboard {

Past::Past(const RunId& run, std::string label)
    : run_(run), label_(std::move(label)), shown_(std::make_unique<Played>()) {
  shown_->model.wait_for(run_);
}

void Past::aim(std::size_t place) {
  wanted_ = place;
  if (next_ && next_->place > wanted_) next_.reset();
  if (place >= shown_->place) {
    next_.reset();
  } else if (!next_) {
    next_ = std::make_unique<Played>();
    next_->model.wait_for(run_);
  }
}

void Past::advance(const Tape& tape, std::size_t messages, Now now) {
  play(next_ ? *next_ : *shown_, tape, messages, now);
  if (!next_ || next_->place != wanted_) return;
  shown_ = std::move(next_);
}

double Past::progress() const {
  const std::size_t played = next_ ? next_->place : shown_->place;
  return wanted_ == 0 ? 1.0 : static_cast<double>(played) / static_cast<double>(wanted_);
}

void Past::play(Played& played, const Tape& tape, std::size_t messages, Now now) const {
  const std::size_t until = std::min({wanted_, tape.size(), played.place + messages});
  if (played.place >= until) return;
  Batch batch;
  batch.source.place = label_;
  batch.source.loading = false;
  batch.source.one_run = true;
  for (; played.place < until; ++played.place) {
    wire::Message message = tape.message(played.place);
    if (played.problem.empty()) {
      if (auto followed = played.playback.follow(message); !followed) {
        played.problem = followed.error().message;
      }
    }
    batch.messages.push_back(std::move(message));
  }
  played.model.apply(batch, now);
  const policy::Machine* machine = played.playback.machine();
  if (machine == nullptr || !played.problem.empty()) return;
  played.model.tell(run_, machine->rule_status(), machine->detector_evidence());
}

}  // namespace phaseguard::dashboard
