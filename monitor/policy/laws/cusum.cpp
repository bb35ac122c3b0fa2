// cusum: what the values exceed a mean and a slack by, summed up.
#include <cmath>

#include "monitor/base/text.h"
#include "monitor/policy/laws/law_row.h"

namespace phaseguard::policy {

namespace {

Compared take(const DetectorSpec& spec, LawState& state, const Point& now) {
  const auto& law = own<CusumLaw>(spec);
  const double before = std::isnan(state.y) ? 0.0 : state.y;
  const double s = before + now.x - law.mean - law.slack;
  state.y = s > 0.0 ? s : 0.0;
  return {state.y, state.y > law.limit};
}

std::int64_t least(const DetectorSpec& spec, double max) {
  if (!std::isfinite(max)) return 1;
  return points_until(spec, max, 0.0, [](double, double now) { return now > 0.0; });
}

std::string watched(const DetectorSpec& spec, const std::string& signal) {
  const auto& law = own<CusumLaw>(spec);
  return "the cumulated excess of " + signal + " over a mean of " + line_text(spec, law.mean) +
         " and a slack of " + number_text(law.slack) + " is above " +
         (spec.limit_sds ? spread_text(*spec.limit_sds, law.limit) : number_text(law.limit));
}

std::string null_text(const DetectorSpec&) {
  return "Assumes independent values with at most that mean; its false-alarm rate needs their law.";
}

}  // namespace

const LawRow& CusumLaw::row() {
  static constexpr std::array kKeys{
      key<&CusumLaw::mean>("mean", {.is_line = true}),
      key<&CusumLaw::slack>("slack", {.min = 0.0, .expected = "a number, 0 or more"}),
      key<&CusumLaw::limit>(
          "limit", {.min = 0.0, .open = true, .expected = "a number above 0", .is_spread = true})};
  static constexpr LawRow kRow{
      .name = "cusum",
      .has_streak = false,
      .keys = kKeys,
      .finish = nothing_more,
      .take = take,
      .threshold = [](auto& spec, auto&) { return own<CusumLaw>(spec).limit; },
      .least_points = least,
      .is_sound = any_state,
      .scale = Scale::kOwn,
      .unit = signal_unit,
      .watched = watched,
      .null_text = null_text};
  return kRow;
}

}  // namespace phaseguard::policy
