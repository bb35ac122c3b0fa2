// The laws of the detectors: what each compares, as incremental state in + - * / and sqrt alone.
// Plain functions on plain state; pure; any thread. Private to the policy room: detector.h is the
// way in, law_row.h has the parts of a law.
#pragma once

#include <cstdint>
#include <vector>

#include "monitor/base/span.h"
#include "monitor/base/types.h"
#include "monitor/policy/detector_spec.h"
#include "monitor/wire/messages.h"

namespace phaseguard::policy {

// Distributions that came with a measurement (window_js), checked by are_distributions.
struct Rows {
  phaseguard::Span<const double> items;  // row after row
  std::int64_t columns = 0;              // 0: the signal has none
};

// One measurement.
struct Point {
  Step step;
  double x = wire::kNaN;
  Rows rows;
};

// Everything a law remembers; which fields, its own line below says. Windows are allocated once, at
// the first measurement.
struct LawState {
  double y = wire::kNaN;  // ewma y, mad_shift E, cusum S, page_hinkley m, eprocess M; NaN: at start
  double low = 0.0;       // page_hinkley: smallest m so far, m_0 = 0 included
  double sum = 0.0;       // page_hinkley: of x
  double threshold = wire::kNaN;    // mad_shift: med + mads * MAD; NaN: still calibrating
  std::vector<double> values;       // rate, zscore, window_js: ring; mad_shift: first increments
  std::vector<std::int64_t> steps;  // rate, window_js: of `values`
  std::int64_t next = 0;            // ring: the place that is written next
  std::int64_t columns = 0;         // window_js: of the rows it holds; 0: none yet
  double peak = wire::kNaN;         // window_js: largest dissimilarity so far ...
  Step peak_step{-1};               // ... and the last step on the left of that candidate
  Step good{-1};                    // stale: newest GOOD measurement; -1: none
  double since = wire::kNaN;        // stale: the trainer's time then, or at the start
  bool fresh = false;               // stale: `good` is newer than `since`
};

struct Compared {
  double statistic = wire::kNaN;  // NaN: nothing to compare yet
  bool tripped = false;           // it is above (eprocess: at or above) its threshold
};

// What the statistic is compared with; NaN: not known yet (mad_shift while it calibrates).
[[nodiscard]] double threshold_of(const DetectorSpec& spec, const LawState& state);

// Where the trainer is, for a law that goes by the clock. `start`: step at which the attempt began;
// `time`: the trainer's clock, NaN: not known; `every_steps`: the signal's cadence, 0: none.
struct Moment {
  Step step;
  Step start;
  double time = wire::kNaN;
  std::int64_t every_steps = 0;
};

// BAD or MISSING measurements in a row after which a law without streak votes (bad = "vote").
inline constexpr std::int64_t kFaultsToVote = 3;

// The smallest number of counted measurements of at most `max` after which the detector can vote at
// all: warm-up, windows and streaks, and for cusum and eprocess how fast evidence can grow. A lower
// bound (exact but for page_hinkley and long accumulations); -1: it can never vote. Of stale: 0.
[[nodiscard]] std::int64_t least_points(const DetectorSpec& spec, double max);

// 1 - 2^(-1/halflife), halflife > 0 in measurements. The one place where policy uses libm.
[[nodiscard]] double ewma_alpha(double halflife);

}  // namespace phaseguard::policy
