// Forcing a knob, giving it back to the policy, and letting go of what was adopted for it.
#include <cmath>

#include "monitor/base/text.h"
#include "monitor/dashboard/model/control/force.h"
#include "monitor/dashboard/panels/dialog.h"
#include "monitor/dashboard/panels/panels.h"
#include "monitor/run/protection.h"

namespace phaseguard::dashboard {
namespace {

constexpr const char* kForceTitle = "Force a knob###force";
constexpr const char* kReleaseTitle = "Release to the policy###release";
constexpr const char* kLetGoTitle = "Let go of what was adopted###let go";

std::string obstacle_of_force(const Model& model, const Form& form) {
  if (form.expires && form.expires_after_steps <= 0) return "the expiry must be at least one step";
  return obstacle_to_force(
      model, form.subject,
      {form.value, form.reason.data(), form.expires ? form.expires_after_steps : 0});
}

void say_subject(const Model& model, View& view, const Subject& subject) {
  say_subject(model, view, subject.knob.name, subject.run, subject.step, subject.version);
}

void force_fields(View& view) {
  Form& form = view.form;
  ImGui::SetNextItemWidth(9.0F * em());
  ImGui::InputDouble("new value", &form.value, 0.1, 0.5, "%.4g");
  note_item(view, "new value");
  ImGui::Checkbox("expires after", &form.expires);
  note_item(view, "expires after");
  ImGui::SameLine();
  ImGui::BeginDisabled(!form.expires);
  expiry_field(view);
  ImGui::EndDisabled();
  reason_field(view, "why (goes into the record)");
}

void force_dialog(const Model& model, View& view, std::vector<Action>& actions) {
  if (!begin_dialog(view, Dialog::kForce, kForceTitle)) return;
  const Form& form = view.form;
  const Subject& subject = form.subject;
  const KnobView& knob = subject.knob;
  say_subject(model, view, subject);
  say_wrapped(number_text(knob.in_force) + " in force then, " + number_text(form.value) +
              " from the next optimiser step");
  force_fields(view);
  say_quietly(view, effect_text(knob, form.value) +
                        "\nSteps already trained are not undone. Release ends it.");
  const bool lowers = run::is_lowering(knob.protects, knob.in_force, form.value);
  const std::string obstacle = obstacle_of_force(model, form);
  if (ask(view, lowers ? Ask::kHold : Ask::kClick, lowers ? "Hold to lower" : "Apply", obstacle)) {
    actions.emplace_back(ForceKnob{subject.run, knob.name, subject.version, form.value,
                                   form.reason.data(),
                                   form.expires ? form.expires_after_steps : 0});
  }
  const std::string moved = lowers ? moved_on(model, subject.run, subject.version) : "";
  say_below(view, obstacle.empty() ? moved : obstacle, !obstacle.empty());
  ImGui::EndPopup();
}

// The rest of a dialog that needs a reason and nothing else: whether the button was held.
bool ask_for_reason(const Model& model, View& view, const char* what, std::string obstacle) {
  const Subject& subject = view.form.subject;
  reason_field(view, "why (needed: protection may go down)");
  if (obstacle.empty()) obstacle = model.lowering_obstacle(subject.run);
  if (obstacle.empty() && is_blank(view.form.reason)) obstacle = "give a reason";
  const bool done = ask(view, Ask::kHold, what, obstacle);
  const std::string moved = moved_on(model, subject.run, subject.version);
  say_below(view, obstacle.empty() ? moved : obstacle, !obstacle.empty());
  return done;
}

void release_dialog(const Model& model, View& view, std::vector<Action>& actions) {
  if (!begin_dialog(view, Dialog::kRelease, kReleaseTitle)) return;
  const Subject& subject = view.form.subject;
  const KnobView& knob = subject.knob;
  say_subject(model, view, subject);
  say_wrapped("Ends the manual override of " + one_line(knob.name, 40) + " (" +
              number_text(knob.forced_value) + " by " + knob.forced_by +
              "): the policy decides again.");
  say_wrapped("A rule that has fired stays fired; its value is then in force.");
  if (ask_for_reason(model, view, "Hold to release", obstacle_to_release(model, subject))) {
    actions.emplace_back(
        ReleaseKnob{subject.run, knob.name, subject.version, view.form.reason.data()});
  }
  ImGui::EndPopup();
}

void let_go_dialog(const Model& model, View& view, std::vector<Action>& actions) {
  if (!begin_dialog(view, Dialog::kLetGo, kLetGoTitle)) return;
  const Subject& subject = view.form.subject;
  const KnobView& knob = subject.knob;
  say_subject(model, view, subject);
  say_wrapped(one_line(knob.name, 40) + " is held at " + number_text(knob.in_force) + ", " +
              knob.who + ": the record did not know why it was up.");
  say_wrapped("Without it the policy decides again.");
  if (ask_for_reason(model, view, "Hold to let go", obstacle_to_let_go(model, subject))) {
    actions.emplace_back(LetGo{subject.run, knob.name, subject.version, view.form.reason.data()});
  }
  ImGui::EndPopup();
}

}  // namespace

void draw_dialogs(const Model& model, View& view, std::vector<Action>& actions) {
  force_dialog(model, view, actions);
  release_dialog(model, view, actions);
  let_go_dialog(model, view, actions);
  draw_rule_dialogs(model, view, actions);
  draw_panic(model, view, actions);
  draw_shelve(model, view, actions);
}

}  // namespace phaseguard::dashboard
