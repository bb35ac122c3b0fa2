// mad_shift: increments of an exponential average against the first ones.
#include <algorithm>
#include <cmath>

#include "monitor/base/text.h"
#include "monitor/policy/laws/law_row.h"
#include "monitor/policy/phrases.h"

namespace phaseguard::policy {

namespace {

constexpr double kMost = std::numeric_limits<double>::max();

std::optional<Misfit> finish(DetectorSpec& spec) {
  spec.warmup = 1 + own<MadShiftLaw>(spec).calibrate;
  return std::nullopt;
}

double median(std::vector<double>& values) {
  std::sort(values.begin(), values.end());
  const std::size_t middle = values.size() / 2;
  if (values.size() % 2 == 1) return values[middle];
  return (values[middle - 1] + values[middle]) / 2.0;
}

double threshold_from(const MadShiftLaw& law, std::vector<double> increments) {
  const double med = median(increments);
  for (double& x : increments) x = std::fabs(x - med);
  const double threshold = med + law.mads * median(increments);
  return std::isnan(threshold) ? std::numeric_limits<double>::infinity() : threshold;
}

Compared take(const DetectorSpec& spec, LawState& state, const Point& now) {
  const auto& law = own<MadShiftLaw>(spec);
  if (std::isnan(state.y)) {
    state.y = now.x;
    return {};
  }
  const double next = law.keep * state.y + (1.0 - law.keep) * now.x;
  const double delta = std::clamp(next - state.y, -kMost, kMost);  // may overflow
  state.y = next;
  if (!std::isnan(state.threshold)) return {delta, delta > state.threshold};
  state.values.push_back(delta);
  const bool full = state.values.size() == static_cast<std::size_t>(law.calibrate);
  if (full) state.threshold = threshold_from(law, state.values);
  return {delta, false};
}

std::int64_t least(const DetectorSpec& spec, double) {
  return streak_from(spec, own<MadShiftLaw>(spec).calibrate + 2);
}

std::string watched(const DetectorSpec& spec, const std::string& signal) {
  const auto& law = own<MadShiftLaw>(spec);
  return "the exponential average of " + signal + " (keeping " + number_text(law.keep) +
         ") grows in one measurement by more than the median of its " +
         first_of(law.calibrate, "increment") + " plus " + number_text(law.mads) +
         " times their median absolute deviation";
}

}  // namespace

const LawRow& MadShiftLaw::row() {
  static constexpr std::array kKeys{
      key<&MadShiftLaw::keep>("keep",
                              {.min = 0.0,
                               .max = 1.0,
                               .open = true,
                               .expected = "a share above 0 and below 1 of the average so far",
                               .required = false}),
      key<&MadShiftLaw::calibrate>("calibrate", count_from(1, kMaxWindow)),
      key<&MadShiftLaw::mads>(
          "mads", {.min = 0.0, .expected = "a number of MADs, 0 or more", .required = false}),
      key<&DetectorSpec::consecutive>(
          "consecutive", {.min = 1, .max = kMaxCount, .required = false, .otherwise = 2})};
  static constexpr LawRow kRow{.name = "mad_shift",
                               .has_streak = true,
                               .keys = kKeys,
                               .finish = finish,
                               .take = take,
                               .threshold = [](auto&, auto& state) { return state.threshold; },
                               .least_points = least,
                               .is_sound = any_state,
                               .scale = Scale::kOwn,
                               .unit = signal_unit,
                               .watched = watched,
                               .null_text = no_null};
  return kRow;
}

}  // namespace phaseguard::policy
