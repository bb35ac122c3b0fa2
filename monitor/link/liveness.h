// Whether the other end of a link still speaks, from the time of its last frame. The trainer's hook
// uses it for the daemon (LINKED, STALE, LOST), the daemon for the trainer (ACTIVE, SILENT, LOST).
// Pure: time is an argument, monotonic. C++17-clean.
#pragma once

#include <cstdint>
#include <optional>

#include "monitor/base/types.h"

namespace phaseguard::link {

struct LivenessTimes {
  Nanos stale{2'000'000'000};   // silence after which the link counts as stale (silent)
  Nanos lease{10'000'000'000};  // silence after which it counts as lost
};

class Liveness {
 public:
  enum class State : std::uint8_t {
    kAbsent,  // nothing heard yet
    kActive,
    kStale,
    kLost,
  };

  explicit Liveness(LivenessTimes times = {}) : times_(times) {}

  // A frame came in. A `now` before an earlier one is taken as the earlier one.
  void on_frame(Nanos now);
  // Back to kAbsent: a new attempt, or the link was closed in good order.
  void reset();
  void set_times(LivenessTimes times) { times_ = times; }

  // An age equal to a limit is within it.
  [[nodiscard]] State state(Nanos now) const;
  // Nanoseconds since the last frame, never negative; nothing when none came.
  [[nodiscard]] std::optional<Nanos> age(Nanos now) const;
  // When state() changes next if nothing comes; nothing when it stays as it is. For a poll's
  // timeout.
  [[nodiscard]] std::optional<Nanos> next_change(Nanos now) const;

  // The state if it differs from what the last call of advance() gave: to be recorded once.
  [[nodiscard]] std::optional<State> advance(Nanos now);

 private:
  LivenessTimes times_;
  std::optional<Nanos> last_frame_;
  State told_ = State::kAbsent;
};

}  // namespace phaseguard::link
