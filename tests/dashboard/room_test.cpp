// Whether everything that is written has room: at four sizes of the window, three scales and three
// themes no text is cut at the edge of its panel or its dialog, and none lies outside of the
// window.
#include <algorithm>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "monitor/dashboard/model/alarm_book.h"
#include "monitor/dashboard/panels/orders.h"
#include "monitor/dashboard/plot/glyphs.h"
#include "tests/dashboard/desk.h"
#include "tests/dashboard/synthetic_run.h"
#include "tests/support/catch.h"

using namespace phaseguard;
using namespace phaseguard::dashboard;
using test::Desk;
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

// At four sizes of the window, three scales and three themes.
template <class Check>
void for_every_look(const Check& check) {
  for (const ImVec2 size : {ImVec2{1280.0F, 720.0F}, ImVec2{1600.0F, 1000.0F},
                            ImVec2{1920.0F, 1080.0F}, ImVec2{2560.0F, 1440.0F}}) {
    for (const float scale : {1.0F, 1.5F, 2.0F}) {
      if (size.x < 1280.0F * scale) continue;  // a window of this scale is at least so wide
      for (const plot::Theme theme : plot::kThemes) {
        INFO(size.x << "x" << size.y << " scale " << scale << " " << plot::name_of(theme));
        check(size, scale, theme);
      }
    }
  }
}

void take_look(Desk& desk, float scale, plot::Theme theme) {
  ImGui::GetIO().FontGlobalScale = scale * 15.0F / 13.0F;
  desk.view.theme = theme;
  apply_style(theme, 15.0F * scale);
  desk.turn(3);
}

// Nothing is cut, and what ends the dialog is in sight.
void check_dialog(const Desk& desk, const char* end, ImVec2 size) {
  const Cut cut = cut_glyphs();
  INFO("at " << cut.x << "," << cut.y);
  CHECK(cut.glyphs == 0);
  REQUIRE(desk.shows(end));
  const Box box = desk.view.controls.at(end);
  CHECK(box.lo.x >= 0.0F);
  CHECK(box.hi.y <= size.y);
}

const std::string kRule = "defend-against-a-judge-that-says-what-nobody-wants";
const std::string kKnob = "ldifs-of-all-layers-but-the-embeddings-and-the-head";

std::string with_long_names(std::string policy) {
  const auto put = [&](const std::string& old, const std::string& name) {
    policy.replace(policy.find(old), old.size(), name);
  };
  put("[rule.defend]", "[rule." + kRule + "]");
  put("[knob.ldifs]", "[knob." + kKnob + "]");
  put("set.kl = 2.0", "set.kl = 2.0\nset." + kKnob + " = 0.25");
  return policy;
}

// A run whose rule has fired, and every name in it is as long as one can be or longer.
struct LongNames {
  explicit LongNames(ImVec2 size) : desk(plant, size) {
    wire::Hello hello = test::plant_hello();
    hello.knobs[1].name = kKnob;
    const RunId run = plant.begin(std::string(64, 'n'), std::move(hello));
    for (int i = 0; i < 3; ++i) plant.step(run, 0.9);
    desk.turn(2);
  }
  // By name, and what opens it.
  std::vector<std::pair<std::string, std::function<void()>>> dialogs() {
    std::vector<std::pair<std::string, std::function<void()>>> out;
    KnobView knob = knob_views(desk.model).at(1);
    REQUIRE(knob.name == kKnob);
    knob.forced_by = "operator " + std::string(40, 'o');
    knob.who = knob.forced_by;
    for (const Dialog which : {Dialog::kForce, Dialog::kRelease, Dialog::kLetGo}) {
      out.emplace_back("of a knob, " + std::to_string(static_cast<int>(which)),
                       [=, this] { open_order(desk.model, desk.view, knob, which); });
    }
    for (const Dialog which : {Dialog::kReset, Dialog::kInhibit, Dialog::kAllow}) {
      out.emplace_back("of a rule, " + std::to_string(static_cast<int>(which)),
                       [=, this] { open_order(desk.model, desk.view, kRule, which); });
    }
    out.emplace_back("panic", [=, this] { open_panic(desk.model, desk.view); });
    out.emplace_back("shelve", [=, this] {
      desk.view.form = {};
      desk.view.form.open = Dialog::kShelve;
      desk.view.form.shelved = alarm_rows(desk.model, false, "").at(0);
    });
    return out;
  }
  test::Plant plant{with_long_names(test::kPlantPolicy)};
  Desk desk;
};

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
    for_every_look([&](ImVec2 size, float scale, plot::Theme theme) {
      Headless gui(size);
      ImGui::GetIO().FontGlobalScale = scale * 15.0F / 13.0F;
      View view;
      view.theme = theme;
      apply_style(theme, 15.0F * scale);
      gui.frames(3, model, view);
      const Cut cut = cut_glyphs();
      INFO(options.own_trainer << " at " << cut.x << "," << cut.y);
      CHECK(cut.glyphs == 0);
    });
  }
}

TEST_CASE("no text leaves a dialog", "[gui][room]") {
  for_every_look([](ImVec2 size, float scale, plot::Theme theme) {
    LongNames scene(size);
    take_look(scene.desk, scale, theme);
    for (const auto& [name, open] : scene.dialogs()) {
      INFO(name);
      open();
      scene.desk.turn(3);
      check_dialog(scene.desk, "Cancel", size);
      REQUIRE(scene.desk.click("Cancel"));
    }
  });
}

TEST_CASE("no text leaves the sheet of keys, the list of commands and the list of alarms",
          "[gui][room]") {
  for_every_look([](ImVec2 size, float scale, plot::Theme theme) {
    LongNames scene(size);
    Desk& desk = scene.desk;
    take_look(desk, scale, theme);
    desk.view.sheet_asked = true;
    desk.turn(3);
    check_dialog(desk, "Close##sheet", size);
    REQUIRE(desk.click("Close##sheet"));
    desk.view.commands_asked = true;
    desk.turn(3);
    REQUIRE(desk.shows("command Quit"));
    CHECK(cut_glyphs().glyphs == 0);
    REQUIRE(desk.click("command Fit all steps and values"));
    desk.view.alarm_list.open = true;
    desk.turn(3);
    REQUIRE(desk.shows("filter of alarms"));
    CHECK(cut_glyphs().glyphs == 0);
  });
}

TEST_CASE("in the theme of high contrast panels have a border", "[gui][contrast]") {
  const Model model = model_of({});
  Headless gui;
  View view;
  const auto drawn = [&](plot::Theme theme) {
    view.theme = theme;
    apply_style(theme, 13.0F);
    gui.frames(2, model, view);
    return Headless::vertices_of(view.palette().border);
  };
  CHECK(drawn(plot::Theme::kContrast) > 30 + drawn(plot::Theme::kDark));
}

TEST_CASE("a character that no font has is replaced, and named where the mouse is",
          "[gui][hostile]") {
  Headless gui;
  ImGui::NewFrame();
  CHECK(plot::unshown("plain, \xC3\xA9") == "");
  CHECK(plot::unshown("\xF0\x9F\x9A\x80 a \xF0\x9F\x9A\x80\xF0\x9F\x94\xA5") == "U+1F680, U+1F525");
  CHECK(plot::unshown("\xE6\x97\xA5") == "U+65E5");  // ImGui's own font has no kanji
  CHECK(plot::unshown("\xF0\x9F") == "");            // cut off: printable() shows the bytes
  const float one = plot::text_size("\xF0\x9F\x9A\x80").x;
  CHECK(one > 0.0F);  // it takes room, and is one character wide
  CHECK(one < 2.0F * plot::text_size("?").x);
  CHECK(plot::elided("\xF0\x9F\x9A\x80 launch", 1000.0F) == "\xF0\x9F\x9A\x80 launch");
  ImGui::EndFrame();
}
