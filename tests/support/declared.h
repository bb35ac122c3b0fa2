// What most tests declare: a trainer's knob and signal, and the text of a policy that fits them.
#pragma once

#include <cstdint>
#include <string>

#include "monitor/wire/messages.h"

namespace phaseguard::test {

// kl is 2 and the adapter is rolled back once the judge has been above 0.3 twice in a row.
inline const std::string kPolicy = R"(version = 1
name = "small"
mode = "enforce"

[knob.kl]
base = 0.0
min = 0.0
max = 4.0

[detector.judge]
signal = "judge/score"
type = "level"
above = 0.30
consecutive = 2

[rule.defend]
of = ["judge"]
latch = true
set.kl = 2.0
request = "rollback"
alert = "critical"
)";

inline wire::KnobDecl kl_knob() {
  wire::KnobDecl kl;
  kl.name = "kl";
  kl.unit = "1";
  kl.max = 4.0;
  return kl;
}

inline wire::SignalDecl judge_signal(std::int64_t every_steps = 0) {
  wire::SignalDecl judge;
  judge.name = "judge/score";
  judge.unit = "1";
  judge.min = 0.0;
  judge.max = 1.0;
  judge.every_steps = every_steps;
  return judge;
}

}  // namespace phaseguard::test
