// What the file says about one detector. Part of document.h; docs/POLICY.md explains each type.
// What a law does with it (its keys, its arithmetic, its sentences) is its row(), in
// laws/<law>.cpp.
//
// x is a counted GOOD measurement, n counts them. "Streak" laws compare each measurement and want
// `consecutive` in a row; the others carry evidence from one measurement to the next and vote as
// long as it stays above its limit. Comparisons are strict (>) but for eprocess (>=).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>

#include "monitor/base/types.h"
#include "monitor/policy/place.h"
#include "monitor/policy/source_spec.h"
#include "monitor/policy/span.h"

namespace phaseguard::policy {

// How a BAD or MISSING measurement counts (docs/POLICY.md).
enum class BadSignal : std::uint8_t {
  kAlarm,  // breaks a streak, is not counted; evidence of a law without streak is kept
  kVote    // is counted as above the threshold; without streak: three in a row vote
};

struct LawRow;  // laws/law_row.h

// ---- streak laws: threshold DetectorSpec::above, hysteresis DetectorSpec::clear

// The measured value, in the signal's unit. No null hypothesis, no error rate.
struct LevelLaw {
  static const LawRow& row();
};
// y_1 = x_1; y += alpha (x - y), in the signal's unit.
struct EwmaLaw {
  double halflife = 1.0;  // in measurements
  double alpha = 0.5;     // 1 - 2^(-1/halflife), computed once by libm when the policy is read
  static const LawRow& row();
};
// Least-squares slope over the last `window` measurements, in the signal's unit per step.
struct RateLaw {
  std::int64_t window = 2;  // 2..4096
  static const LawRow& row();
};
// (x - mean) / sd of the `window` measurements before this one, population sd; sd 0: no value.
struct ZscoreLaw {
  std::int64_t window = 2;  // 2..4096
  static const LawRow& row();
};
// Increment of an exponential average against the first increments: E_1 = x_1,
// E_i = keep E_{i-1} + (1 - keep) x_i, Delta_i = E_i - E_{i-1}; the first `calibrate` of them give
// median and MAD; above: Delta > median + mads MAD. DetectorSpec::warmup is 1 + calibrate.
struct MadShiftLaw {
  double keep = 0.9;           // (0, 1)
  std::int64_t calibrate = 5;  // 1..4096
  double mads = 3.0;           // >= 0
  static const LawRow& row();
};

// ---- laws without streak

// S_0 = 0; S = max(0, S + x - mean - slack); S > limit. Null: independent with mean <= `mean`.
struct CusumLaw {
  double mean = 0.0;
  double slack = 0.0;  // >= 0
  double limit = 0.0;  // > 0
  static const LawRow& row();
};
// m += x - running mean - delta; m - min m > limit. Null: the mean does not grow.
struct PageHinkleyLaw {
  double delta = 0.0;  // >= 0
  double limit = 0.0;  // > 0
  static const LawRow& row();
};
// Jensen-Shannon divergence, in nats, of the mean distributions of the `window` measurements left
// and right of a candidate, mean over rows; decided `window` measurements after it.
struct WindowJsLaw {
  std::int64_t window = 1;  // 1..32
  static const LawRow& row();
};
// A wealth process over x in [0, 1] (outside: BAD for this detector). Null: the conditional mean is
// at most null_mean. Gain G = 1 + bet (x - null_mean), bet in 0..1/null_mean; votes at
// M >= 1/alpha.
enum class EForm : std::uint8_t {
  kVille,  // M_0 = 1; M = M G: P(a false alarm ever) <= alpha
  kEsr,    // M_0 = 0; M = (M + 1) G: average run length >= 1/alpha
  kEcusum  // M_0 = 1; M = max(M, 1) G: average run length >= 1/alpha
};
struct EprocessLaw {
  EForm form = EForm::kVille;
  double null_mean = 0.5;  // (0, 1)
  double bet = 0.0;
  double alpha = 0.05;  // (0, 1)
  static const LawRow& row();
};
// No GOOD measurement for longer than `after`.
struct StaleLaw {
  Span after;  // intervals, steps or seconds
  static const LawRow& row();
};

using DetectorLaw = std::variant<LevelLaw, EwmaLaw, RateLaw, ZscoreLaw, MadShiftLaw, CusumLaw,
                                 PageHinkleyLaw, WindowJsLaw, EprocessLaw, StaleLaw>;

// The word of `type = ...`.
[[nodiscard]] const char* name_of(const DetectorLaw& law);

// Level, ewma, rate, zscore and mad_shift: `consecutive` means something.
[[nodiscard]] bool has_streak(const DetectorLaw& law);

// Defaults are those of the file: `consecutive` 1 (mad_shift: 2), `warmup` 0, `bad` as
// [on] bad_signal, no hysteresis.
struct DetectorSpec {
  std::string name;
  SourceSpec source;
  std::string variant;  // of a divergence, must equal the declared one; "": any
  DetectorLaw law;
  double above = 0.0;  // of level, ewma, rate, zscore and window_js: strict
  std::int64_t consecutive = 1;
  std::int64_t warmup = 0;  // holds only after more than so many counted measurements
  // Set, at most `above`: once voting, it votes on until clear_consecutive counted measurements in
  // a row are at most `clear`.
  std::optional<double> clear;
  std::int64_t clear_consecutive = 1;
  BadSignal bad = BadSignal::kAlarm;
  // Its line is the signal's own declared noise and so many sd more; `above` (of cusum: `mean`) is
  // NaN until a declaration resolves it (resolved() in document.h). Then `clear` is `above`.
  std::optional<double> noise_sds;
  std::optional<double> limit_sds;  // so is `limit`, in sd of that noise
  // Its early window: a measurement of a later step is shown and not counted, and its vote stays as
  // it was then; none: all steps.
  std::optional<Step> until_step;
  std::string group;  // detectors of the same one are one vote of a count; "": each its own
  Place place;
};

}  // namespace phaseguard::policy
