#include "monitor/daemon/engine/bounds.h"

#include <algorithm>
#include <utility>

#include "monitor/daemon/engine/run_slot.h"
#include "monitor/wire/codec.h"

namespace phaseguard::daemon {

std::size_t footprint(const wire::Message& message) {
  const auto* report = std::get_if<wire::Report>(&message.body);
  // Decoded texts take more than their bytes on the wire.
  if (report == nullptr) return sizeof message + 2 * wire::encode(message).size();
  std::size_t bytes = sizeof message;
  for (const wire::Sample& sample : report->samples) {
    bytes += sizeof sample + sample.signal.size() + sample.items.size() * sizeof(double);
  }
  return bytes;
}

std::size_t drop_unread(wire::Report& report, const policy::Machine& machine) {
  std::vector<wire::Sample>& samples = report.samples;
  const auto read_end =
      std::remove_if(samples.begin(), samples.end(),
                     [&](const wire::Sample& sample) { return !machine.reads(sample.signal); });
  const auto dropped = static_cast<std::size_t>(samples.end() - read_end);
  samples.erase(read_end, samples.end());
  samples.shrink_to_fit();
  return dropped;
}

// Once one was passed over, no later one counts: what is acknowledged has no holes.
bool RunSlot::has_room(const wire::Message& frame, std::size_t waiting, Effects& effects) {
  if (missed_) return false;
  missed_ = unwritten_ && waiting + footprint(frame) > settings_->most_waiting_bytes;
  if (!missed_) return true;
  effects.log.push_back({LogLine::Level::kError,
                         run_.text() + ": frames are passed over: " + std::to_string(waiting) +
                             " bytes wait for the disk; the trainer keeps them"});
  return false;
}

// False: nothing of it is left to be recorded.
bool RunSlot::thin(wire::Message& frame, std::size_t waiting, Effects& effects) {
  auto* report = std::get_if<wire::Report>(&frame.body);
  if (report == nullptr || !unwritten_ || waiting <= settings_->thin_above_bytes) return true;
  const std::size_t dropped = drop_unread(*report, *machine());
  if (dropped == 0) return true;
  dropped_ += static_cast<std::int64_t>(dropped);
  if (!std::exchange(dropping_, true)) {
    effects.log.push_back({LogLine::Level::kError,
                           run_.text() + ": samples that no policy reads are dropped until its "
                                         "record can be written"});
  }
  // By its step a measurement is missing, a lowering over: that counts, also of an empty report.
  return !report->samples.empty() || frame.header.step != state_.step || report->wants_control ||
         report->origin == wire::Report::Origin::kBatch;
}

void RunSlot::tell_dropped(Effects& effects) {
  if (unwritten_ || !std::exchange(dropping_, false)) return;
  effects.log.push_back({LogLine::Level::kWarning, run_.text() + ": its record is written again; " +
                                                       std::to_string(dropped_) +
                                                       " samples that no policy reads are lost"});
}

void RunSlot::add_bounds(std::vector<wire::Alert>& out) const {
  if (missed_) {
    out.push_back({wire::Severity::kCritical, wire::AlertKind::kRecord,
                   "nothing more is taken from its trainer until the record can be written: its "
                   "own guard decides, if it has one"});
  }
  if (dropped_ > 0) {
    out.push_back({wire::Severity::kMedium, wire::AlertKind::kRecord,
                   std::to_string(dropped_) +
                       " samples that no policy reads were dropped while the record could not be "
                       "written"});
  }
}

}  // namespace phaseguard::daemon
