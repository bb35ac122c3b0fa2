// What operators have in force in a run: knobs they force and rules they inhibit, with who, since
// when, until when and why. From the record alone. Pure.
#pragma once

#include <string>
#include <vector>

#include "monitor/base/types.h"
#include "monitor/run/state.h"
#include "monitor/wire/messages.h"

namespace phaseguard::dashboard {

struct ByHand {
  bool is_rule = false;       // an inhibited rule; else a forced knob
  std::string name;           // of the knob or rule
  double value = wire::kNaN;  // of a knob
  std::string by;             // "ann"; "": the record does not say
  std::string reason;         // "": none was given, or the record does not say
  Step since{-1};             // -1: not known
  Step until{-1};             // -1: until released
};

// What the newest accepted `force` of this knob said, whether or not it is still in force; the name
// alone when the record has none.
[[nodiscard]] ByHand force_of(const run::RunState& state, const std::string& knob);
// The same of the newest `inhibit` of this rule.
[[nodiscard]] ByHand inhibition_of(const run::RunState& state, const std::string& rule);
// Every rule that is inhibited now, in the order of the policy.
[[nodiscard]] std::vector<ByHand> inhibitions(const run::RunState& state);

// "rule defend inhibited by ann until step 400: odd answers", "kl 2 by ann until released".
[[nodiscard]] std::string text_of(const ByHand& held);

}  // namespace phaseguard::dashboard
