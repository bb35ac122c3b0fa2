#include "monitor/link/liveness.h"

#include <algorithm>

namespace phaseguard::link {

void Liveness::on_frame(Nanos now) {
  last_frame_ = last_frame_ ? std::max(*last_frame_, now) : now;
}

void Liveness::reset() { last_frame_.reset(); }

std::optional<Nanos> Liveness::age(Nanos now) const {
  if (!last_frame_) return std::nullopt;
  return Nanos{std::max<std::int64_t>(0, now.value - last_frame_->value)};
}

Liveness::State Liveness::state(Nanos now) const {
  const auto silence = age(now);
  if (!silence) return State::kAbsent;
  if (*silence > times_.lease) return State::kLost;
  return *silence > times_.stale ? State::kStale : State::kActive;
}

std::optional<Nanos> Liveness::next_change(Nanos now) const {
  switch (state(now)) {
    case State::kActive:
      // Stale first, unless the lease is the shorter of the two.
      return Nanos{last_frame_->value + std::min(times_.stale, times_.lease).value + 1};
    case State::kStale:
      return Nanos{last_frame_->value + times_.lease.value + 1};
    case State::kAbsent:
    case State::kLost:
      break;
  }
  return std::nullopt;
}

std::optional<Liveness::State> Liveness::advance(Nanos now) {
  const State present = state(now);
  if (present == told_) return std::nullopt;
  told_ = present;
  return present;
}

}  // namespace phaseguard::link
