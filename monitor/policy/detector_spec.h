// What the file says about one detector. Part of document.h.
#pragma once

#include <cstdint>
#include <string>
#include <variant>

#include "monitor/policy/place.h"

namespace phaseguard::policy {

// How a BAD or MISSING measurement counts (SCIENCE.md section 3).
enum class BadSignal : std::uint8_t {
  kAlarm,  // breaks the streak, is not counted
  kVote    // is counted as if it were above the threshold
};

struct LevelLaw {};       // the measured value itself
struct EwmaLaw {          // y_1 = x_1; y += alpha (x - y)
  double halflife = 1.0;  // in measurements
  double alpha = 0.5;     // 1 - 2^(-1/halflife), computed once by libm when the policy is read
};
using DetectorLaw = std::variant<LevelLaw, EwmaLaw>;

// Defaults are those of the file: `consecutive` 1, `warmup` 0, `bad` as [on] bad_signal.
struct DetectorSpec {
  std::string name;
  std::string signal;
  std::string variant;  // of a divergence, must equal the declared one; "": any
  DetectorLaw law;
  double above = 0.0;            // strict: value > above
  std::int64_t consecutive = 1;  // measurements in a row
  std::int64_t warmup = 0;       // holds only after more than so many counted measurements
  BadSignal bad = BadSignal::kAlarm;
  Place place;
};

}  // namespace phaseguard::policy
