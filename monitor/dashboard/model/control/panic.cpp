#include "monitor/dashboard/model/control/panic.h"

#include <algorithm>
#include <cmath>

#include "monitor/base/text.h"
#include "monitor/dashboard/model/describe.h"
#include "monitor/run/protection.h"

namespace phaseguard::dashboard {
namespace {

PanicKnob planned(const Model& model, const RunId& run, const KnobView& knob) {
  PanicKnob out;
  out.knob = knob;
  out.value = proposed_value(knob);
  out.obstacle = model.force_obstacle(run, knob.name);
  if (!out.obstacle.empty()) return out;
  if (knob.protects == wire::Protects::kNone) {
    out.obstacle = "no direction is known in which it protects";
  } else if (!std::isfinite(out.value)) {
    out.obstacle = "no rule sets it, and it has no limit";
  } else if (run::is_lowering(knob.protects, knob.in_force, out.value)) {
    out.obstacle = "the limits in force would lower it";
  }
  return out;
}

}  // namespace

PanicPlan panic_plan(const Model& model) {
  PanicPlan plan;
  const run::RunState* state = model.shown();
  if (state == nullptr) return plan;
  plan.run = state->run;
  plan.step = state->step;
  plan.version = state->state_version;
  for (const KnobView& knob : knob_views(model)) {
    plan.knobs.push_back(planned(model, plan.run, knob));
  }
  return plan;
}

std::string obstacle_to(const Model& model, const PanicPlan& plan) {
  const run::RunState* state = model.shown();
  if (state == nullptr) return model.command_obstacle();
  std::string why = plan.run == state->run ? model.command_obstacle() : "";
  if (!why.empty()) return why;
  bool any = false;
  for (const PanicKnob& planned : plan.knobs) {
    if (!planned.obstacle.empty()) continue;
    any = true;
    const Subject subject{plan.run, plan.step, plan.version, planned.knob};
    why = obstacle_to(model, subject);
    if (why.empty()) why = model.force_obstacle(plan.run, planned.knob.name);
    if (why.empty()) why = obstacle_to_raise(model, subject, planned.value);
    if (!why.empty()) return why;
  }
  return any ? "" : "no knob of run " + plan.run.text() + " can be forced";
}

Panic order_of(const PanicPlan& plan) {
  Panic panic;
  panic.run = plan.run;
  panic.version = plan.version;
  for (const PanicKnob& planned : plan.knobs) {
    if (planned.obstacle.empty()) panic.values.emplace_back(planned.knob.name, planned.value);
  }
  return panic;
}

std::string text_of(const PanicKnob& planned) {
  const std::string name = one_line(planned.knob.name, 40);
  const std::string now = number_text(planned.knob.in_force);
  if (!planned.obstacle.empty()) return name + ": stays at " + now + ": " + planned.obstacle;
  return name + ": " + now + " -> " + number_text(planned.value) + ", until released";
}

}  // namespace phaseguard::dashboard
