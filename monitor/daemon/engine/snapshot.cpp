// Where the policy engine stands, sent to a trainer that asks for it.
#include <utility>

#include "monitor/daemon/engine/run_slot.h"

namespace phaseguard::daemon {

namespace {

// Of one snapshot: all of it, and what fits into a frame beside its keys.
constexpr std::size_t kMostSnapshotBytes = std::size_t{4} << 20;
constexpr std::size_t kSnapshotPartBytes = 60'000;

Nanos after_ms(Nanos from, std::int64_t ms) { return Nanos{from.value + ms * 1'000'000}; }

}  // namespace

// Where the engine stands, for the guard of a trainer that did not see all that led there. Not more
// often than everything is asserted.
void RunSlot::send_snapshot(Now now, Effects& effects) {
  if (!machine() || shadow() || !is_looked_at_ || !record_healthy_) return;
  if (now.mono < next_snapshot_) return;
  next_snapshot_ = after_ms(now.mono, settings_->assert_ms);
  const std::string bytes = machine()->snapshot_for_trainer();
  if (bytes.size() > kMostSnapshotBytes) {
    if (!std::exchange(snapshot_is_too_large_, true)) {
      effects.log.push_back(
          {LogLine::Level::kWarning,
           run_.text() + ": the trainer's guard gets no snapshot: " + std::to_string(bytes.size()) +
               " bytes, expected at most " + std::to_string(kMostSnapshotBytes) +
               "; it knows only what it saw itself"});
    }
    return;
  }
  effects.needs_sync = true;  // it stands on what is acknowledged
  wire::Snapshot part;
  part.epoch = epoch_;
  part.number = acknowledged(effects);
  part.parts =
      static_cast<std::int64_t>((bytes.size() + kSnapshotPartBytes - 1) / kSnapshotPartBytes);
  for (part.part = 1; part.part <= part.parts; ++part.part) {
    const std::size_t from = static_cast<std::size_t>(part.part - 1) * kSnapshotPartBytes;
    part.bytes = bytes.substr(from, kSnapshotPartBytes);
    send(part, now, effects);
  }
}

}  // namespace phaseguard::daemon
