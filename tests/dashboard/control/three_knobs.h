// A plant with as many knobs as a policy of ours moves at most: two that protect upwards, one that
// protects downwards; one rule sets two of them, and one alerts alone.
#pragma once

#include <string>

#include "tests/dashboard/plant.h"

namespace phaseguard::test {

inline const std::string kThreeKnobs = R"(version = 1
name = "three"
mode = "enforce"

[knob.kl]
base = 0.0
max = 4.0

[knob.ldifs]
base = 0.0
max = 0.5

[knob.lr_scale]
base = 1.0
max = 1.0

[detector.judge]
signal = "judge/score"
type = "level"
above = 0.30
consecutive = 2

[detector.far]
signal = "judge/score"
type = "level"
above = 0.95
consecutive = 2

[rule.defend]
of = ["judge"]
latch = true
set.kl = 2.0
set.lr_scale = 0.1
alert = "critical"

[rule.note]
of = ["far"]
alert = "medium"
)";

inline wire::Hello three_knobs_hello() {
  wire::Hello hello = plant_hello();
  hello.knobs.push_back(kl_knob());
  wire::KnobDecl& scale = hello.knobs.back();
  scale.name = "lr_scale";
  scale.min = 0.0;
  scale.max = scale.initial = 1.0;
  scale.protects = wire::Protects::kDown;
  return hello;
}

}  // namespace phaseguard::test
