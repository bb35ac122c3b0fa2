#include "monitor/dashboard/panels/plots/chips.h"

namespace phaseguard::dashboard {

void note_control(View& view, const std::string& label) {
  view.controls[label] = {ImGui::GetItemRectMin(), ImGui::GetItemRectMax()};
}

float chip_width(const std::string& text) { return plot::text_size(text).x + 0.8F * em(); }

bool chip(View& view, const char* id, ImVec2 at, const std::string& text, bool lit) {
  const plot::Palette& p = view.palette();
  ImDrawList& draw = *ImGui::GetWindowDrawList();
  const ImVec2 hi{at.x + chip_width(text), at.y + 1.4F * em()};
  ImGui::SetCursorScreenPos(at);
  const bool pressed = ImGui::InvisibleButton(id, {hi.x - at.x, hi.y - at.y});
  note_control(view, id);
  const bool hot = ImGui::IsItemHovered();
  draw.AddRectFilled(at, hi, hot ? p.button_hot : p.button, 0.2F * em());
  plot::text_at(draw, {at.x + 0.4F * em(), at.y + 0.15F * em()}, lit ? p.text : p.dim, text);
  return pressed;
}

bool begin_menu(const char* id, bool open, ImVec2 below) {
  if (open) ImGui::OpenPopup(id);
  ImGui::SetNextWindowPos(below, ImGuiCond_Appearing);
  ImGui::PushStyleVar(ImGuiStyleVar_WindowPadding, {0.5F * em(), 0.4F * em()});
  const bool shown = ImGui::BeginPopup(id);
  ImGui::PopStyleVar();
  return shown;
}

}  // namespace phaseguard::dashboard
