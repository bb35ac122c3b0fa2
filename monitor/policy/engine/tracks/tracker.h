// From reports to measurements: which series a sample feeds, its quality, and what is missing.
// Private to the policy room.
#pragma once

#include <string>
#include <vector>

#include "monitor/policy/engine/machine_state.h"
#include "monitor/policy/source.h"

namespace phaseguard::policy {

// Tracks for every declared signal and for every series that a detector watches; policy and
// declaration fit (check_fit). Forgets the tracks there were: controllers resolve theirs anew.
void declare_signals(MachineState& state, const wire::Hello& hello);

// The track of `source`, made when there is none yet; it is then watched, so that missing
// measurements are noticed. -1: not declared. `keep_items`: SignalTrack::items is wanted (per
// sample, per canary). To be called after declare_signals and before restart_signals.
[[nodiscard]] std::int64_t resolve_source(MachineState& state, const wire::Hello& hello,
                                          const SourceSpec& source, bool keep_items = false);

// Finds again which tracks a declared signal feeds: after the tracks of a snapshot were read.
void index_samples(MachineState& state);

// A new attempt or segment from `start` on: gaps begin afresh, and detectors too unless they are
// `carried` over.
void restart_signals(MachineState& state, Step start, bool carried = false);

// Feeds one report's samples to the detectors. A series that has just been BAD or MISSING three
// times in a row is added to `faulty`, here and below.
void take_samples(MachineState& state, const wire::Report& report, Step step,
                  std::vector<std::string>& faulty);

// Feeds MISSING for every measurement of a watched series that was due `missing_after` intervals
// ago, the due one counted as the first, and did not come.
void infer_missing(MachineState& state, Step step, std::vector<std::string>& faulty);

// The trainer has come to `step`, and its clock to `t`: both only grow within an attempt. `stale`
// detectors look at them. To be called for every event of the attempt, after its samples.
void observe(MachineState& state, Step step, double t);

// Of one detector as declared; -1: its signal has no fixed cadence, or it can never vote.
[[nodiscard]] Step earliest_step_of(const MachineState& state, std::size_t detector);

}  // namespace phaseguard::policy
