// page_hinkley: deviations from the running mean, summed up, above their lowest point.
#include <algorithm>
#include <cmath>

#include "monitor/base/text.h"
#include "monitor/policy/laws/law_row.h"

namespace phaseguard::policy {

namespace {

Compared take(const DetectorSpec& spec, LawState& state, const Point& now) {
  const auto& law = own<PageHinkleyLaw>(spec);
  if (std::isnan(state.y)) state.y = 0.0;
  state.next += 1;  // measurements in `sum`
  state.sum += now.x;
  state.y += now.x - state.sum / static_cast<double>(state.next) - law.delta;
  state.low = std::min(state.low, state.y);
  const double gap = state.y - state.low;
  if (!std::isfinite(gap)) state = LawState{};  // sums of finite values may still overflow
  return {gap, gap > law.limit};
}

std::string watched(const DetectorSpec& spec, const std::string& signal) {
  const auto& law = own<PageHinkleyLaw>(spec);
  return "the cumulated deviation of " + signal + " from its own mean so far (less " +
         number_text(law.delta) + " at each measurement) has risen more than " +
         number_text(law.limit) + " above its lowest point";
}

std::string null_text(const DetectorSpec&) {
  return "Assumes a mean that does not grow; a slow drift is invisible to it.";
}

}  // namespace

const LawRow& PageHinkleyLaw::row() {
  static constexpr std::array kKeys{
      key<&PageHinkleyLaw::delta>("delta", {.min = 0.0, .expected = "a number, 0 or more"}),
      key<&PageHinkleyLaw::limit>("limit",
                                  {.min = 0.0, .open = true, .expected = "a number above 0"})};
  static constexpr LawRow kRow{
      .name = "page_hinkley",
      .has_streak = false,
      .keys = kKeys,
      .finish = nothing_more,
      .take = take,
      .threshold = [](auto& spec, auto&) { return own<PageHinkleyLaw>(spec).limit; },
      .least_points = [](auto&, auto) { return std::int64_t{2}; },  // x_1 is its own mean
      .is_sound = any_state,
      .scale = Scale::kOwn,
      .unit = signal_unit,
      .watched = watched,
      .null_text = null_text};
  return kRow;
}

}  // namespace phaseguard::policy
