#include "monitor/policy/engine/held/shadow.h"

#include <utility>

#include "monitor/policy/engine/held/held.h"
#include "monitor/policy/engine/knobs.h"
#include "monitor/run/protection.h"

namespace phaseguard::policy {

namespace {

bool is_forcible(const MachineState& state, std::size_t knob) {
  const wire::KnobDecl* declared = declaration_of(state, knob_spec(state, knob).name);
  const bool protects = state.knobs[knob].protects != wire::Protects::kNone;
  return declared != nullptr && declared->forcible && protects;
}

double initial_of(const MachineState& state, std::size_t knob) {
  const KnobSpec& spec = knob_spec(state, knob);
  const wire::KnobDecl* declared = declaration_of(state, spec.name);
  return declared != nullptr ? declared->initial : spec.base;
}

}  // namespace

bool is_judged_in_shadow(const MachineState& state, std::size_t knob) {
  if (!state.document.shadow) return false;
  return is_forcible(state, knob) || state.knobs[knob].override_.adopted ||
         floor_of(state, knob) != nullptr;
}

bool is_raised_by_hand(const MachineState& state, std::size_t knob) {
  const Override& by_hand = state.knobs[knob].override_;
  if (!by_hand.active || by_hand.lowering) return false;
  // What was adopted is in force at the trainer already, whatever it declares.
  return by_hand.adopted || (is_forcible(state, knob) && !state.document.strict_shadow);
}

double at_rest(const MachineState& state, std::size_t knob) {
  const double initial = initial_of(state, knob);
  const wire::Held* floor = floor_of(state, knob);
  if (floor == nullptr) return initial;
  return run::more_protecting(state.knobs[knob].protects, initial, floor->value);
}

double in_force(const MachineState& state, std::size_t knob) {
  const double rest = at_rest(state, knob);
  if (!is_raised_by_hand(state, knob)) return rest;
  return run::more_protecting(state.knobs[knob].protects, rest, state.knobs[knob].override_.value);
}

std::vector<wire::KnobSetting> raised_settings(const MachineState& state) {
  std::vector<wire::KnobSetting> all;
  for (std::size_t i = 0; i < state.knobs.size(); ++i) {
    const KnobState& knob = state.knobs[i];
    const double value = in_force(state, i);
    if (!run::protects_more(knob.protects, value, initial_of(state, i))) continue;
    wire::KnobSetting setting;
    setting.knob = knob_spec(state, i).name;
    setting.value = value;
    const wire::Held* floor = floor_of(state, i);
    const bool by_hand = is_raised_by_hand(state, i) && knob.override_.value == value;
    setting.cause = by_hand ? wire::Cause(wire::CauseKind::kOperator, knob.override_.operator_name)
                            : wire::Cause(wire::CauseKind::kAdopted, floor->name);
    if (floor != nullptr) setting.site = floor->site;
    // Where a rule would set more, its decision is not the one behind this value.
    const bool is_decided = knob.cause == MovedBy::kOperator || knob.cause == MovedBy::kAdopted;
    if (is_decided) setting.decision = knob.decision;
    all.push_back(std::move(setting));
  }
  return all;
}

std::string why_not_possible(const MachineState& state, const wire::Command& command) {
  if (!state.document.shadow || !(command.action == wire::Action::kForce)) return "";
  const wire::KnobDecl* declared = declaration_of(state, command.knob);
  if (declared == nullptr) return "";
  const std::string lead = "not possible: policy " + state.document.name + " is in shadow mode";
  const std::string instead = "; to move it, run under a policy with mode = \"enforce\"";
  if (state.document.strict_shadow) {
    return lead + " and says shadow = \"strict\", so that nobody raises a knob" + instead +
           ", or without that word";
  }
  if (run::protects_of(declared->protects) == wire::Protects::kNone) {
    return lead + ", which lets knobs only be raised, and " + command.knob +
           " protects in no direction" + instead;
  }
  if (declared->forcible) return "";
  return lead + ", and the trainer does not declare " + command.knob +
         " forcible, so that nothing would be sent to it; declare the knob forcible in the "
         "trainer" +
         instead;
}

}  // namespace phaseguard::policy
