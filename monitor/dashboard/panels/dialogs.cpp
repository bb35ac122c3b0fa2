#include <algorithm>
#include <cmath>
#include <cstring>
#include <optional>

#include "monitor/base/text.h"
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

// The knob that the open dialog is about; nothing: it is gone.
std::optional<KnobView> knob_of(const Model& model, const Form& form) {
  for (KnobView& knob : knob_views(model)) {
    if (knob.name == form.knob) return std::move(knob);
  }
  return std::nullopt;
}

// Why this value cannot be applied as it stands; "" when it can.
std::string obstacle_of_force(const Model& model, const Form& form, const KnobView& knob) {
  std::string general = model.knob_obstacle(knob.name);
  if (!general.empty()) return general;
  if (!std::isfinite(form.value) || form.value < knob.min || form.value > knob.max) {
    return "values from " + number_text(knob.min) + " to " + number_text(knob.max) +
           " are allowed (" + knob.limits + ")";
  }
  if (form.expires && form.expires_after_steps <= 0) return "the expiry must be at least one step";
  if (!run::is_lowering(knob.protects, knob.in_force, form.value)) return "";
  if (!std::isnan(knob.trip_value) &&
      run::is_lowering(knob.protects, knob.trip_value, form.value)) {
    return "a latched rule, or what was adopted from the trainer, holds it at " +
           number_text(knob.trip_value) + ": reset that first (phaseguard reset)";
  }
  if (blank(form.reason) || !form.expires) {
    return "this protects less than the " + number_text(knob.in_force) +
           " now in force: give a reason and an expiry";
  }
  return "";
}

// What the change does, in words.
std::string effect_text(const KnobView& knob, double value) {
  if (run::protects_more(knob.protects, value, knob.in_force)) {
    return "This protects more: the task is learned more slowly or not at all.";
  }
  if (run::is_lowering(knob.protects, knob.in_force, value)) {
    return "This protects less than what is in force now.";
  }
  return "This is what is in force now.";
}

void close_or(bool applied) {
  if (applied) ImGui::CloseCurrentPopup();
}

void force_dialog(const Model& model, View& view, std::vector<Action>& actions) {
  if (!ImGui::BeginPopupModal(kForceTitle, nullptr, ImGuiWindowFlags_AlwaysAutoResize)) return;
  Form& form = view.form;
  const std::optional<KnobView> knob = knob_of(model, form);
  if (!knob) {
    ImGui::CloseCurrentPopup();
    ImGui::EndPopup();
    return;
  }
  const run::RunState* state = model.shown();
  if (state != nullptr) {
    say("run " + state->run.text() + ", step " + std::to_string(state->step.value));
  }
  say(one_line(knob->name, 40) + ": " + number_text(knob->decided) + " now, " +
      number_text(form.value) + " from the next optimiser step");
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
  say(effect_text(*knob, form.value));
  say("Steps already trained are not undone. Release ends it.");
  ImGui::PopStyleColor();
  const std::string obstacle = obstacle_of_force(model, form, *knob);
  if (!obstacle.empty()) {
    ImGui::PushStyleColor(ImGuiCol_Text, view.palette().medium);
    say(obstacle);
    ImGui::PopStyleColor();
  }
  const ImVec2 size{9.0F * em(), 1.9F * em()};
  const bool cancelled = button(view, "Cancel", size);
  ImGui::SetItemDefaultFocus();
  ImGui::SameLine();
  const bool applied = button(view, "Apply", size, obstacle);
  if (applied) {
    actions.emplace_back(ForceKnob{form.knob, form.value, form.reason.data(),
                                   form.expires ? form.expires_after_steps : 0});
  }
  close_or(applied || cancelled);
  ImGui::EndPopup();
}

void release_dialog(const Model& model, View& view, std::vector<Action>& actions) {
  if (!ImGui::BeginPopupModal(kReleaseTitle, nullptr, ImGuiWindowFlags_AlwaysAutoResize)) return;
  const std::optional<KnobView> knob = knob_of(model, view.form);
  if (!knob) {
    ImGui::CloseCurrentPopup();
    ImGui::EndPopup();
    return;
  }
  say("Ends the manual override of " + one_line(knob->name, 40) + " (" +
      number_text(knob->decided) + "): the policy decides again.");
  say("A rule that has fired stays fired; its value is then in force.");
  reason_field(view, "why (needed: protection may go down)");
  std::string obstacle = model.knob_obstacle(knob->name);
  if (obstacle.empty() && blank(view.form.reason)) obstacle = "give a reason";
  const ImVec2 size{9.0F * em(), 1.9F * em()};
  const bool cancelled = button(view, "Cancel", size);
  ImGui::SetItemDefaultFocus();
  ImGui::SameLine();
  const bool released = button(view, "Release", size, obstacle);
  if (released) actions.emplace_back(ReleaseKnob{knob->name, view.form.reason.data()});
  close_or(released || cancelled);
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
