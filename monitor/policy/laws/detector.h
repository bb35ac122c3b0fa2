// Detectors: one measurement in, one streak and one vote out, exactly as docs/POLICY.md
// says. Plain functions on plain state; pure; any thread. Used by Machine, and directly by replay
// and by the conformance runner:
//
//   DetectorSpec spec;  spec.law = LevelLaw{} or EwmaLaw{halflife, ewma_alpha(halflife)} or ...;
//   spec.above/.consecutive/.warmup/.bad/.clear = ...;
//   DetectorState state;
//   for each [step, value]: feed(spec, state, Step{step}, quality_of(value), value);
//   then state.n, state.streak, state.statistic, is_voting(spec, state), state.first_vote (step at
//   which the condition held first; -1: never).
#pragma once

#include <cmath>
#include <cstdint>

#include "monitor/base/types.h"
#include "monitor/policy/document.h"
#include "monitor/policy/laws/laws.h"

namespace phaseguard::policy {

struct DetectorState {
  std::int64_t n = 0;             // counted measurements
  std::int64_t streak = 0;        // counted measurements in a row above the threshold
  double statistic = wire::kNaN;  // what is compared, of the last GOOD measurement; NaN: none yet
  Step step{-1};                  // of the last measurement, baseline included; -1: none yet
  Quality quality = Quality::kMissing;  // of the last measurement, as this detector could use it
  double value = wire::kNaN;            // of the last measurement, raw
  Step quiet_step{-1};       // newest measurement that was GOOD and calm, or the baseline; -1: none
  Step first_vote{-1};       // first step at which the condition held; -1: never
  std::int64_t ignored = 0;  // duplicates and late points
  std::int64_t faults = 0;   // BAD or MISSING measurements in a row
  bool held = false;         // hysteresis: it voted and has not been cleared
  std::int64_t clear_streak = 0;  // counted measurements in a row at or below `clear`
  std::int64_t n_at_start = 0;    // n when the attempt began: above 0 where it was carried over
  LawState law;
};

// Takes the measurement of one step. Step 0 is the baseline: shown, never counted, whatever its
// signal (a data signal sent before step 0 included). A step at or before the last one is ignored
// and counted as such. A BAD or MISSING value is never compared and leaves the law's state alone:
// bad = "alarm" breaks a streak, bad = "vote" counts it as above the threshold (without streak:
// three in a row vote). Neither touches hysteresis' count of clear measurements but for "vote",
// which restarts it. `rows`: of a signal of distributions; window_js alone reads them.
void feed(const DetectorSpec& spec, DetectorState& state, Step step, Quality quality, double value,
          const Rows& rows = {});

// Lets time pass for a detector whose law goes by the clock (`stale`; others: nothing): its
// statistic is what went by since the newest GOOD measurement or the start, in the unit of `after`.
void age(const DetectorSpec& spec, DetectorState& state, const Moment& now);

// The condition holds now: more than `warmup` measurements counted and a long enough streak, or
// evidence above its limit; or it held and is not yet cleared (hysteresis); or lost data votes.
[[nodiscard]] bool is_voting(const DetectorSpec& spec, const DetectorState& state);

// Evidence that all is well: the newest measurement is GOOD, past warm-up, and it does not vote.
[[nodiscard]] bool is_quiet(const DetectorSpec& spec, const DetectorState& state);

// The newest measurement is counted, GOOD and not above the threshold, and hysteresis holds
// nothing.
[[nodiscard]] inline bool is_calm(const DetectorState& state) {
  return state.n > 0 && state.quality == Quality::kGood && state.streak == 0 && !state.held;
}

// Something is up with it now: above its threshold, if only once, or held.
[[nodiscard]] inline bool is_raised(const DetectorState& state) {
  return state.streak > 0 || state.held;
}

// A new attempt goes on with the state of the one before (resume = "carried"): measurements after
// `start` that it has already seen are measured again.
void carry_over(const DetectorSpec& spec, DetectorState& state, Step start);

// First step at which a level or ewma detector can vote at all, measured every `cadence` steps from
// step `cadence` on: cadence * max(warmup + 1, consecutive).
[[nodiscard]] Step earliest_step(std::int64_t cadence, std::int64_t warmup,
                                 std::int64_t consecutive);

// GOOD when finite: for a value of which no range is declared.
[[nodiscard]] inline Quality quality_of(double value) {
  return std::isfinite(value) ? Quality::kGood : Quality::kBad;
}

}  // namespace phaseguard::policy
