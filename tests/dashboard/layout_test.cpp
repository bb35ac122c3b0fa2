// What was arranged is kept: as text and back, by name and from one window to the next; a file that
// does not fit says where and leaves everything as it was.
#include "monitor/dashboard/shell/layout.h"

#include <cstdlib>
#include <string>

#include "monitor/dashboard/shell/alarm_file.h"
#include "tests/support/catch.h"
#include "tests/support/folder.h"

using namespace phaseguard;
using namespace phaseguard::dashboard;

namespace {

View arranged() {
  View view;
  view.theme = plot::Theme::kContrast;
  view.text_size = 2;
  view.left_em = 30.0F;
  view.hidden_groups = {"train", "gpu"};
  view.look.x = plot::XKind::kElapsed;
  view.look.smooth = {plot::SmoothKind::kMedian, 7.5, true};
  view.look.table = true;
  view.look.compared = {"run-8", Align::kFirstTrip, false};
  const std::string own = add_own_plot(view.look, "mine \"and\" yours", {"train/loss", "a/b"});
  view.look.choices[own].y = plot::YKind::kSymlog;
  view.look.choices["canary/js"].hidden = {"canary/js_max"};
  return view;
}

}  // namespace

TEST_CASE("a layout comes back as it was", "[gui][layout]") {
  const std::string text = layout_text(arranged());
  View view;
  REQUIRE(take_layout(text, view));
  CHECK(layout_text(view) == text);
  CHECK(view.theme == plot::Theme::kContrast);
  CHECK(view.look.smooth.length == 7.5);
  CHECK(view.look.own.at(0).name == "mine \"and\" yours");
}

TEST_CASE("what does not fit is named, and changes nothing", "[gui][layout][hostile]") {
  struct Case {
    std::string text, says;
  };
  const Case cases[] = {
      {"", "parse error"},
      {"[]", "expected an object"},
      {R"({"theme": "mauve"})", "layout.theme: expected one of dark, light, contrast, found"},
      {R"({"them": "dark"})", "did you mean \"theme\"?"},
      {R"({"left_em": 1e9})", "layout.left_em: expected a number from 4 to 60"},
      {R"({"version": 2})", "layout.version: expected a number from 1 to 1"},
      {R"({"theme": "light", "plots": {"smooth": {"length": -1}}})", "plots.smooth.length"},
      {R"({"plots": {"choices": {"p": {"y": "cubic"}}}})", "plots.choices.p.y: expected one of"},
      {R"({"plots": {"own": {"id": "x"}}})", "plots.own: expected a list"},
      {R"({"hidden_groups": [1]})", "layout.hidden_groups: expected a list of texts"}};
  for (const Case& c : cases) {
    INFO(c.text);
    View view = arranged();
    const auto taken = take_layout(c.text, view);
    REQUIRE_FALSE(taken);
    INFO(taken.error().message);
    CHECK(taken.error().message.find(c.says) != std::string::npos);
    CHECK(layout_text(view) == layout_text(arranged()));
  }
}

TEST_CASE("layouts have names and files, and the last one is kept", "[gui][layout]") {
  const test::Folder folder;
  ::setenv("XDG_CONFIG_HOME", folder.path().c_str(), 1);
  View view;
  CHECK(read_last_layout(view));  // none is no error
  CHECK(layout_names().empty());
  REQUIRE(save_layout("night_shift-2", arranged()));
  CHECK(layout_names() == std::vector<std::string>{"night_shift-2"});
  REQUIRE(read_layout("night_shift-2", view));
  CHECK(layout_text(view) == layout_text(arranged()));
  REQUIRE(save_last_layout(arranged()));
  View next;
  REQUIRE(read_last_layout(next));
  CHECK(next.look.table);
  const auto gone = read_layout("day", next);
  REQUIRE_FALSE(gone);
  CHECK(gone.error().message.find("there is night_shift-2") != std::string::npos);
  CHECK_FALSE(save_layout("a b", view));
  CHECK_FALSE(save_layout("", view));
  const std::string file = (folder.path() / "shared.json").string();
  REQUIRE(save_layout(file, arranged()));  // exported, and read from there
  CHECK(read_layout(file, next));
}
