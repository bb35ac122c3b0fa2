// Series derived from several others: measured at a step where every member has its measurement of
// that same step. Private to the policy room; used by the tracker.
#pragma once

#include "monitor/policy/engine/machine_state.h"

namespace phaseguard::policy {

// Steps that may wait for their last member; when more are begun the first one is given up, and
// then found missing by the join's own cadence.
inline constexpr std::size_t kMaxPartials = 64;

struct Joined {
  Quality quality = Quality::kMissing;
  double value = wire::kNaN;
  // The members were GOOD, or there are none: a fault is then the join's own, not told already.
  bool members_good = true;
};

[[nodiscard]] inline bool is_join(const SignalTrack& track) { return !track.members.empty(); }

// Room for the steps that wait; forgets those that did.
void clear_partials(SignalTrack& join);

// Member number `place` of `join` was measured at `step`. True: that completed the step, `out` is
// the join's measurement, and steps before it wait no longer. A step at or before the join's newest
// measurement is not taken.
[[nodiscard]] bool take_member(SignalTrack& join, std::size_t place, Step step, Quality quality,
                               double value, Joined& out);

// The items of a vector signal as one number: their maximum or their mean. BAD when one is not
// finite or outside the track's range, or when there are none.
[[nodiscard]] Joined combine_items(const SignalTrack& track, const std::vector<double>& items);

}  // namespace phaseguard::policy
