// Everything that protects a run, at once: the most protecting value that a rule of its policy sets
// for each knob, else the knob's limit. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "monitor/dashboard/model/knobs.h"
#include "monitor/dashboard/model/model.h"

namespace phaseguard::dashboard {

struct PanicKnob {
  KnobView knob;
  double value = wire::kNaN;  // what it is forced to, until released
  std::string obstacle;       // why it is not forced; "": it is
};
// As it was read at the press.
struct PanicPlan {
  RunId run;
  Step step{-1};
  std::int64_t version = 0;
  std::vector<PanicKnob> knobs;
};
// Of the run that is shown; no knob without one.
[[nodiscard]] PanicPlan panic_plan(const Model& model);
// Why this plan cannot be carried out any more, in a sentence; "": it can.
[[nodiscard]] std::string obstacle_to(const Model& model, const PanicPlan& plan);
// What is sent of it: one order for each knob that can be forced. All name the plan's run.
[[nodiscard]] Panic order_of(const PanicPlan& plan);
// "kl: 0 -> 2, until released", "lr_scale: stays at 1: it protects in no direction".
[[nodiscard]] std::string text_of(const PanicKnob& knob);

}  // namespace phaseguard::dashboard
