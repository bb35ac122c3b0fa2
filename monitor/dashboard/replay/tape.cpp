#include "monitor/dashboard/replay/tape.h"

#include <algorithm>
#include <stdexcept>

#include "monitor/wire/codec.h"

namespace phaseguard::dashboard {

void Tape::add(const RunId& run, const std::vector<wire::Message>& messages) {
  for (const wire::Message& message : messages) {
    const wire::Header& header = message.header;
    const bool is_known = !seqs_.empty() && header.seq <= seqs_.back();
    if (header.run != run || header.seq <= Seq{0} || is_known || full()) continue;
    if (std::holds_alternative<wire::Status>(message.body)) continue;
    frames_.push_back(wire::encode(message));
    moments_.push_back({header.step, header.attempt, header.t});
    seqs_.push_back(header.seq);
  }
}

wire::Message Tape::message(std::size_t i) const {
  auto message = wire::decode(frames_.at(i), wire::kFeedLimits);
  if (!message) throw std::logic_error("what was encoded here does not decode");
  return std::move(*message);
}

Moment Tape::moment(std::size_t place) const { return place == 0 ? Moment{} : moments_[place - 1]; }

std::size_t Tape::place_of(Step step) const {
  std::size_t place = 0;
  while (place < size() && moments_[place].step <= step) ++place;
  return place;
}

std::size_t Tape::place_of(Seq seq) const {
  return static_cast<std::size_t>(std::upper_bound(seqs_.begin(), seqs_.end(), seq) -
                                  seqs_.begin());
}

}  // namespace phaseguard::dashboard
