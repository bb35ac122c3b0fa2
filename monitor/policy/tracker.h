// From reports to measurements: which signal a sample is, its quality, and what is missing. Private
// to the policy room.
#pragma once

#include <string>
#include <vector>

#include "monitor/policy/machine_state.h"

namespace phaseguard::policy {

// Tracks for every declared signal and for every item that a detector watches; policy and
// declaration fit (check_fit).
void declare_signals(MachineState& state, const wire::Hello& hello);

// A new attempt or segment from `start` on: detectors and gaps begin afresh.
void restart_signals(MachineState& state, Step start);

// Feeds one report's samples to the detectors. A signal that has just been BAD or MISSING three
// times in a row is added to `faulty`, here and below.
void take_samples(MachineState& state, const wire::Report& report, Step step,
                  std::vector<std::string>& faulty);

// Feeds MISSING for every measurement of a watched signal that was due `missing_after` intervals
// ago, the due one counted as the first, and did not come.
void infer_missing(MachineState& state, Step step, std::vector<std::string>& faulty);

// Of one detector as declared; -1: its signal has no fixed cadence.
[[nodiscard]] Step earliest_step_of(const MachineState& state, std::size_t detector);

// The declaration that `signal` names, itself or by one of its canary items; null: none. `item`:
// its index, -1 for the value itself.
[[nodiscard]] const wire::SignalDecl* find_declared(const wire::Hello& hello,
                                                    const std::string& signal, std::int64_t& item);

}  // namespace phaseguard::policy
