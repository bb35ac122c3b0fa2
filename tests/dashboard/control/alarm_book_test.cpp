// The viewer's own knowledge of alarms: seen, put aside and for how long, which came first, ended.
#include "monitor/dashboard/model/alarm_book.h"

#include <string>

#include "tests/dashboard/desk.h"
#include "tests/support/catch.h"

using namespace phaseguard;
using namespace phaseguard::dashboard;
using test::Desk;
using test::Plant;

namespace {

Now at(double seconds) {
  return {1.76e9 + seconds, Nanos{static_cast<std::int64_t>(seconds * 1e9)}};
}

Alarm alarm(const std::string& run, const std::string& about, Level level = Level::kHigh,
            double t = wire::kNaN) {
  Alarm out;
  out.level = level;
  out.word = "HIGH";
  out.text = about;
  out.run = *RunId::parse(run);
  out.about = about;
  out.t = t;
  return out;
}

void trip(Plant& plant, const RunId& run) {
  for (int i = 0; i < 3; ++i) plant.step(run, 0.9);
}

}  // namespace

TEST_CASE("an alarm goes through the states of ISA-18.2", "[dashboard][book]") {
  AlarmBook book;
  const std::vector<Alarm> one{alarm("a", "x")};
  const AlarmId id = id_of(one[0]);
  book.update(one, {}, at(1));
  REQUIRE(book.find(id) != nullptr);
  CHECK(book.find(id)->state == AlarmState::kUnacknowledged);
  book.update({}, {}, at(2));
  CHECK(book.find(id)->state == AlarmState::kReturned);  // nobody saw it: it stays
  book.update(one, {}, at(3));
  CHECK(book.find(id)->state == AlarmState::kUnacknowledged);
  CHECK(book.find(id)->times == 2);
  book.acknowledge({id}, "ann", at(4));
  CHECK(book.find(id)->state == AlarmState::kAcknowledged);
  CHECK(book.find(id)->by == "ann");
  book.update({alarm("a", "x", Level::kCritical)}, {}, at(5));
  CHECK(book.find(id)->state == AlarmState::kUnacknowledged);  // graver than what was seen
  book.acknowledge({id}, "ann", at(6));
  book.update({}, {}, at(7));
  CHECK(book.find(id) == nullptr);
  REQUIRE(book.history().size() == 1);
  CHECK(book.history()[0].by == "ann");
  CHECK(book.history()[0].ended_s - book.history()[0].came_s == 6.0);
  book.update(one, {}, at(8));
  book.update({}, {}, at(9));
  book.acknowledge({id}, "ann", at(10));
  CHECK(book.find(id) == nullptr);
  CHECK(book.history().size() == 2);
}

TEST_CASE("a shelf has a reason and an end, and is over then", "[dashboard][book]") {
  AlarmBook book;
  const std::vector<Alarm> one{alarm("a", "x")};
  const AlarmId id = id_of(one[0]);
  book.update(one, {}, at(0));
  CHECK_FALSE(book.shelve({id}, {" ", 3600.0, Step{-1}}, "ann", at(0)));
  CHECK_FALSE(book.shelve({id}, {"known", 0.0, Step{-1}}, "ann", at(0)));
  CHECK_FALSE(book.is_shelved(id));
  SECTION("one hour") {
    REQUIRE(book.shelve({id}, {"known", 3600.0, Step{-1}}, "ann", at(0)));
    book.update(one, {}, at(3599));
    CHECK(book.is_shelved(id));
    book.update(one, {}, at(3600));
  }
  SECTION("never longer than 8 h") {
    REQUIRE(book.shelve({id}, {"known", 1e9, Step{-1}}, "ann", at(0)));
    book.update(one, {}, at(kLongestShelfS - 1));
    CHECK(book.is_shelved(id));
    book.update(one, {}, at(kLongestShelfS));
  }
  SECTION("until a step of its run") {
    REQUIRE(book.shelve({id}, {"known", 0.0, Step{40}}, "ann", at(0)));
    book.update(one, {{id.run, Step{39}}, {*RunId::parse("b"), Step{90}}}, at(10));
    CHECK(book.is_shelved(id));
    book.update(one, {{id.run, Step{40}}}, at(11));
  }
  SECTION("of a run whose steps do not come") {
    REQUIRE(book.shelve({id}, {"known", 0.0, Step{40}}, "ann", at(0)));
    book.update(one, {{id.run, Step{39}}}, at(kLongestShelfS));
  }
  SECTION("it grows graver") {
    REQUIRE(book.shelve({id}, {"known", 3600.0, Step{-1}}, "ann", at(0)));
    book.update({alarm("a", "x", Level::kCritical)}, {}, at(1));
  }
  SECTION("taken back") {
    REQUIRE(book.shelve({id}, {"known", 3600.0, Step{-1}}, "ann", at(0)));
    book.unshelve({id});
  }
  REQUIRE(book.find(id) != nullptr);
  CHECK(book.find(id)->state == AlarmState::kUnacknowledged);
}

TEST_CASE("which came first of those that came together, by the record", "[dashboard][book]") {
  AlarmBook book;
  book.update({alarm("c", "z", Level::kHigh, 120.0), alarm("a", "x", Level::kHigh, 108.0),
               alarm("b", "y", Level::kCritical, 101.0), alarm("d", "w", Level::kHigh, 300.0)},
              {}, at(0));
  REQUIRE(book.entries().size() == 4);
  CHECK(book.entries()[0].alarm.about == "y");
  CHECK(book.entries()[0].first);
  CHECK(book.together(book.entries()[0]) == 2);  // 7 s apart
  CHECK(book.entries()[1].alarm.about == "x");
  CHECK_FALSE(book.entries()[1].first);
  CHECK(book.together(book.entries()[2]) == 1);  // 12 s later
  CHECK(book.together(book.entries()[3]) == 1);
}

TEST_CASE("the list: one line for many runs, acknowledge, shelve, filter, history",
          "[dashboard][book]") {
  Plant plant;
  std::vector<RunId> runs;
  for (int i = 0; i < 9; ++i) runs.push_back(plant.begin("run-" + std::to_string(i)));
  Desk desk(plant);
  desk.turn(2);
  desk.model.act(SelectRun{runs[0]}, plant.now);
  for (std::size_t i = 1; i < runs.size(); ++i) trip(plant, runs[i]);
  plant.pass(3.0);  // and all trainers are silent
  desk.turn(2);
  CHECK(counts_text(desk.model) == "17 new");
  const auto rows = alarm_rows(desk.model, false, "");
  REQUIRE(rows.size() == 2);
  CHECK(rows[0].ids.size() == 8);
  CHECK(rows[0].text.rfind("8 runs: defend fired at step 2", 0) == 0);
  CHECK(rows[1].ids.size() == 9);
  CHECK(alarm_rows(desk.model, false, "SILENT").size() == 1);
  CHECK(alarm_rows(desk.model, false, "run-7").size() == 2);
  CHECK(alarm_rows(desk.model, false, "nothing").empty());

  REQUIRE(desk.click("open alarms"));
  const std::string key = " alarm alert rule:defend of run-1";
  REQUIRE(desk.shows("Acknowledge" + key));
  REQUIRE(desk.click("Acknowledge" + key));
  CHECK(counts_text(desk.model) == "9 new, 8 seen");
  REQUIRE(desk.click("Shelve alarm link of run-0"));
  REQUIRE(desk.click("Shelve"));  // no reason
  CHECK(counts_text(desk.model) == "9 new, 8 seen");
  REQUIRE(desk.give_reason("they are paused"));
  REQUIRE(desk.click("shelf 8 h"));
  REQUIRE(desk.click("Shelve"));
  CHECK(counts_text(desk.model) == "8 seen, 9 shelved");
  CHECK(alarms(desk.model).empty());  // of the shown run: put aside
  REQUIRE(alarms_elsewhere(desk.model).size() == 1);
  REQUIRE(desk.click("list Shelved"));
  const auto shelved = alarm_rows(desk.model, true, "");
  REQUIRE(shelved.size() == 1);
  CHECK(shelved[0].note.find("shelved by ann for 8 h: they are paused") == 0);
  REQUIRE(desk.click("Unshelve alarm link of run-0"));
  CHECK(counts_text(desk.model) == "9 new, 8 seen");
  plant.pass(kLongestShelfS);
  for (const RunId& run : runs) plant.step(run, 0.1);
  desk.turn(2);
  CHECK(counts_text(desk.model) == "8 seen, 9 over");
  REQUIRE(desk.click("list In force"));
  REQUIRE(desk.click("Acknowledge alarm link of run-0"));
  CHECK(ended_rows(desk.model, "").size() == 9);
  CHECK(desk.sent.empty());  // none of it is a run's business
  CHECK(desk.run() == "run-0");
}

TEST_CASE("in the list nothing moves under the mouse", "[dashboard][book]") {
  Plant plant;
  const RunId a = plant.begin("a");
  const RunId b = plant.begin("b");
  Desk desk(plant);
  desk.turn(2);
  desk.model.act(SelectRun{a}, plant.now);
  desk.model.act(ForceKnob{a, "kl", 0, 8.0, "", 0}, plant.now);  // refused: an alarm
  desk.settle();
  desk.turn(2);
  REQUIRE(desk.click("open alarms"));
  const std::string mine = "Acknowledge alarm command s-1 of a";
  REQUIRE(desk.shows(mine));
  const Box before = desk.view.controls.at(mine);
  desk.gui.move(before.middle());
  desk.turn(2);
  trip(plant, b);  // graver
  desk.turn(2);
  REQUIRE(desk.shows("Acknowledge alarm alert rule:defend of b"));
  CHECK(desk.view.controls.at(mine).lo.y == before.lo.y);
  REQUIRE(desk.click(mine));
  CHECK_FALSE(desk.shows(mine));
  CHECK(desk.view.controls.at("Acknowledge alarm alert rule:defend of b").lo.y > before.hi.y);
  desk.gui.move({1.0F, 1.0F});
  desk.turn(2);
  CHECK(desk.view.controls.at("Acknowledge alarm alert rule:defend of b").lo.y == before.lo.y);
}
