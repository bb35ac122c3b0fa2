#include "monitor/policy/laws/detector.h"

#include <algorithm>

#include "monitor/policy/laws/law_row.h"

namespace phaseguard::policy {

namespace {

// Above the threshold often enough, past warm-up. By the clock, no measurement is needed for that.
bool is_full(const DetectorSpec& spec, const DetectorState& state) {
  if (state.streak < spec.consecutive) return false;
  return state.n > spec.warmup || row_of(spec).clock != nullptr;
}

void take_good(const DetectorSpec& spec, DetectorState& state, const Point& point) {
  ++state.n;
  state.faults = 0;
  Compared compared = row_of(spec).take(spec, state.law, point);
  if (std::isnan(compared.statistic)) compared = {};  // never trips, and always the same bits
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

}  // namespace

void feed(const DetectorSpec& spec, DetectorState& state, Step step, Quality quality, double value,
          const Rows& rows) {
  if (step <= state.step) {
    ++state.ignored;
    return;
  }
  const Point point{step, value, rows};
  const auto admits = row_of(spec).admits;
  const bool usable =
      quality != Quality::kGood || admits == nullptr || admits(spec, state.law, point);
  state.step = step;
  state.quality = usable ? quality : Quality::kBad;
  state.value = value;
  if (spec.until_step && step > *spec.until_step) return;
  if (step.value == 0) {
    state.quiet_step = step;
    return;
  }
  if (state.quality == Quality::kGood) {
    take_good(spec, state, point);
  } else {
    take_fault(spec, state);
  }
  hold(spec, state);
  if (is_calm(state)) state.quiet_step = step;
  note_first_vote(spec, state, step);
}

void age(const DetectorSpec& spec, DetectorState& state, const Moment& now) {
  const Clock* clock = row_of(spec).clock;
  if (clock == nullptr) return;
  const double passed = clock->passed(spec, state.law, now);
  state.statistic = std::isfinite(passed) ? passed : wire::kNaN;
  state.streak = state.statistic > threshold_of(spec, state.law) ? 1 : 0;
  note_first_vote(spec, state, now.step);
}

bool is_voting(const DetectorSpec& spec, const DetectorState& state) {
  if (state.held || is_full(spec, state)) return true;
  return spec.bad == BadSignal::kVote && state.faults >= kFaultsToVote && !has_streak(spec.law);
}

bool is_quiet(const DetectorSpec& spec, const DetectorState& state) {
  return state.quality == Quality::kGood && state.n > spec.warmup && !is_voting(spec, state);
}

void carry_over(const DetectorSpec& spec, DetectorState& state, Step start) {
  state.n_at_start = state.n;
  state.step = std::min(state.step, start);
  state.quiet_step = std::min(state.quiet_step, start);
  if (const Clock* clock = row_of(spec).clock) clock->carry_over(state.law, start);
}

Step earliest_step(std::int64_t cadence, std::int64_t warmup, std::int64_t consecutive) {
  return Step{cadence * std::max(warmup + 1, consecutive)};
}

}  // namespace phaseguard::policy
