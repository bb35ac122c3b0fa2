#include "monitor/policy/detector_spec.h"

#include <array>

namespace phaseguard::policy {

const char* name_of(const DetectorLaw& law) {
  constexpr std::array<const char*, std::variant_size_v<DetectorLaw>> kNames{
      "level", "ewma",         "rate",      "zscore",   "mad_shift",
      "cusum", "page_hinkley", "window_js", "eprocess", "stale"};
  return kNames[law.index()];
}

const char* name_of(EForm form) {
  if (form == EForm::kEsr) return "esr";
  return form == EForm::kEcusum ? "ecusum" : "ville";
}

bool has_streak(const DetectorLaw& law) {
  return std::holds_alternative<LevelLaw>(law) || std::holds_alternative<EwmaLaw>(law) ||
         std::holds_alternative<RateLaw>(law) || std::holds_alternative<ZscoreLaw>(law) ||
         std::holds_alternative<MadShiftLaw>(law);
}

}  // namespace phaseguard::policy
