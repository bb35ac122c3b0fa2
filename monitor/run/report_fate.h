// What became of each value that a trainer reported, folded from the record, and what of it people
// must be told. Pure; any thread.
//
//   repeated      a second value of a step: the policy takes the first of each step
//   late          a value of an earlier step than its signal's newest: recorded, never decided on
//   undeclared    of a signal that the hello does not name: nothing looks at it
//   out of range, not a number: BAD for the policy
//   joined        a part, taken into the value of its step
//
// An undeclared signal is told of at its first value, a second value of a step at once where the
// last one would count (wire/parts.h), everything else at the third in a row, until twenty values
// have come without trouble. What is wrong with the trainer's clock is told here too.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "monitor/base/elapsed.h"
#include "monitor/base/types.h"
#include "monitor/wire/messages.h"
#include "monitor/wire/parts.h"

namespace phaseguard::run {

struct RunState;

inline constexpr std::size_t kReportFates = wire::Words<wire::ReportFate>::kTexts.size();
inline constexpr std::int64_t kFatesToAlert = 3;  // in a row
inline constexpr std::int64_t kCleanToForget = 20;
// A signal without a declared cadence is due after so many steps, or three times its longest gap.
inline constexpr std::int64_t kDueAfterSteps = 20;
inline constexpr std::int64_t kDueAfterGaps = 3;
inline constexpr std::int64_t kStandingToAlert = 20;  // updates in which the clock stands
inline constexpr double kLeastBack = 1.0;             // seconds that a clock is set back by

// Of one signal.
struct SignalFates {
  std::array<std::int64_t, kReportFates> counts{};  // by wire::ReportFate
  wire::ReportFate newest = wire::ReportFate::kDecided;
  std::int64_t in_a_row = 0;  // newest values of that fate
  Step decided{-1};           // newest step decided on in this segment
  // Not kDecided: what people are told of, the step it was last seen at, and how many values since
  // were decided on.
  wire::ReportFate trouble = wire::ReportFate::kDecided;
  Step trouble_at{-1};
  std::int64_t clean = 0;
  std::int64_t longest_gap = 0;
  std::int64_t incomplete = 0;           // steps that were joined without all their parts
  std::int64_t incomplete_in_a_row = 0;  // newest steps of that kind
};

struct Fates {
  std::map<std::string, SignalFates> signals;
  Step beyond{-1};  // a step past the declared end of the run; -1: none
  Elapsed clock;    // of the present attempt
  // The newest jump of it: how far, where, and how many reports ago; NaN: none to tell of.
  double jump_s = wire::kNaN;
  Step jumped_at{-1};
  std::int64_t since_jump = 0;
};

// The report's values, before they are folded into `state` otherwise. `taken`: by value, what the
// joining made of it; empty: none is a part.
void fold_fates(RunState& state, const wire::Message& message, const wire::Report& report,
                const std::vector<wire::Taking>& taken = {});
// The values of a step that were joined from parts.
void fold_joined_fates(RunState& state, const wire::Joined& joined);
void fold_clock(RunState& state, const wire::Header& header);
// A new attempt or segment: steps may be lower again.
void begin_segment(Fates& fates);

// Those that occurred, in the order of the vocabulary.
[[nodiscard]] std::vector<wire::FateCount> counts_of(const SignalFates& fates);

// What is told of the trainer as a whole: its clock, and messages that never came.
[[nodiscard]] std::vector<wire::Alert> stream_alerts(const RunState& state);

// Alerts in force now. `reads`: whether the policy looks at the signal.
[[nodiscard]] std::vector<wire::Alert> fate_alerts(
    const RunState& state, const std::function<bool(const std::string&)>& reads);

}  // namespace phaseguard::run
