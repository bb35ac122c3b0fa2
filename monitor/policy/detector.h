// Detectors: one measurement in, one streak and one vote out, exactly as SCIENCE.md sections 3 and
// 10 say. Plain functions on plain state; pure; any thread. Used by Machine, and directly by the
// conformance runner:
//
//   ops level, ewma:  DetectorSpec spec; spec.above/.consecutive/.warmup/.bad = ...;
//                     spec.law = LevelLaw{} or EwmaLaw{halflife, ewma_alpha(halflife)};
//                     DetectorState state;  for each [step, value]:
//                       feed(spec, state, Step{step}, quality_of(value), value);
//                     (null in the vectors: Quality::kMissing) then compare state.n, state.streak,
//                     state.statistic (y), first_vote.value >= 0 (fired: it is latched there) and
//                     first_vote (fired_at; -1 = null).
//   op earliest_step: earliest_step(cadence, warmup, consecutive)
#pragma once

#include <cmath>
#include <cstdint>

#include "monitor/base/types.h"
#include "monitor/policy/document.h"

namespace phaseguard::policy {

struct DetectorState {
  std::int64_t n = 0;             // counted measurements
  std::int64_t streak = 0;        // counted measurements in a row above the threshold
  double statistic = wire::kNaN;  // what is compared: the value, or an EWMA's y; NaN: none yet
  Step step{-1};                  // of the last measurement, baseline included; -1: none yet
  Quality quality = Quality::kMissing;  // of the last measurement
  double value = wire::kNaN;            // of the last measurement, raw
  Step quiet_step{-1};  // newest measurement with streak 0 that was GOOD, or the baseline; -1: none
  Step first_vote{-1};  // first step at which the condition held; -1: never
  std::int64_t ignored = 0;  // duplicates and late points
};

// Takes the measurement of one step. Step 0 is the baseline: shown, never counted, whatever its
// signal (a data signal sent before step 0 included). A step at or before the last one is ignored
// and counted as such. A BAD or MISSING value is never compared and leaves an EWMA's y alone.
void feed(const DetectorSpec& spec, DetectorState& state, Step step, Quality quality, double value);

// The condition holds now: more than `warmup` measurements counted and a long enough streak.
[[nodiscard]] bool is_voting(const DetectorSpec& spec, const DetectorState& state);

// 1 - 2^(-1/halflife), halflife > 0 in measurements. The one place where policy uses libm.
[[nodiscard]] double ewma_alpha(double halflife);

// First step at which such a detector can vote at all, measured every `cadence` steps from step
// `cadence` on: cadence * max(warmup + 1, consecutive).
[[nodiscard]] Step earliest_step(std::int64_t cadence, std::int64_t warmup,
                                 std::int64_t consecutive);

// GOOD when finite: for a value of which no range is declared.
[[nodiscard]] inline Quality quality_of(double value) {
  return std::isfinite(value) ? Quality::kGood : Quality::kBad;
}

}  // namespace phaseguard::policy
