#include "monitor/policy/engine/knobs.h"

#include <algorithm>

#include "monitor/run/protection.h"

namespace phaseguard::policy {

const wire::KnobDecl* declaration_of(const MachineState& state, const std::string& name) {
  for (const wire::KnobDecl& declared : state.declared_knobs) {
    if (declared.name == name) return &declared;
  }
  return nullptr;
}

namespace {

// Limits and direction of state.knobs[index]: the policy's and the declared ones together.
void declare_knob(MachineState& state, std::size_t index) {
  const KnobSpec& spec = knob_spec(state, index);
  const wire::KnobDecl* declared = declaration_of(state, spec.name);
  KnobState& knob = state.knobs[index];
  knob.min = spec.min;
  knob.max = spec.max;
  if (declared == nullptr) return;
  knob.min = std::max(spec.min, declared->min);
  knob.max = std::min(spec.max, declared->max);
  const bool is_adopted = index >= state.document.knobs.size();
  const bool by_policy = !is_adopted && knob.min == spec.min && knob.max == spec.max;
  const bool by_trainer = knob.min == declared->min && knob.max == declared->max;
  knob.limit_by = by_policy    ? wire::LimitBy::kPolicy
                  : by_trainer ? wire::LimitBy::kTrainer
                               : wire::LimitBy::kBoth;
  knob.protects = run::protects_of(declared->protects);
}

void forget_undeclared(MachineState& state) {
  const std::size_t own = state.document.knobs.size();
  for (std::size_t i = state.adopted.size(); i-- > 0;) {
    if (declaration_of(state, state.adopted[i].name) != nullptr) continue;
    state.adopted.erase(state.adopted.begin() + static_cast<std::ptrdiff_t>(i));
    state.knobs.erase(state.knobs.begin() + static_cast<std::ptrdiff_t>(own + i));
  }
}

}  // namespace

const KnobSpec& knob_spec(const MachineState& state, std::size_t knob) {
  const std::size_t own = state.document.knobs.size();
  return knob < own ? state.document.knobs[knob] : state.adopted[knob - own];
}

std::int64_t find_knob(const MachineState& state, const std::string& name) {
  for (std::size_t i = 0; i < state.knobs.size(); ++i) {
    if (knob_spec(state, i).name == name) return static_cast<std::int64_t>(i);
  }
  return -1;
}

std::int64_t adopt_knob(MachineState& state, const std::string& name) {
  if (const std::int64_t known = find_knob(state, name); known >= 0) return known;
  const wire::KnobDecl* declared = declaration_of(state, name);
  if (declared == nullptr) return -1;
  KnobSpec spec;
  spec.name = name;
  spec.base = declared->initial;
  spec.min = declared->min;
  spec.max = declared->max;
  KnobState knob;
  knob.value = knob.target = spec.base;
  knob.slewed_to = state.step;
  state.adopted.push_back(std::move(spec));
  state.knobs.push_back(std::move(knob));
  const std::size_t at = state.knobs.size() - 1;
  declare_knob(state, at);
  return static_cast<std::int64_t>(at);
}

std::string names_of_knobs(const MachineState& state) {
  std::string out;
  const auto add = [&out](const std::string& name) { out += (out.empty() ? "" : ", ") + name; };
  for (std::size_t i = 0; i < state.knobs.size(); ++i) add(knob_spec(state, i).name);
  for (const wire::KnobDecl& declared : state.declared_knobs) {
    if (find_knob(state, declared.name) < 0) add(declared.name);
  }
  return out;
}

void declare_knobs(MachineState& state, const wire::Hello& hello) {
  state.declared_knobs = hello.knobs;
  forget_undeclared(state);
  for (std::size_t i = 0; i < state.knobs.size(); ++i) declare_knob(state, i);
}

}  // namespace phaseguard::policy
