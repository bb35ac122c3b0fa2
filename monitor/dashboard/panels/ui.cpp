#include "monitor/dashboard/panels/ui.h"

#include <algorithm>
#include <cmath>

#include "monitor/dashboard/plot/glyphs.h"

namespace phaseguard::dashboard {

using plot::text_at;
using plot::text_size;

void apply_style(plot::Theme theme, float em) {
  const plot::Palette& p = plot::palette_of(theme);
  ImGuiStyle& style = ImGui::GetStyle();
  style = ImGuiStyle();
  if (theme == plot::Theme::kLight) {
    ImGui::StyleColorsLight();
  } else {
    ImGui::StyleColorsDark();
  }
  style.WindowPadding = {0.0F, 0.0F};
  style.FramePadding = {0.5F * em, 0.25F * em};
  style.ItemSpacing = {0.5F * em, 0.35F * em};
  style.ScrollbarSize = 0.7F * em;
  style.WindowBorderSize = 0.0F;
  style.ChildBorderSize = 0.0F;
  style.FrameBorderSize = std::max(1.0F, std::round(em / 15.0F));
  style.FrameRounding = style.GrabRounding = style.PopupRounding = 0.2F * em;
  const auto set = [&](ImGuiCol which, ImU32 colour) {
    style.Colors[which] = ImGui::ColorConvertU32ToFloat4(colour);
  };
  set(ImGuiCol_WindowBg, p.window);
  set(ImGuiCol_ChildBg, IM_COL32(0, 0, 0, 0));
  set(ImGuiCol_PopupBg, p.panel);
  set(ImGuiCol_MenuBarBg, p.panel);
  set(ImGuiCol_Border, p.field);
  set(ImGuiCol_Separator, p.border);
  set(ImGuiCol_Text, p.text);
  set(ImGuiCol_TextDisabled, p.dim);
  set(ImGuiCol_FrameBg, p.plot);
  set(ImGuiCol_FrameBgHovered, p.button);
  set(ImGuiCol_FrameBgActive, p.button_hot);
  set(ImGuiCol_Button, p.button);
  set(ImGuiCol_ButtonHovered, p.button_hot);
  set(ImGuiCol_ButtonActive, p.border);
  set(ImGuiCol_Header, p.button);
  set(ImGuiCol_HeaderHovered, p.button_hot);
  set(ImGuiCol_HeaderActive, p.button_hot);
  set(ImGuiCol_TitleBg, p.panel);
  set(ImGuiCol_TitleBgActive, p.panel);
  set(ImGuiCol_CheckMark, p.text);
  set(ImGuiCol_ScrollbarBg, IM_COL32(0, 0, 0, 0));
  set(ImGuiCol_ScrollbarGrab, p.border);
  set(ImGuiCol_ModalWindowDimBg, IM_COL32(0, 0, 0, 120));
}

void panel_back(const View& view, ImVec2 at, ImVec2 size) {
  const plot::Palette& p = view.palette();
  ImDrawList& draw = *ImGui::GetWindowDrawList();
  const ImVec2 hi{at.x + size.x, at.y + size.y};
  draw.AddRectFilled(at, hi, p.panel, 0.2F * em());
  if (view.theme == plot::Theme::kContrast) draw.AddRect(at, hi, p.border, 0.2F * em());
}

bool begin_panel(const View& view, const char* title, ImVec2 at, ImVec2 size, bool scrolls,
                 const std::string& note) {
  const plot::Palette& p = view.palette();
  ImGui::SetCursorScreenPos(at);
  ImDrawList& draw = *ImGui::GetWindowDrawList();
  panel_back(view, at, size);
  const ImVec2 head{at.x + 0.7F * em(), at.y + 0.4F * em()};
  text_at(draw, head, p.dim, title);
  if (!note.empty()) {
    const float title_width = text_size(title).x + em();
    const float room = size.x - 1.4F * em() - title_width;
    const std::string shown = plot::elided(note, room);
    text_at(draw, {head.x + title_width, head.y}, p.dim, shown);
    const ImVec2 end{at.x + size.x, head.y + 1.2F * em()};
    if (shown != note && ImGui::IsMouseHoveringRect(head, end)) plot::tooltip(note);
  }
  const float top = 1.9F * em();
  ImGui::SetCursorScreenPos({at.x + 0.7F * em(), at.y + top});
  const ImGuiWindowFlags flags =
      scrolls ? ImGuiWindowFlags_None
              : ImGuiWindowFlags_NoScrollbar | ImGuiWindowFlags_NoScrollWithMouse;
  return ImGui::BeginChild(title, {size.x - 1.4F * em(), size.y - top - 0.3F * em()}, false, flags);
}

void end_panel() { ImGui::EndChild(); }

ImVec2 next_row(float height_em) {
  const ImVec2 at = ImGui::GetCursorScreenPos();
  ImGui::PushStyleVar(ImGuiStyleVar_ItemSpacing, {0.0F, 0.0F});
  ImGui::Dummy({1.0F, height_em * em()});
  ImGui::PopStyleVar();
  return at;
}

float row_width() { return ImGui::GetContentRegionAvail().x; }

void number_at(const View& view, ImVec2 right, ImU32 colour, std::string_view text) {
  if (view.fonts.mono != nullptr) ImGui::PushFont(view.fonts.mono);
  text_at(*ImGui::GetWindowDrawList(), {right.x - text_size(text).x, right.y}, colour, text);
  if (view.fonts.mono != nullptr) ImGui::PopFont();
}

void say_elided(ImVec2 at, float width, ImU32 colour, const std::string& text) {
  const std::string shown = plot::elided(text, width);
  text_at(*ImGui::GetWindowDrawList(), at, colour, shown);
  const ImVec2 hi{at.x + width, at.y + 1.2F * em()};
  const bool whole = shown == text && plot::unshown(text).empty();
  if (!whole && ImGui::IsWindowHovered() && ImGui::IsMouseHoveringRect(at, hi)) {
    plot::tooltip(text);
  }
}

bool button(View& view, const char* label, ImVec2 size, const std::string& obstacle,
            const std::string& key) {
  ImGui::BeginDisabled(!obstacle.empty());
  const bool pressed = ImGui::Button(label, size);
  ImGui::EndDisabled();
  view.controls[key.empty() ? label : key] = {ImGui::GetItemRectMin(), ImGui::GetItemRectMax()};
  if (!obstacle.empty() && ImGui::IsItemHovered(ImGuiHoveredFlags_AllowWhenDisabled)) {
    plot::tooltip(obstacle);
  }
  return pressed && obstacle.empty();
}

bool hold_button(View& view, const char* label, ImVec2 size, const std::string& obstacle) {
  button(view, label, size, obstacle);
  const bool held = obstacle.empty() && ImGui::IsItemActive() && ImGui::IsItemHovered();
  const bool done = view.hold.advance(label, held, ImGui::GetIO().DeltaTime);
  const Box box = view.controls.at(label);
  const auto width = static_cast<float>(view.hold.fraction(label)) * (box.hi.x - box.lo.x);
  ImGui::GetWindowDrawList()->AddRectFilled({box.lo.x, box.hi.y - 0.3F * em()},
                                            {box.lo.x + width, box.hi.y}, view.palette().text);
  return done;
}

void fit_all(View& view) {
  view.time.fit();
  view.values.clear();
}

bool is_pressed(ImGuiKey key) {
#if IMGUI_VERSION_NUM < 18700
  return ImGui::IsKeyPressed(ImGui::GetKeyIndex(key));
#else
  return ImGui::IsKeyPressed(key);
#endif
}

bool is_letter_pressed(char upper) {
#if IMGUI_VERSION_NUM < 18700
  return ImGui::IsKeyPressed(upper, false);  // GLFW numbers letters as ASCII does
#else
  return ImGui::IsKeyPressed(static_cast<ImGuiKey>(ImGuiKey_A + (upper - 'A')), false);
#endif
}

Sign sign_of(Level level, const plot::Palette& palette) {
  switch (level) {
    case Level::kCritical:
      return {plot::Shape::kSquare, palette.critical};
    case Level::kHigh:
      return {plot::Shape::kTriangleUp, palette.high};
    case Level::kMedium:
      return {plot::Shape::kTriangleDown, palette.medium};
    case Level::kInfo:
      return {plot::Shape::kCircle, palette.info};
    case Level::kNone:
      break;
  }
  return {plot::Shape::kRing, palette.dim};
}

bool is_blinked_off(const View& view, Level level, AlarmState state) {
  return view.blink_off && level == Level::kCritical && state == AlarmState::kUnacknowledged;
}

bool is_blinked_off(const View& view, const Model& model, const AlarmId& id) {
  const AlarmEntry* entry = model.alarm_book().find(id);
  return entry != nullptr && is_blinked_off(view, entry->alarm.level, entry->state);
}

void alarm_sign(const plot::Palette& palette, ImVec2 middle, float size, Level level, int number,
                bool pale) {
  const Sign sign = sign_of(level, palette);
  ImDrawList& draw = *ImGui::GetWindowDrawList();
  plot::shape_at(draw, middle, size, sign.shape,
                 pale ? plot::faded(sign.colour, 0.45F) : sign.colour);
  const std::string digit = std::to_string(number);
  const ImVec2 extent = text_size(digit);
  const float drop = level == Level::kHigh     ? 0.08F * size
                     : level == Level::kMedium ? -0.1F * size
                                               : 0;
  text_at(draw, {middle.x - 0.5F * extent.x + 0.5F, middle.y - 0.5F * extent.y + drop},
          IM_COL32(0, 0, 0, 255), digit);
}

void splitter(View& view, const char* id, ImVec2 at, ImVec2 size, float& size_em, float direction,
              bool vertical, float least, float most) {
  ImGui::SetCursorScreenPos(at);
  ImGui::InvisibleButton(id, size);
  view.controls[id] = {ImGui::GetItemRectMin(), ImGui::GetItemRectMax()};
  if (ImGui::IsItemHovered() || ImGui::IsItemActive()) {
    ImGui::SetMouseCursor(vertical ? ImGuiMouseCursor_ResizeEW : ImGuiMouseCursor_ResizeNS);
    ImGui::GetWindowDrawList()->AddRectFilled(at, {at.x + size.x, at.y + size.y},
                                              view.palette().button_hot);
  }
  if (!ImGui::IsItemActive()) return;
  const ImVec2 moved = ImGui::GetIO().MouseDelta;
  size_em = std::clamp(size_em + direction * (vertical ? moved.x : moved.y) / em(), least, most);
}

}  // namespace phaseguard::dashboard
