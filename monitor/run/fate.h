// What became of an operator's command, and of a signal's values in words: one answer for the
// command line and the dashboard. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "monitor/run/state.h"

namespace phaseguard::run {

enum class Fate : std::uint8_t {
  kUnknown,     // it is not in the record that was folded
  kPending,     // it moves a knob, and the trainer has not said yet that it obeys
  kApplied,     // the trainer reported a state version, or decision, at or above the command's own
  kDone,        // it moves no knob: there is nothing to apply
  kShadow,      // the run is in shadow mode, and the trainer is not told of it
  kUnreported,  // the trainer speaks 1.0 and does not say which decision it applies
  kSuperseded   // a new attempt of the trainer began meanwhile: see what is in force now
};

struct CommandFate {
  Fate fate = Fate::kUnknown;
  std::string knob;  // that it moves; "": none
  double value = wire::kNaN;
  Step step{-1};             // kApplied: first step at which the knob's present value is in force
  std::int64_t version = 0;  // state version that the command led to; 0: none
};

// `command`: its place in the record. Never by a value that happens to match.
[[nodiscard]] CommandFate fate_of(const RunState& state, Seq command);

// "3 late, 12 joined, 1 step incomplete": the values that were not decided on as they came; "":
// none.
[[nodiscard]] std::string fates_text(const std::vector<wire::FateCount>& fates,
                                     std::int64_t incomplete);

}  // namespace phaseguard::run
