// How soon a detector can vote at all: the floor below which a firing step says nothing.
#include <algorithm>
#include <cmath>

#include "monitor/policy/laws/laws.h"

namespace phaseguard::policy {

namespace {

// Accumulation is followed for so many measurements; beyond, the count is a lower bound.
constexpr std::int64_t kMostFollowed = 4096;
constexpr std::int64_t kNever = -1;

struct Least {
  const DetectorSpec& spec;
  double max;  // of the signal

  std::int64_t streak_from(std::int64_t first) const {
    return std::max(spec.warmup + 1, first + spec.consecutive - 1);
  }

  std::int64_t operator()(const LevelLaw&) const { return streak_from(1); }
  std::int64_t operator()(const EwmaLaw&) const { return streak_from(1); }
  std::int64_t operator()(const RateLaw& law) const { return streak_from(law.window); }
  std::int64_t operator()(const ZscoreLaw& law) const { return streak_from(law.window + 1); }
  std::int64_t operator()(const MadShiftLaw& law) const { return streak_from(law.calibrate + 2); }
  std::int64_t operator()(const PageHinkleyLaw&) const { return 2; }  // x_1 is its own mean
  std::int64_t operator()(const WindowJsLaw& law) const { return 2 * law.window; }
  std::int64_t operator()(const StaleLaw&) const { return 0; }

  // The largest values there can be, in the law's own arithmetic: rounding is monotone, so nothing
  // is faster.
  std::int64_t operator()(const CusumLaw&) const {
    if (!std::isfinite(max)) return 1;
    LawState state;
    for (std::int64_t n = 1; n < kMostFollowed; ++n) {
      const Compared now = take(spec, state, Step{n}, max, {});
      if (now.tripped) return n;
      if (!(now.statistic > 0.0)) return kNever;
    }
    return kMostFollowed;
  }
  std::int64_t operator()(const EprocessLaw& law) const {
    LawState state;
    double before = law.form == EForm::kEsr ? 0.0 : 1.0;
    for (std::int64_t n = 1; n < kMostFollowed; ++n) {
      const Compared now = take(spec, state, Step{n}, std::min(max, 1.0), {});
      if (now.tripped) return n;
      if (!(now.statistic > before)) return kNever;
      before = now.statistic;
    }
    return kMostFollowed;
  }
};

}  // namespace

std::int64_t least_points(const DetectorSpec& spec, double max) {
  const std::int64_t by_law = std::visit(Least{spec, max}, spec.law);
  if (spec.bad != BadSignal::kVote || std::holds_alternative<StaleLaw>(spec.law)) return by_law;
  // Lost data may vote before any value could.
  const std::int64_t by_faults =
      has_streak(spec.law) ? std::max(spec.warmup + 1, spec.consecutive) : kFaultsToVote;
  return by_law == kNever ? by_faults : std::min(by_law, by_faults);
}

}  // namespace phaseguard::policy
