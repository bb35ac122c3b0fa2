#include "monitor/policy/laws/detector.h"

#include <algorithm>

#include "monitor/base/check.h"

namespace phaseguard::policy {

namespace {

// Above the threshold often enough, past warm-up. A stale signal needs no measurement for that.
bool is_full(const DetectorSpec& spec, const DetectorState& state) {
  if (state.streak < spec.consecutive) return false;
  return state.n > spec.warmup || std::holds_alternative<StaleLaw>(spec.law);
}

void take_good(const DetectorSpec& spec, DetectorState& state, Step step, double value,
               const Rows& rows) {
  ++state.n;
  state.faults = 0;
  const Compared compared = take(spec, state.law, step, value, rows);
  state.statistic = compared.statistic;
  state.streak = compared.tripped ? state.streak + 1 : 0;
  if (spec.clear) {
    state.clear_streak = compared.statistic <= *spec.clear ? state.clear_streak + 1 : 0;
  }
}

void take_fault(const DetectorSpec& spec, DetectorState& state) {
  ++state.faults;
  if (!has_streak(spec.law)) return;
  if (spec.bad == BadSignal::kVote) {
    ++state.n;
    ++state.streak;
    state.clear_streak = 0;
  } else {
    state.streak = 0;
  }
}

void hold(const DetectorSpec& spec, DetectorState& state) {
  if (!spec.clear) return;
  if (is_full(spec, state)) {
    state.held = true;
  } else if (state.clear_streak >= spec.clear_consecutive) {
    state.held = false;
  }
}

void note_first_vote(const DetectorSpec& spec, DetectorState& state, Step step) {
  if (state.first_vote.value < 0 && is_voting(spec, state)) state.first_vote = step;
}

// What went by since the newest GOOD measurement, in the unit of `after`; NaN: not known.
double elapsed(const StaleLaw& law, const LawState& state, const Moment& now) {
  if (law.after.unit == SpanUnit::kSeconds) return now.time - state.since;
  const Step from = std::max(state.good, now.start);
  const auto steps = static_cast<double>(now.step.value - from.value);
  if (law.after.unit == SpanUnit::kSteps) return steps;
  return now.every_steps > 0 ? steps / static_cast<double>(now.every_steps) : wire::kNaN;
}

}  // namespace

void feed(const DetectorSpec& spec, DetectorState& state, Step step, Quality quality, double value,
          const Rows& rows) {
  if (step <= state.step) {
    ++state.ignored;
    return;
  }
  const bool usable = quality != Quality::kGood || admits(spec, state.law, value, rows);
  state.step = step;
  state.quality = usable ? quality : Quality::kBad;
  state.value = value;
  if (step.value == 0) {
    state.quiet_step = step;
    return;
  }
  if (state.quality == Quality::kGood) {
    take_good(spec, state, step, value, rows);
  } else {
    take_fault(spec, state);
  }
  hold(spec, state);
  if (is_calm(state)) state.quiet_step = step;
  note_first_vote(spec, state, step);
}

void age(const DetectorSpec& spec, DetectorState& state, const Moment& now) {
  const auto* stale = std::get_if<StaleLaw>(&spec.law);
  if (stale == nullptr) return;
  LawState& law = state.law;
  if (law.fresh || !(law.since <= now.time)) law.since = now.time;
  law.fresh = false;
  const double passed = elapsed(*stale, law, now);
  state.statistic = std::isfinite(passed) ? passed : wire::kNaN;
  state.streak = state.statistic > stale->after.count ? 1 : 0;
  note_first_vote(spec, state, now.step);
}

bool is_voting(const DetectorSpec& spec, const DetectorState& state) {
  if (state.held || is_full(spec, state)) return true;
  return spec.bad == BadSignal::kVote && state.faults >= kFaultsToVote && !has_streak(spec.law);
}

bool is_quiet(const DetectorSpec& spec, const DetectorState& state) {
  return state.quality == Quality::kGood && state.n > spec.warmup && !is_voting(spec, state);
}

void carry_over(DetectorState& state, Step start) {
  state.n_at_start = state.n;
  state.step = std::min(state.step, start);
  state.quiet_step = std::min(state.quiet_step, start);
  state.law.good = std::min(state.law.good, start);
  state.law.since = wire::kNaN;
  state.law.fresh = false;
}

double ewma_alpha(double halflife) {
  PHASEGUARD_CHECK(halflife > 0.0);
  return -std::expm1(-kLn2 / halflife);  // 1 - 2^(-1/halflife) without its cancellation
}

Step earliest_step(std::int64_t cadence, std::int64_t warmup, std::int64_t consecutive) {
  return Step{cadence * std::max(warmup + 1, consecutive)};
}

}  // namespace phaseguard::policy
