#include <algorithm>
#include <cmath>
#include <cstring>

#include "monitor/base/text.h"
#include "monitor/dashboard/panels/panels.h"

namespace phaseguard::dashboard {
namespace {

constexpr const char* kForceTitle = "Force KL on###force";
constexpr const char* kReleaseTitle = "Release to auto###release";

void say(const std::string& text) {
  ImGui::TextUnformatted(text.data(), text.data() + text.size());
}

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

// Why this value cannot be applied as it stands; "" when it can.
std::string obstacle_of_force(const Model& model, const Form& form, const KlView& kl) {
  std::string general = model.command_obstacle();
  if (!general.empty()) return general;
  if (!std::isfinite(form.value) || form.value < kl.min || form.value > kl.max) {
    return "the trainer takes values from " + number_text(kl.min) + " to " + number_text(kl.max);
  }
  if (form.expires && form.expires_after_steps <= 0) return "the expiry must be at least one step";
  if (form.value < kl.decided && (blank(form.reason) || !form.expires)) {
    return "less than the " + number_text(kl.decided) +
           " now in force: give a reason and an expiry";
  }
  return "";
}

void close_or(bool applied) {
  if (applied) ImGui::CloseCurrentPopup();
}

void force_dialog(const Model& model, View& view, std::vector<Action>& actions) {
  if (!ImGui::BeginPopupModal(kForceTitle, nullptr, ImGuiWindowFlags_AlwaysAutoResize)) return;
  Form& form = view.form;
  const KlView kl = kl_view(model);
  const run::RunState* state = model.shown();
  if (state != nullptr) {
    say("run " + state->run.text() + ", step " + std::to_string(state->step.value));
  }
  say("weight of the KL penalty: " + number_text(kl.decided) + " now, " + number_text(form.value) +
      " from the next optimiser step");
  ImGui::SetNextItemWidth(9.0F * em());
  ImGui::InputDouble("new weight", &form.value, 0.1, 0.5, "%.4g");
  note_item(view, "new weight");
  ImGui::Checkbox("expires after", &form.expires);
  note_item(view, "expires after");
  ImGui::SameLine();
  ImGui::BeginDisabled(!form.expires);
  ImGui::SetNextItemWidth(9.0F * em());
  ImGui::InputInt("steps", &form.expires_after_steps, 10, 100);
  ImGui::EndDisabled();
  reason_field(view, "why (goes into the record)");
  ImGui::PushStyleColor(ImGuiCol_Text, view.palette().dim);
  say("Holds the model near its reference: the task is learned more slowly or not at all.");
  say("Steps already trained are not undone. Release to auto ends it.");
  ImGui::PopStyleColor();
  const std::string obstacle = obstacle_of_force(model, form, kl);
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
    actions.emplace_back(
        ForceKl{form.value, form.reason.data(), form.expires ? form.expires_after_steps : 0});
  }
  close_or(applied || cancelled);
  ImGui::EndPopup();
}

void release_dialog(const Model& model, View& view, std::vector<Action>& actions) {
  if (!ImGui::BeginPopupModal(kReleaseTitle, nullptr, ImGuiWindowFlags_AlwaysAutoResize)) return;
  const KlView kl = kl_view(model);
  say("Ends the manual override (" + number_text(kl.decided) + "): the policy decides again.");
  say("A rule that has fired stays fired; its value is then in force.");
  reason_field(view, "why (needed: protection may go down)");
  std::string obstacle = model.command_obstacle();
  if (obstacle.empty() && blank(view.form.reason)) obstacle = "give a reason";
  const ImVec2 size{9.0F * em(), 1.9F * em()};
  const bool cancelled = button(view, "Cancel", size);
  ImGui::SetItemDefaultFocus();
  ImGui::SameLine();
  const bool released = button(view, "Release", size, obstacle);
  if (released) actions.emplace_back(ReleaseKl{view.form.reason.data()});
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
