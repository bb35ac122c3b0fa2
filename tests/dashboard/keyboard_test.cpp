// Keys: each does what the sheet says, none that changes a run is a single key, and commands are
// found by their names.
#include "monitor/dashboard/panels/keyboard.h"

#include <string>
#include <variant>

#include "tests/dashboard/headless.h"
#include "tests/dashboard/synthetic_run.h"
#include "tests/support/catch.h"

using namespace phaseguard;
using namespace phaseguard::dashboard;
using test::Headless;

namespace {

Model two_runs() {
  Model model("ann", "s");
  SourceState state;
  state.loading = false;
  for (const char* name : {"first", "second"}) {
    test::RunOptions options;
    options.name = name;
    model.apply({state, test::synthetic_run(options)}, {1.76e9, Nanos{0}});
  }
  return model;
}

bool is_command(const Action& action) {
  return std::holds_alternative<ForceKnob>(action) || std::holds_alternative<ReleaseKnob>(action) ||
         std::holds_alternative<LetGo>(action) || std::holds_alternative<Panic>(action) ||
         std::holds_alternative<OrderRule>(action);
}

// As Debian 12's window does it: letters have the numbers of ASCII.
void tap(Headless& gui, int key, const Model& model, View& view) {
#if IMGUI_VERSION_NUM < 18700
  ImGui::GetIO().KeysDown[key] = true;
  gui.frame(model, view);
  ImGui::GetIO().KeysDown[key] = false;
#else
  const bool letter = key >= 'A' && key <= 'Z';
  const auto which = letter       ? static_cast<ImGuiKey>(ImGuiKey_A + (key - 'A'))
                     : key == ' ' ? ImGuiKey_Space
                                  : ImGuiKey_F1;
  ImGui::GetIO().AddKeyEvent(which, true);
  gui.frame(model, view);
  ImGui::GetIO().AddKeyEvent(which, false);
#endif
  gui.frames(2, model, view);
}

}  // namespace

TEST_CASE("no single key commands a run", "[gui][keys]") {
  const Model model = two_runs();
  Headless gui;
  View view;
  gui.frames(3, model, view);
  for (int key = 'A'; key <= 'Z'; ++key) tap(gui, key, model, view);
  for (const Action& action : gui.actions) CHECK_FALSE(is_command(action));
}

TEST_CASE("keys do what the sheet says", "[gui][keys]") {
  const Model model = two_runs();
  Headless gui;
  View view;
  gui.frames(3, model, view);
  view.time.follow = false;
  tap(gui, 'L', model, view);
  CHECK(view.time.follow);
  tap(gui, 'N', model, view);
  REQUIRE(gui.actions.size() == 1);
  CHECK(std::get<SelectRun>(gui.actions[0]).run != model.shown()->run);
  tap(gui, 'T', model, view);
  REQUIRE(gui.actions.size() == 2);
  CHECK(std::get<OpenTimeline>(gui.actions[1]).open);
}

TEST_CASE("commands are found by their names", "[gui][keys]") {
  const Model model = two_runs();
  Headless gui;
  View view;
  gui.frames(2, model, view);
  Replay replay;
  std::vector<Action> actions;
  const auto all = named_commands(model, replay, view, actions);
  CHECK(matching(all, "").size() == all.size());
  const auto run = matching(all, "RUN sec");
  REQUIRE(run.size() == 1);
  run[0]->run();
  REQUIRE(actions.size() == 1);
  CHECK(std::get<SelectRun>(actions[0]).run.text() == "second");
  REQUIRE(matching(all, "theme contrast").size() == 1);
  matching(all, "theme contrast")[0]->run();
  CHECK(view.theme == plot::Theme::kContrast);
  CHECK(matching(all, "no such thing").empty());
  const auto force = matching(all, "force everything");
  REQUIRE(force.size() == 1);
  CHECK(force[0]->obstacle == "a recording: there is no trainer to command");
}

TEST_CASE("the list of commands opens, is typed into and done", "[gui][keys]") {
  const Model model = two_runs();
  Headless gui;
  View view;
  gui.frames(2, model, view);
  view.commands_asked = true;
  gui.frames(3, model, view);
  gui.type("text large");
  gui.frames(3, model, view);
  CHECK(view.controls.count("command Theme: dark") == 0);
  REQUIRE(gui.click("command Text: Large", model, view));
  CHECK(view.text_size == 2);
}

TEST_CASE("the sheet of keys can be read and closed", "[gui][keys]") {
  const Model model = two_runs();
  Headless gui;
  View view;
  gui.frames(2, model, view);
  view.sheet_asked = true;
  gui.frames(3, model, view);
  REQUIRE(view.controls.count("Close##sheet") == 1);
  REQUIRE(gui.click("Close##sheet", model, view));
  CHECK(view.controls.count("Close##sheet") == 0);
}
