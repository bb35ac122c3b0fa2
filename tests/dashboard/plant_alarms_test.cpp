// Alarms of every run from the screen of one, and that nothing moves when they come.
#include <cmath>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "monitor/base/file.h"
#include "monitor/dashboard/model/alarm_book.h"
#include "monitor/policy/explain/explain.h"
#include "tests/dashboard/desk.h"
#include "tests/support/catch.h"
#include "tests/support/source_dir.h"

using namespace phaseguard;
using namespace phaseguard::dashboard;
using test::Desk;
using test::Plant;

namespace {

void trip(Plant& plant, const RunId& run) {
  for (int i = 0; i < 3; ++i) plant.step(run, 0.9);
}

// What a click may be meant for, without what lists the record.
std::map<std::string, Box> buttons_of(const View& view) {
  std::map<std::string, Box> out;
  for (const auto& [label, box] : view.controls) {
    const bool listed = label.rfind("event of", 0) == 0 || label.rfind("elsewhere", 0) == 0 ||
                        label.rfind("command", 0) == 0 || label.rfind("Acknowledge", 0) == 0 ||
                        label.rfind("values of", 0) == 0 || label.rfind("author of", 0) == 0;
    if (!listed) out[label] = box;
  }
  return out;
}

void check_nothing_moved(const std::map<std::string, Box>& before, const View& view) {
  for (const auto& [label, box] : before) {
    INFO(label);
    REQUIRE(view.controls.count(label) == 1);
    const Box& now = view.controls.at(label);
    CHECK(now.lo.x == box.lo.x);
    CHECK(now.lo.y == box.lo.y);
    CHECK(now.hi.y == box.hi.y);
  }
}

}  // namespace

TEST_CASE("the worst alarm of the plant is in sight from any run", "[dashboard][alarms]") {
  Plant plant;
  const RunId a = plant.begin("a");
  const RunId b = plant.begin("b");
  const RunId c = plant.begin("c");
  Desk desk(plant);
  desk.turn(2);
  desk.model.act(SelectRun{a}, plant.now);
  desk.turn(2);
  CHECK(alarms_elsewhere(desk.model).empty());
  CHECK(desk.label("elsewhere").empty());
  trip(plant, b);
  desk.turn(2);
  CHECK(alarms(desk.model).empty());
  const auto lines = alarms_elsewhere(desk.model);
  REQUIRE(lines.size() == 1);
  CHECK(lines[0].first.level == Level::kCritical);
  CHECK(text_of(lines[0]).rfind("run b: defend fired at step 2", 0) == 0);
  CHECK(desk.label("elsewhere: run b: defend fired") != "");
  CHECK(desk.run() == "a");

  REQUIRE(desk.click("Alarms"));
  REQUIRE(desk.shows("alarm of run b"));
  trip(plant, c);  // the menu stays as it opened
  desk.turn(2);
  CHECK(desk.view.alarm_menu.size() == 1);
  CHECK(desk.view.alarm_menu[0].runs.size() == 1);
  REQUIRE(desk.click("alarm of run b"));
  CHECK(desk.run() == "b");
  CHECK_FALSE(alarms(desk.model).empty());
  plant.end(b);
  desk.model.act(SelectRun{a}, plant.now);
  desk.turn(2);
  REQUIRE(alarms_elsewhere(desk.model).size() == 1);
  CHECK(alarms_elsewhere(desk.model)[0].runs == std::vector<RunId>{c});  // b has ended
}

TEST_CASE("an alarm that is over stays in sight until somebody has seen it",
          "[dashboard][alarms]") {
  Plant plant;
  const RunId a = plant.begin("a");
  const RunId b = plant.begin("b");
  Desk desk(plant);
  desk.turn(2);
  desk.model.act(SelectRun{a}, plant.now);
  trip(plant, b);
  desk.turn(2);
  CHECK(desk.label("unseen") == "");
  plant.end(b);
  desk.turn(2);
  CHECK(alarms_elsewhere(desk.model).empty());
  REQUIRE(desk.label("unseen: over, and nobody has seen it: run b: defend fired at step 2") != "");
  CHECK(unseen_rows(desk.model, true).empty());

  desk.model.act(AcknowledgeAlarms{unseen_rows(desk.model, false)[0].ids}, plant.now);
  desk.turn(2);
  CHECK(desk.label("unseen") == "");
}

TEST_CASE("64 runs that cross together are one line", "[dashboard][alarms]") {
  Plant plant;
  std::vector<RunId> runs;
  for (int i = 0; i < 65; ++i) runs.push_back(plant.begin("run-" + std::to_string(i)));
  Desk desk(plant);
  desk.turn(2);
  desk.model.act(SelectRun{runs[0]}, plant.now);
  for (std::size_t i = 1; i < runs.size(); ++i) trip(plant, runs[i]);
  desk.turn(2);
  const auto lines = alarms_elsewhere(desk.model);
  REQUIRE(lines.size() == 1);
  CHECK(lines[0].runs.size() == 64);
  CHECK(text_of(lines[0]).rfind("64 runs: defend fired at step 2", 0) == 0);
  const auto all = plant_alarms(desk.model);
  REQUIRE(all.size() == 1);
  CHECK(all[0].runs == lines[0].runs);
}

TEST_CASE("alarms of one level keep their order", "[dashboard][alarms]") {
  Plant plant;
  const RunId b = plant.begin("b");  // appears first
  const RunId a = plant.begin("a");
  Desk desk(plant);
  desk.turn(2);
  desk.model.act(ForceKnob{b, "kl", 0, 8.0, "", 0}, plant.now);
  desk.model.act(ForceKnob{a, "kl", 0, 7.0, "", 0}, plant.now);
  desk.settle();
  for (int i = 0; i < 4; ++i) {
    plant.step(i % 2 == 0 ? a : b, 0.1);
    desk.turn();
    const auto lines = plant_alarms(desk.model);
    REQUIRE(lines.size() == 2);
    CHECK(lines[0].runs == std::vector<RunId>{b});
    CHECK(lines[1].runs == std::vector<RunId>{a});
  }
}

TEST_CASE("no button moves when an alarm comes or goes", "[dashboard][alarms]") {
  Plant plant;
  const RunId a = plant.begin("a");
  const RunId b = plant.begin("b");
  Desk desk(plant);
  desk.turn(2);
  desk.model.act(SelectRun{a}, plant.now);
  plant.step(a, 0.1);
  plant.step(b, 0.1);
  desk.turn(3);
  const auto before = buttons_of(desk.view);
  REQUIRE(before.count("Force kl...") == 1);
  REQUIRE(before.count("run b") == 1);

  trip(plant, b);
  desk.turn(3);
  check_nothing_moved(before, desk.view);
  trip(plant, a);
  desk.turn(3);
  REQUIRE(alarms(desk.model).size() == 1);
  check_nothing_moved(before, desk.view);
  desk.model.act(ForceKnob{a, "kl", 0, 8.0, "", 0}, plant.now);  // refused
  desk.model.act(ForceKnob{a, "ldifs", 0, 0.4, "", 0}, plant.now);
  desk.settle();
  desk.turn(3);
  REQUIRE(desk.shows("Acknowledge s-1"));
  check_nothing_moved(before, desk.view);
  plant.pass(3.0);  // the trainers fall silent
  desk.turn(3);
  REQUIRE(alarms(desk.model).size() >= 3);
  check_nothing_moved(before, desk.view);
  plant.source.connected = false;
  desk.turn(3);
  check_nothing_moved(before, desk.view);
}

TEST_CASE("what Force proposes is accepted under every shipped policy", "[dashboard][alarms]") {
  int policies = 0;
  int forced = 0;
  int closed = 0;
  const std::filesystem::path folder = test::source_dir() + "/assets/policies";
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() != ".toml") continue;
    ++policies;
    INFO(entry.path());
    const auto text = read_file(entry.path());
    REQUIRE(text);
    wire::Hello hello = policy::assumed_declaration(test::document_of(*text), 5);
    for (wire::KnobDecl& knob : hello.knobs) {
      knob.forcible = true;
      knob.max += 0.5;  // wider than the policy's
    }
    Plant plant(*text);
    const RunId run = plant.begin("a", hello);
    Desk desk(plant, {1600.0F, 2000.0F});  // three knobs without scrolling
    desk.turn(2);
    for (const KnobView& knob : knob_views(desk.model)) {
      INFO(knob.name << " " << knob.rule_value << " of " << knob.min << " to " << knob.max);
      const std::string obstacle = desk.model.force_obstacle(run, knob.name);
      if (!obstacle.empty()) {  // of the one policy under which the daemon refuses every force
        CHECK(obstacle ==
              "policy observe-only is in shadow mode, shadow = \"strict\": nobody raises a knob");
        REQUIRE(desk.click("Force " + knob.name + "..."));
        CHECK_FALSE(desk.shows("Apply"));
        ++closed;
        continue;
      }
      const std::size_t sent = desk.sent.size();
      REQUIRE(desk.click("Force " + knob.name + "..."));
      CHECK(desk.view.form.subject.knob.name == knob.name);
      REQUIRE(desk.click("Apply"));
      REQUIRE(desk.sent.size() == sent + 1);
      const auto& command = std::get<wire::Command>(desk.sent.back().body);
      CHECK(command.value == (std::isnan(knob.rule_value) ? knob.max : knob.rule_value));
      REQUIRE_FALSE(desk.model.pending().empty());
      INFO(desk.model.pending().back().text);
      CHECK(desk.model.pending().back().stage != Stage::kRefused);
      ++forced;
    }
    CHECK(alarms(desk.model).empty());
    CHECK(run.text() == desk.run());
  }
  CHECK(policies >= 20);
  CHECK(forced >= policies);
  CHECK(closed == 1);
}

TEST_CASE("what is over of the view itself stands in its own line, not in that of other runs",
          "[dashboard][alarms]") {
  Plant plant;
  const RunId a = plant.begin("a");
  (void)plant.begin("b");
  Desk desk(plant);
  desk.turn(2);
  desk.model.act(SelectRun{a}, plant.now);
  plant.source.connected = false;
  desk.turn(2);
  plant.source.connected = true;
  desk.turn(2);
  const std::string over = desk.label("unseen: over, and nobody has seen it: ");
  REQUIRE(over != "");
  CHECK(desk.view.controls.at(over).lo.y == desk.view.controls.at("open alarms").lo.y);
  CHECK(unseen_rows(desk.model, false).empty());
}
