// Whether everything that is written has room: at four sizes of the window, three scales and three
// themes no text is cut at the edge of its panel, and none lies outside of the window.
#include <algorithm>
#include <string>
#include <vector>

#include "tests/dashboard/desk.h"
#include "tests/dashboard/synthetic_run.h"
#include "tests/support/catch.h"

using namespace phaseguard;
using namespace phaseguard::dashboard;
using test::Headless;

namespace {

// Glyphs that stick out of what they are clipped by, to the left or the right. Lists scroll up and
// down, so what is cut there can be read; nothing scrolls sideways.
struct Cut {
  std::size_t glyphs = 0;
  float x = 0.0F;  // of one of them
  float y = 0.0F;
};

Cut cut_glyphs() {
  Cut cut;
  const ImDrawData& data = *ImGui::GetDrawData();
  const ImVec2 white = ImGui::GetIO().Fonts->TexUvWhitePixel;
  for (int i = 0; i < data.CmdListsCount; ++i) {
    const ImDrawList& list = *data.CmdLists[i];
    for (const ImDrawCmd& cmd : list.CmdBuffer) {
      for (unsigned k = 0; k < cmd.ElemCount; k += 6) {
        const auto at = [&](unsigned n) {
          return list.VtxBuffer[static_cast<int>(
              list.IdxBuffer[static_cast<int>(cmd.IdxOffset + k + n)] + cmd.VtxOffset)];
        };
        const ImDrawVert a = at(0);
        const ImDrawVert b = at(2);
        const bool is_glyph = a.uv.x != white.x && a.uv.y != b.uv.y && a.uv.x != b.uv.x;
        const bool in_sight = b.pos.y > cmd.ClipRect.y + 1.0F && a.pos.y < cmd.ClipRect.w - 1.0F;
        const bool sticks_out = a.pos.x < cmd.ClipRect.x - 1.0F || b.pos.x > cmd.ClipRect.z + 1.0F;
        if (!is_glyph || !in_sight || !sticks_out) continue;
        ++cut.glyphs;
        cut.x = a.pos.x;
        cut.y = a.pos.y;
      }
    }
  }
  return cut;
}

Model model_of(const test::RunOptions& options) {
  Model model("ann", "s");
  SourceState state;
  state.loading = false;
  state.place = "/home/ann/runs/" + options.name + ".phaseguard";
  model.apply({state, test::synthetic_run(options)}, {1.76e9, Nanos{0}});
  return model;
}

}  // namespace

TEST_CASE("a text that is cut is found", "[gui][room]") {
  Headless gui;
  ImGui::NewFrame();
  ImGui::SetNextWindowPos({0.0F, 0.0F});
  ImGui::SetNextWindowSize({200.0F, 60.0F});
  ImGui::Begin("w", nullptr, ImGuiWindowFlags_NoDecoration);
  plot::text_at(*ImGui::GetWindowDrawList(), {150.0F, 10.0F}, IM_COL32_WHITE, "too long for it");
  ImGui::End();
  ImGui::Render();
  CHECK(cut_glyphs().glyphs > 0);
}

TEST_CASE("no text leaves its panel", "[gui][room]") {
  test::RunOptions own;
  own.own_trainer = true;
  for (const test::RunOptions& options : {test::RunOptions{}, own}) {
    const Model model = model_of(options);
    for (const ImVec2 size : {ImVec2{1280.0F, 720.0F}, ImVec2{1600.0F, 1000.0F},
                              ImVec2{1920.0F, 1080.0F}, ImVec2{2560.0F, 1440.0F}}) {
      for (const float scale : {1.0F, 1.5F, 2.0F}) {
        if (size.x < 1280.0F * scale) continue;  // a window of this scale is at least so wide
        for (const plot::Theme theme : plot::kThemes) {
          Headless gui(size);
          ImGui::GetIO().FontGlobalScale = scale * 15.0F / 13.0F;
          View view;
          view.theme = theme;
          apply_style(theme, 15.0F * scale);
          gui.frames(3, model, view);
          const Cut cut = cut_glyphs();
          INFO(options.own_trainer << " " << size.x << "x" << size.y << " scale " << scale << " "
                                   << plot::name_of(theme) << " at " << cut.x << "," << cut.y);
          CHECK(cut.glyphs == 0);
        }
      }
    }
  }
}
