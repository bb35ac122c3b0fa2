// Reset, inhibit and allow: of the rule that the dialog showed when it opened.
#include "monitor/dashboard/model/control/rules.h"
#include "monitor/dashboard/panels/dialog.h"

namespace phaseguard::dashboard {
namespace {

struct RuleDialog {
  Dialog which;
  RuleOrder order;
  const char* title;
  const char* button;
  const char* effect;
  const char* hint;
};

constexpr RuleDialog kDialogs[] = {
    {Dialog::kReset, RuleOrder::kReset, "Reset a latch###reset", "Hold to reset",
     "Clears the latch of", "why (needed: protection may go down)"},
    {Dialog::kInhibit, RuleOrder::kInhibit, "Inhibit a rule###inhibit", "Hold to inhibit",
     "Keeps from firing", "why (needed: the run is watched less)"},
    {Dialog::kAllow, RuleOrder::kAllow, "Allow a rule again###allow", "Hold to allow",
     "Ends the inhibition of", "why (needed)"}};

std::string obstacle_of(const Model& model, const Form& form, const RuleDialog& dialog) {
  std::string why = obstacle_to(model, form.rule, dialog.order);
  if (!why.empty()) return why;
  if (is_blank(form.reason)) return "give a reason";
  const bool expires = dialog.order == RuleOrder::kInhibit;
  return expires && form.expires_after_steps <= 0 ? "the expiry must be at least one step" : "";
}

void draw_dialog(const Model& model, View& view, const RuleDialog& dialog,
                 std::vector<Action>& actions) {
  if (!begin_dialog(view, dialog.which, dialog.title)) return;
  const Form& form = view.form;
  const RuleSubject& subject = form.rule;
  say_subject(model, view, "rule " + subject.rule.rule, subject.run, subject.step, subject.version);
  say_wrapped(std::string(dialog.effect) + " " + one_line(subject.rule.rule, 40) + ", which was " +
              subject.words + " then.");
  say_quietly(view, effect_of(model, subject, dialog.order));
  const bool expires = dialog.order == RuleOrder::kInhibit;
  if (expires) expiry_field(view);
  reason_field(view, dialog.hint);
  const std::string obstacle = obstacle_of(model, form, dialog);
  if (ask(view, Ask::kHold, dialog.button, obstacle)) {
    actions.emplace_back(OrderRule{dialog.order, subject.run, subject.rule.rule, subject.version,
                                   form.reason.data(), expires ? form.expires_after_steps : 0});
  }
  const std::string moved = moved_on(model, subject.run, subject.version);
  say_below(view, obstacle.empty() ? moved : obstacle, !obstacle.empty());
  ImGui::EndPopup();
}

}  // namespace

void draw_rule_dialogs(const Model& model, View& view, std::vector<Action>& actions) {
  for (const RuleDialog& dialog : kDialogs) draw_dialog(model, view, dialog, actions);
}

}  // namespace phaseguard::dashboard
