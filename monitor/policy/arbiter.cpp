#include "monitor/policy/arbiter.h"

#include <algorithm>

#include "monitor/base/text.h"

namespace phaseguard::policy {

namespace {

// One slewed or immediate move. Non-finite arithmetic cannot come in: limits are finite.
double moved(const KnobSpec& spec, const KnobState& knob, const Wanted& to, Step step) {
  const bool up = to.value > knob.value;
  if (!spec.slew_per_step || (up && to.at_once)) return to.value;
  const std::int64_t steps = std::max<std::int64_t>(step.value - knob.slewed_to.value, 0);
  const double allowance = *spec.slew_per_step * static_cast<double>(steps);
  const double gap = up ? to.value - knob.value : knob.value - to.value;
  if (gap <= allowance) return to.value;
  return up ? knob.value + allowance : knob.value - allowance;
}

}  // namespace

Wanted automatic(const MachineState& state, std::size_t knob, bool latched_only) {
  Wanted best{state.document.knobs[knob].base, latched_only ? "" : "base", false};
  bool found = false;
  for (std::size_t i = 0; i < state.rules.size(); ++i) {
    const RuleMode mode = state.rules[i].mode;
    if (mode == RuleMode::kQuiet || (latched_only && mode != RuleMode::kLatched)) continue;
    const RuleSpec& rule = state.document.rules[i];
    for (const KnobAction& action : rule.sets) {
      const double value = std::get<ConstantController>(action.controller).value;
      if (action.knob != knob || (found && value <= best.value)) continue;
      best = {value, "rule:" + rule.name, true};
      found = true;
    }
  }
  return best;
}

Wanted wanted(const MachineState& state, std::size_t knob) {
  const Override& by_hand = state.knobs[knob].override_;
  Wanted rules = automatic(state, knob, false);
  if (!by_hand.active) return rules;
  const Wanted operators{by_hand.value, "operator:" + by_hand.operator_name, true};
  if (!by_hand.lowering) return by_hand.value >= rules.value ? operators : rules;
  Wanted trip = automatic(state, knob, true);
  if (!trip.cause.empty()) return trip;
  return by_hand.value < rules.value ? operators : rules;
}

Moves move_knobs(MachineState& state, Step step, std::int64_t decision) {
  Moves moves;
  for (std::size_t i = 0; i < state.knobs.size(); ++i) {
    KnobState& knob = state.knobs[i];
    const Wanted to = wanted(state, i);
    const double value = moved(state.document.knobs[i], knob, to, step);
    const bool steady = to.value != knob.target || to.cause != knob.cause;
    if (steady || value != knob.value) {
      moves.any = true;
      moves.steady = moves.steady || steady;
      knob.decision = decision;
    }
    knob.value = value;
    knob.target = to.value;
    knob.cause = to.cause;
    knob.slewed_to = step;
  }
  return moves;
}

std::vector<std::string> expire_overrides(MachineState& state) {
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < state.knobs.size(); ++i) {
    Override& by_hand = state.knobs[i].override_;
    if (!by_hand.active || by_hand.expires.value < 0 || state.step < by_hand.expires) continue;
    texts.push_back(by_hand.operator_name + "'s " + number_text(by_hand.value) + " for " +
                    state.document.knobs[i].name + " expired at step " +
                    std::to_string(state.step.value));
    by_hand = Override{};
  }
  return texts;
}

}  // namespace phaseguard::policy
