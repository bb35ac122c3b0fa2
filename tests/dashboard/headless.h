// Dear ImGui without a window, without OpenGL: frames are built, the mouse is fed in, and what
// would be drawn is looked at. Hides how the versions of ImGui take input.
#pragma once

#include <imgui.h>

#include <string>
#include <vector>

#include "monitor/dashboard/panels/panels.h"

namespace phaseguard::test {

class Headless {
 public:
  explicit Headless(ImVec2 size = {1600.0F, 1000.0F}) {
    ImGui::CreateContext();
    ImGuiIO& io = ImGui::GetIO();
    io.IniFilename = nullptr;
    io.DisplaySize = size;
    io.DeltaTime = 1.0F / 60.0F;
    io.BackendFlags |= ImGuiBackendFlags_RendererHasVtxOffset;
#if IMGUI_VERSION_NUM < 18700
    for (int i = 0; i < ImGuiKey_COUNT; ++i) io.KeyMap[i] = i;
#endif
#ifdef IMGUI_HAS_TEXTURES
    io.BackendFlags |= ImGuiBackendFlags_RendererHasTextures;
#else
    unsigned char* pixels = nullptr;
    int width = 0;
    int height = 0;
    io.Fonts->GetTexDataAsRGBA32(&pixels, &width, &height);
#endif
    dashboard::apply_style(plot::Theme::kDark, 13.0F);
  }
  ~Headless() { ImGui::DestroyContext(); }
  Headless(const Headless&) = delete;
  Headless& operator=(const Headless&) = delete;

  void move(ImVec2 at) {
    mouse_ = at;
#if IMGUI_VERSION_NUM < 18700
    ImGui::GetIO().MousePos = at;
#else
    ImGui::GetIO().AddMousePosEvent(at.x, at.y);
#endif
  }
  void press(bool down, int button = 0) {
#if IMGUI_VERSION_NUM < 18700
    ImGui::GetIO().MouseDown[button] = down;
#else
    ImGui::GetIO().AddMouseButtonEvent(button, down);
#endif
  }
  void ctrl(bool down) {
#if IMGUI_VERSION_NUM < 18700
    ImGui::GetIO().KeyCtrl = down;
#else
    ImGui::GetIO().AddKeyEvent(ImGuiMod_Ctrl, down);
#endif
  }
  void key(ImGuiKey which, bool down) {
#if IMGUI_VERSION_NUM < 18700
    ImGui::GetIO().KeysDown[which] = down;
#else
    ImGui::GetIO().AddKeyEvent(which, down);
#endif
  }
  // A letter, with Ctrl and Shift or alone.
  void letter(char upper, bool down, bool with_both = false) {
#if IMGUI_VERSION_NUM < 18700
    ImGui::GetIO().KeyCtrl = ImGui::GetIO().KeyShift = with_both && down;
    ImGui::GetIO().KeysDown[static_cast<unsigned char>(upper)] = down;
#else
    ImGui::GetIO().AddKeyEvent(ImGuiMod_Ctrl, with_both && down);
    ImGui::GetIO().AddKeyEvent(ImGuiMod_Shift, with_both && down);
    ImGui::GetIO().AddKeyEvent(static_cast<ImGuiKey>(ImGuiKey_A + (upper - 'A')), down);
#endif
  }
  void wheel(float notches) {
#if IMGUI_VERSION_NUM < 18700
    ImGui::GetIO().MouseWheel = notches;
#else
    ImGui::GetIO().AddMouseWheelEvent(0.0F, notches);
#endif
  }
  void type(const char* text) { ImGui::GetIO().AddInputCharactersUTF8(text); }

  // One frame; appends what the panels asked for.
  void frame(const dashboard::Model& model, dashboard::View& view) {
    dashboard::Replay closed;
    frame(model, closed, view);
  }
  void frame(const dashboard::Model& model, dashboard::Replay& replay, dashboard::View& view) {
    ImGui::NewFrame();
    dashboard::draw_dashboard(model, replay, view, actions);
    ImGui::Render();
#ifdef IMGUI_HAS_TEXTURES
    for (ImTextureData* texture : *ImGui::GetDrawData()->Textures) {
      if (texture->Status != ImTextureStatus_OK) texture->SetStatus(ImTextureStatus_OK);
    }
#endif
  }
  void frames(int n, const dashboard::Model& model, dashboard::View& view) {
    for (int i = 0; i < n; ++i) frame(model, view);
  }

  // Moves to the control and clicks it, with frames between as a person's click has. False: it was
  // not drawn.
  bool click(const std::string& label, const dashboard::Model& model, dashboard::View& view) {
    const auto found = view.controls.find(label);
    if (found == view.controls.end()) return false;
    move(found->second.middle());
    frames(2, model, view);
    press(true);
    frames(2, model, view);
    press(false);
    frames(3, model, view);
    return true;
  }

  // Moves to the control and holds it down for so long, at 60 frames a second.
  bool hold(const std::string& label, double seconds, const dashboard::Model& model,
            dashboard::View& view) {
    const auto found = view.controls.find(label);
    if (found == view.controls.end()) return false;
    move(found->second.middle());
    frames(2, model, view);
    press(true);
    frames(static_cast<int>(seconds * 60.0) + 2, model, view);
    press(false);
    frames(3, model, view);
    return true;
  }

  // Vertices of the last frame that have exactly this colour.
  [[nodiscard]] static std::size_t vertices_of(ImU32 colour) {
    std::size_t n = 0;
    const ImDrawData& data = *ImGui::GetDrawData();
    for (int i = 0; i < data.CmdListsCount; ++i) {
      for (const ImDrawVert& v : data.CmdLists[i]->VtxBuffer) n += v.col == colour ? 1 : 0;
    }
    return n;
  }

  // All of the last frame: every vertex, as bytes.
  [[nodiscard]] static std::string picture() {
    std::string out;
    const ImDrawData& data = *ImGui::GetDrawData();
    for (int i = 0; i < data.CmdListsCount; ++i) {
      const auto& vertices = data.CmdLists[i]->VtxBuffer;
      out.append(reinterpret_cast<const char*>(vertices.Data),
                 static_cast<std::size_t>(vertices.Size) * sizeof(ImDrawVert));
    }
    return out;
  }

  std::vector<dashboard::Action> actions;

 private:
  ImVec2 mouse_{-1.0F, -1.0F};
};

}  // namespace phaseguard::test
