#include "monitor/dashboard/panels/orders.h"

namespace phaseguard::dashboard {

Order force_order(const Model& model, const KnobView& knob) {
  return {Dialog::kForce, "Force", model.force_obstacle(model.shown()->run, knob.name)};
}

Order release_order(const Model& model, const KnobView& knob) {
  const bool lets_go = knob.adopted && !knob.forced;
  const RunId& run = model.shown()->run;
  std::string obstacle = model.knob_obstacle(run, knob.name);
  if (obstacle.empty()) obstacle = model.lowering_obstacle(run);
  if (obstacle.empty() && !knob.forced && !knob.adopted) obstacle = "no override is in force";
  return {lets_go ? Dialog::kLetGo : Dialog::kRelease, lets_go ? "Let go" : "Release", obstacle};
}

Order reset_order(const Model& model, const std::string& rule) {
  return {Dialog::kReset, "Reset",
          model.rule_obstacle(model.shown()->run, rule, RuleOrder::kReset)};
}

Order inhibit_order(const Model& model, const RuleRow& rule) {
  const RuleOrder order = rule.inhibited ? RuleOrder::kAllow : RuleOrder::kInhibit;
  return {rule.inhibited ? Dialog::kAllow : Dialog::kInhibit, rule.inhibited ? "Allow" : "Inhibit",
          model.rule_obstacle(model.shown()->run, rule.name, order)};
}

void open_order(const Model& model, View& view, const KnobView& knob, Dialog dialog) {
  view.form = {};
  view.form.open = dialog;
  view.form.subject = subject_of(model, knob);
  if (dialog == Dialog::kForce) view.form.value = proposed_value(knob);
}

void open_order(const Model& model, View& view, const std::string& rule, Dialog dialog) {
  view.form = {};
  view.form.open = dialog;
  view.form.rule = rule_subject_of(model, rule);
}

}  // namespace phaseguard::dashboard
