// ewma: an exponential average of the measured values.
#include <cmath>

#include "monitor/base/check.h"
#include "monitor/base/text.h"
#include "monitor/policy/laws/law_row.h"

namespace phaseguard::policy {

namespace {

std::optional<Misfit> finish(DetectorSpec& spec) {
  auto& law = std::get<EwmaLaw>(spec.law);
  law.alpha = ewma_alpha(law.halflife);
  return std::nullopt;
}

Compared take(const DetectorSpec& spec, LawState& state, const Point& now) {
  const double alpha = own<EwmaLaw>(spec).alpha;
  const double next = std::isnan(state.y) ? now.x : state.y + alpha * (now.x - state.y);
  state.y = std::isfinite(next) ? next : now.x;
  return above(spec, state.y);
}

std::string watched(const DetectorSpec& spec, const std::string& signal) {
  const double halflife = own<EwmaLaw>(spec).halflife;
  return "the exponential average of " + signal + " (half-life " + number_text(halflife) +
         (halflife == 1.0 ? " measurement" : " measurements") + ")" + is_above(spec);
}

}  // namespace

const LawRow& EwmaLaw::row() {
  static constexpr auto kKeys = level_keys(key<&EwmaLaw::halflife>(
      "halflife",
      {.min = 0.01, .max = 1e9, .expected = "a number of measurements from 0.01 to 1e9"}));
  static constexpr LawRow kRow{
      .name = "ewma",
      .has_streak = true,
      .keys = kKeys,
      .finish = finish,
      .take = take,
      .threshold = above_of,
      .least_points = [](auto& spec, auto) { return streak_from(spec, 1); },
      .is_sound = any_state,
      .scale = Scale::kSignal,
      .unit = signal_unit,
      .watched = watched,
      .null_text = no_null,
      .libm_constant = [](auto& spec) -> double& { return std::get<EwmaLaw>(spec.law).alpha; }};
  return kRow;
}

double ewma_alpha(double halflife) {
  PHASEGUARD_CHECK(halflife > 0.0);
  return -std::expm1(-kLn2 / halflife);  // 1 - 2^(-1/halflife) without its cancellation
}

}  // namespace phaseguard::policy
