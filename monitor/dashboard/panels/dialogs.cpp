#include <algorithm>
#include <cmath>
#include <cstring>

#include "monitor/base/text.h"
#include "monitor/dashboard/model/force.h"
#include "monitor/dashboard/panels/panels.h"
#include "monitor/run/protection.h"

namespace phaseguard::dashboard {
namespace {

constexpr const char* kForceTitle = "Force a knob###force";
constexpr const char* kReleaseTitle = "Release to the policy###release";

using plot::say;

void note_item(View& view, const char* label) {
  view.controls[label] = {ImGui::GetItemRectMin(), ImGui::GetItemRectMax()};
}

void reason_field(View& view, const char* hint) {
  ImGui::SetNextItemWidth(26.0F * em());
  ImGui::InputTextWithHint("reason", hint, view.form.reason.data(), view.form.reason.size());
  note_item(view, "reason");
}

bool blank(const std::array<char, 200>& text) {
  return std::all_of(text.begin(),
                     text.begin() + static_cast<std::ptrdiff_t>(std::strlen(text.data())),
                     [](char c) { return c == ' '; });
}

std::string obstacle_of_force(const Model& model, const Form& form) {
  if (form.expires && form.expires_after_steps <= 0) return "the expiry must be at least one step";
  return obstacle_to_force(
      model, form.subject,
      {form.value, form.reason.data(), form.expires ? form.expires_after_steps : 0});
}

// What the dialog is about, as it was read when it opened; a test reads it at its place.
void say_subject(View& view, const Subject& subject) {
  const std::string text = one_line(subject.knob.name, 40) + " of run " + subject.run.text() +
                           ", read at step " + std::to_string(subject.step.value) +
                           ", state version " + std::to_string(subject.version);
  say(text);
  note_item(view, ("about " + text).c_str());
}

// Below the buttons, so that what is said there moves none of them.
void say_below(const View& view, const Model& model, const Subject& subject,
               const std::string& obstacle, bool lowers) {
  const plot::Palette& p = view.palette();
  const run::RunState* state = model.find(subject.run);
  std::string text = obstacle;
  if (text.empty() && lowers && state != nullptr && state->state_version != subject.version) {
    text = "The run's state has moved on to version " + std::to_string(state->state_version) +
           " since this was read: the daemon refuses what lowers protection unless nothing but a "
           "knob on its way has changed.";
  }
  ImGui::PushStyleColor(ImGuiCol_Text, obstacle.empty() ? p.dim : p.medium);
  ImGui::PushTextWrapPos(30.0F * em());
  say(text.empty() ? std::string(" ") : text);
  ImGui::PopTextWrapPos();
  ImGui::PopStyleColor();
}

// Cancel and what the dialog is for: whether that was said.
bool ask(View& view, const char* what, const std::string& obstacle) {
  const ImVec2 size{9.0F * em(), 1.9F * em()};
  const bool cancelled = button(view, "Cancel", size);
  ImGui::SetItemDefaultFocus();
  ImGui::SameLine();
  const bool done = button(view, what, size, obstacle);
  if (done || cancelled) ImGui::CloseCurrentPopup();
  return done;
}

void force_dialog(const Model& model, View& view, std::vector<Action>& actions) {
  if (!ImGui::BeginPopupModal(kForceTitle, nullptr, ImGuiWindowFlags_AlwaysAutoResize)) return;
  Form& form = view.form;
  const Subject& subject = form.subject;
  const KnobView& knob = subject.knob;
  say_subject(view, subject);
  say(number_text(knob.in_force) + " in force then, " + number_text(form.value) +
      " from the next optimiser step");
  ImGui::SetNextItemWidth(9.0F * em());
  ImGui::InputDouble("new value", &form.value, 0.1, 0.5, "%.4g");
  note_item(view, "new value");
  ImGui::Checkbox("expires after", &form.expires);
  note_item(view, "expires after");
  ImGui::SameLine();
  ImGui::BeginDisabled(!form.expires);
  ImGui::SetNextItemWidth(9.0F * em());
  ImGui::InputInt("steps", &form.expires_after_steps, 10, 100);
  ImGui::EndDisabled();
  reason_field(view, "why (goes into the record)");
  ImGui::PushStyleColor(ImGuiCol_Text, view.palette().dim);
  say(effect_text(knob, form.value));
  say("Steps already trained are not undone. Release ends it.");
  ImGui::PopStyleColor();
  const std::string obstacle = obstacle_of_force(model, form);
  if (ask(view, "Apply", obstacle)) {
    actions.emplace_back(ForceKnob{subject.run, knob.name, subject.version, form.value,
                                   form.reason.data(),
                                   form.expires ? form.expires_after_steps : 0});
  }
  say_below(view, model, subject, obstacle,
            run::is_lowering(knob.protects, knob.in_force, form.value));
  ImGui::EndPopup();
}

void release_dialog(const Model& model, View& view, std::vector<Action>& actions) {
  if (!ImGui::BeginPopupModal(kReleaseTitle, nullptr, ImGuiWindowFlags_AlwaysAutoResize)) return;
  const Subject& subject = view.form.subject;
  const KnobView& knob = subject.knob;
  say_subject(view, subject);
  say("Ends the manual override of " + one_line(knob.name, 40) + " (" +
      number_text(knob.forced_value) + " by " + knob.forced_by + "): the policy decides again.");
  say("A rule that has fired stays fired; its value is then in force.");
  reason_field(view, "why (needed: protection may go down)");
  std::string obstacle = obstacle_to_release(model, subject);
  if (obstacle.empty() && blank(view.form.reason)) obstacle = "give a reason";
  if (ask(view, "Release", obstacle)) {
    actions.emplace_back(
        ReleaseKnob{subject.run, knob.name, subject.version, view.form.reason.data()});
  }
  say_below(view, model, subject, obstacle, true);
  ImGui::EndPopup();
}

void place_dialog() {
  const ImVec2 display = ImGui::GetIO().DisplaySize;
  ImGui::SetNextWindowPos({0.5F * display.x, 0.4F * display.y}, ImGuiCond_Appearing, {0.5F, 0.5F});
  ImGui::PushStyleVar(ImGuiStyleVar_WindowPadding, {1.2F * em(), 0.9F * em()});
  ImGui::PushStyleVar(ImGuiStyleVar_PopupBorderSize, 1.0F);
}

}  // namespace

void draw_dialogs(const Model& model, View& view, std::vector<Action>& actions) {
  if (view.form.open_force) ImGui::OpenPopup(kForceTitle);
  if (view.form.open_release) ImGui::OpenPopup(kReleaseTitle);
  view.form.open_force = view.form.open_release = false;
  place_dialog();
  force_dialog(model, view, actions);
  ImGui::PopStyleVar(2);
  place_dialog();
  release_dialog(model, view, actions);
  ImGui::PopStyleVar(2);
}

}  // namespace phaseguard::dashboard
