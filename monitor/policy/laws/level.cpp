// level: the measured value itself.
#include "monitor/policy/laws/law_row.h"

namespace phaseguard::policy {

const LawRow& LevelLaw::row() {
  static constexpr auto kKeys = level_keys();
  static constexpr LawRow kRow{
      .name = "level",
      .has_streak = true,
      .keys = kKeys,
      .finish = nothing_more,
      .take = [](auto& spec, auto&, auto& now) { return above(spec, now.x); },
      .threshold = above_of,
      .least_points = [](auto& spec, auto) { return streak_from(spec, 1); },
      .is_sound = any_state,
      .scale = Scale::kSignal,
      .unit = signal_unit,
      .watched = [](auto& spec, auto& signal) { return signal + is_above(spec); },
      .null_text = no_null};
  return kRow;
}

}  // namespace phaseguard::policy
