// stale: no GOOD measurement for too long, by the clock.
#include <algorithm>

#include "monitor/base/text.h"
#include "monitor/policy/laws/law_row.h"
#include "monitor/policy/phrases.h"

namespace phaseguard::policy {

namespace {

Compared take(const DetectorSpec&, LawState& state, const Point& now) {
  state.good = now.step;
  state.fresh = true;
  return {0.0, false};
}

void carry_over(LawState& state, Step start) {
  state.good = std::min(state.good, start);
  state.since = wire::kNaN;
  state.fresh = false;
}

// What went by since the newest GOOD measurement or the start, in the unit of `after`.
double passed(const DetectorSpec& spec, LawState& state, const Moment& now) {
  if (state.fresh || !(state.since <= now.time)) state.since = now.time;
  state.fresh = false;
  const SpanUnit unit = own<StaleLaw>(spec).after.unit;
  if (unit == SpanUnit::kSeconds) return now.time - state.since;
  const Step from = std::max(state.good, now.start);
  const auto steps = static_cast<double>(now.step.value - from.value);
  if (unit == SpanUnit::kSteps) return steps;
  return now.every_steps > 0 ? steps / static_cast<double>(now.every_steps) : wire::kNaN;
}

Step earliest(const DetectorSpec& spec, Step start, std::int64_t every_steps) {
  const Span& after = own<StaleLaw>(spec).after;
  if (after.unit == SpanUnit::kSteps) return Step{start.value + whole(after) + 1};
  if (after.unit != SpanUnit::kIntervals || every_steps == 0) return Step{-1};
  return Step{start.value + whole(after) * every_steps + 1};
}

std::string vote_text(const DetectorSpec& spec, double statistic) {
  const Span gone{statistic, own<StaleLaw>(spec).after.unit};
  return " no good " + to_text(spec.source) + " for " + rounded(gone.count) +
         to_text(gone).substr(number_text(gone.count).size());
}

std::string unit(const DetectorSpec& spec, const std::string&) {
  const SpanUnit unit = own<StaleLaw>(spec).after.unit;
  if (unit == SpanUnit::kSeconds) return "s";
  return unit == SpanUnit::kSteps ? "steps" : "intervals";
}

std::string watched(const DetectorSpec& spec, const std::string& signal) {
  return "no good measurement of " + signal + " has come for longer than " +
         amount(own<StaleLaw>(spec).after);
}

void check_fit(const DetectorSpec& spec, const SourceFit& fit, std::vector<Finding>& out) {
  const Span& after = own<StaleLaw>(spec).after;
  if (fit.every_steps > 0 || after.unit != SpanUnit::kIntervals) return;
  out.push_back({Severity::kError, ": after = \"" + to_text(after) +
                                       "\" needs a cadence, and the trainer declares none for " +
                                       to_text(spec.source) + "; say it in steps or seconds"});
}

}  // namespace

const LawRow& StaleLaw::row() {
  static constexpr std::array kKeys{key<&StaleLaw::after>("after")};
  static constexpr Clock kClock{
      .carry_over = carry_over, .passed = passed, .earliest = earliest, .vote_text = vote_text};
  static constexpr LawRow kRow{
      .name = "stale",
      .has_streak = false,
      .keys = kKeys,
      .finish = nothing_more,
      .take = take,
      .threshold = [](auto& spec, auto&) { return own<StaleLaw>(spec).after.count; },
      .least_points = [](auto&, auto) { return std::int64_t{0}; },
      .is_sound = any_state,
      .scale = Scale::kOwn,
      .unit = unit,
      .watched = watched,
      .null_text = [](auto&) { return std::string(); },
      .check_fit = check_fit,
      .clock = &kClock};
  return kRow;
}

}  // namespace phaseguard::policy
