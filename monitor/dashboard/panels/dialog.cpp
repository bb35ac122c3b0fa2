#include "monitor/dashboard/panels/dialog.h"

#include "monitor/dashboard/model/control/force.h"

namespace phaseguard::dashboard {

void note_item(View& view, const std::string& label) {
  view.controls[label] = {ImGui::GetItemRectMin(), ImGui::GetItemRectMax()};
}

bool begin_dialog(View& view, Dialog which, const char* title) {
  if (view.form.open == which) {
    ImGui::OpenPopup(title);
    view.form.open = Dialog::kNone;
  }
  const ImVec2 display = ImGui::GetIO().DisplaySize;
  ImGui::SetNextWindowPos({0.5F * display.x, 0.4F * display.y}, ImGuiCond_Appearing, {0.5F, 0.5F});
  ImGui::PushStyleVar(ImGuiStyleVar_WindowPadding, {1.2F * em(), 0.9F * em()});
  ImGui::PushStyleVar(ImGuiStyleVar_PopupBorderSize, 1.0F);
  const bool open = ImGui::BeginPopupModal(title, nullptr, ImGuiWindowFlags_AlwaysAutoResize);
  ImGui::PopStyleVar(2);
  if (open) ImGui::GetIO().ConfigFlags |= ImGuiConfigFlags_NavEnableKeyboard;
  return open;
}

void say_subject(const Model& model, View& view, const std::string& name, const RunId& run,
                 Step step, std::int64_t version) {
  const std::string text = one_line(name, 40) + " of run " + run.text() + ", read at step " +
                           std::to_string(step.value) + ", state version " +
                           std::to_string(version);
  say_wrapped(text);
  note_item(view, "about " + text);
  say_quietly(view, "you act as " + one_line(model.operator_name(), 40) + ", for the record");
}

void reason_field(View& view, const char* hint) {
  ImGui::SetNextItemWidth(26.0F * em());
  ImGui::InputTextWithHint("reason", hint, view.form.reason.data(), view.form.reason.size());
  note_item(view, "reason");
}

void expiry_field(View& view) {
  ImGui::SetNextItemWidth(9.0F * em());
  ImGui::InputInt("steps, then it ends", &view.form.expires_after_steps, 10, 100);
  note_item(view, "expiry");
}

bool is_blank(const std::array<char, 200>& text) { return is_blank(std::string(text.data())); }

void say_wrapped(const std::string& text, float most_em) {
  ImGui::PushTextWrapPos(ImGui::GetCursorPosX() + most_em * em());
  plot::say(text);
  ImGui::PopTextWrapPos();
}

void say_quietly(const View& view, const std::string& text) {
  ImGui::PushStyleColor(ImGuiCol_Text, view.palette().dim);
  say_wrapped(text, 30.0F);
  ImGui::PopStyleColor();
}

void say_below(const View& view, const std::string& text, bool is_obstacle) {
  const plot::Palette& p = view.palette();
  ImGui::PushStyleColor(ImGuiCol_Text, is_obstacle ? p.text : p.dim);
  say_wrapped(text.empty() ? " " : text, 30.0F);
  ImGui::PopStyleColor();
}

std::string moved_on(const Model& model, const RunId& run, std::int64_t version) {
  const run::RunState* state = model.find(run);
  if (state == nullptr || state->state_version == version) return "";
  return "The run's state has moved on to version " + std::to_string(state->state_version) +
         " since this was read: the daemon refuses what lowers protection unless nothing but a "
         "knob on its way has changed.";
}

bool ask(View& view, Ask how, const char* what, const std::string& obstacle) {
  const ImVec2 size{9.0F * em(), 1.9F * em()};
  const bool cancelled = button(view, "Cancel", size) || is_pressed(ImGuiKey_Escape);
  ImGui::SetItemDefaultFocus();
  ImGui::SameLine();
  const bool done = how == Ask::kHold ? hold_button(view, what, size, obstacle)
                                      : button(view, what, size, obstacle);
  if (done || cancelled) ImGui::CloseCurrentPopup();
  return done;
}

}  // namespace phaseguard::dashboard
