#include "monitor/policy/detector.h"

#include <algorithm>

#include "monitor/base/check.h"

namespace phaseguard::policy {

namespace {

// What is compared after the GOOD value `x`: `x` itself, or the EWMA it moves.
struct Next {
  double x;
  double y;  // statistic so far; NaN before the first counted value
  double operator()(const LevelLaw&) const { return x; }
  double operator()(const EwmaLaw& law) const {
    return std::isnan(y) ? x : y + law.alpha * (x - y);
  }
};

}  // namespace

void feed(const DetectorSpec& spec, DetectorState& state, Step step, Quality quality,
          double value) {
  if (step <= state.step) {
    ++state.ignored;
    return;
  }
  state.step = step;
  state.quality = quality;
  state.value = value;
  if (step.value == 0) {
    state.quiet_step = step;
    return;
  }
  if (quality == Quality::kGood) {
    ++state.n;
    state.statistic = std::visit(Next{value, state.statistic}, spec.law);
    state.streak = state.statistic > spec.above ? state.streak + 1 : 0;
    if (state.streak == 0) state.quiet_step = step;
  } else if (spec.bad == BadSignal::kVote) {
    ++state.n;
    ++state.streak;
  } else {
    state.streak = 0;
  }
  if (state.first_vote.value < 0 && is_voting(spec, state)) state.first_vote = step;
}

bool is_voting(const DetectorSpec& spec, const DetectorState& state) {
  return state.n > spec.warmup && state.streak >= spec.consecutive;
}

double ewma_alpha(double halflife) {
  PHASEGUARD_CHECK(halflife > 0.0);
  return -std::expm1(-kLn2 / halflife);  // 1 - 2^(-1/halflife) without its cancellation
}

Step earliest_step(std::int64_t cadence, std::int64_t warmup, std::int64_t consecutive) {
  return Step{cadence * std::max(warmup + 1, consecutive)};
}

}  // namespace phaseguard::policy
