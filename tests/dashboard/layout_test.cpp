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

TEST_CASE("alarms that were seen and shelved are in a file, and come back", "[gui][alarms]") {
  const test::Folder folder;
  ::setenv("XDG_STATE_HOME", folder.path().c_str(), 1);
  REQUIRE(read_kept_alarms());  // none is no error
  CHECK(read_kept_alarms()->empty());
  KeptAlarm seen;
  seen.place = "ipc:///run/x";
  seen.run = "a";
  seen.record = "1.5 attempt 2 of s";
  seen.about = "alert rule:defend";
  seen.level = Level::kCritical;
  seen.by = "ann \"the\" \xE6\x97\xA5";
  KeptAlarm shelved = seen;
  shelved.run = "b";
  shelved.shelved = true;
  shelved.shelf = {"known", 3600.0, Step{400}};
  shelved.shelf_ends_s = 1.76e9 + 0.25;
  seen.came_s = 1.75e9 + 0.125;
  const std::string text = alarms_text({seen, shelved});
  REQUIRE(save_kept_alarms(text));
  const auto read = read_kept_alarms();
  REQUIRE(read);
  REQUIRE(read->size() == 2);
  CHECK(alarms_text(*read) == text);
  CHECK(read->at(0).came_s == seen.came_s);
  CHECK(read->at(1).shelf.until_step == Step{400});
  CHECK(read->at(1).shelf_ends_s == shelved.shelf_ends_s);
}

TEST_CASE("a damaged file of alarms is put aside, and said", "[gui][alarms][hostile]") {
  const test::Folder folder;
  ::setenv("XDG_STATE_HOME", folder.path().c_str(), 1);
  const auto path = folder.path() / "phaseguard" / "alarms.json";
  KeptAlarm one;
  one.run = "a";
  const std::string whole = alarms_text({one});
  struct Case {
    std::string text, says;
  };
  const Case cases[] = {
      {"{ not JSON", "parse error"},
      {"[]", "file.version: expected a number"},
      {R"({"version": 2, "alarms": []})", "file.version: expected 1"},
      {R"({"version": 1, "alarms": {}})", "file.alarms: expected a list"},
      {R"({"version": 1, "alarms": [7]})", "alarms[0].place: expected text"},
      {R"({"version": 1, "alarms": [{"place": "", "run": "", "record": "", "about": "",
           "level": "worst"}]})",
       "alarms[0].level: expected none, info, medium, high or critical"},
      {whole.substr(0, whole.size() / 2), "parse error"}};
  for (const Case& c : cases) {
    INFO(c.text);
    REQUIRE(save_kept_alarms(c.text));
    const auto read = read_kept_alarms();
    REQUIRE_FALSE(read);
    INFO(read.error().message);
    CHECK(read.error().message.find(c.says) != std::string::npos);
    CHECK(read.error().message.find("kept as alarms.json.damaged") != std::string::npos);
    CHECK(std::filesystem::exists(path.string() + ".damaged"));
    CHECK(read_kept_alarms());  // and the next window begins anew
  }
}
