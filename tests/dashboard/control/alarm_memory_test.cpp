// What was seen and shelved comes back in the next window, for the same attempt of the same record
// at the same place and for nothing else; and a critical alarm blinks until it has been seen.
#include "monitor/dashboard/model/alarm_memory.h"

#include <string>
#include <utility>
#include <vector>

#include "tests/dashboard/desk.h"
#include "tests/support/catch.h"

using namespace phaseguard;
using namespace phaseguard::dashboard;
using test::Desk;
using test::Plant;

namespace {

// Two runs whose rule has fired: the alarm of one was seen, that of the other is on the shelf.
struct Scene {
  Plant plant;
  RunId a = plant.begin("a");
  RunId b = plant.begin("b");
  Batch batch;
  Model first{"ann", "s"};
  AlarmId seen{a, "alert rule:defend"};
  AlarmId shelved{b, "alert rule:defend"};

  Scene() {
    for (const RunId& run : {a, b}) {
      for (int i = 0; i < 3; ++i) plant.step(run, 0.9);
    }
    batch = plant.take();
    see(first, batch, plant.now);
    first.act(AcknowledgeAlarms{{seen}}, plant.now);
    first.act(ShelveAlarms{{shelved}, {"known: bad seed", 3600.0, Step{-1}}}, plant.now);
  }
  static void see(Model& model, const Batch& batch, Now now) {
    model.apply(batch, now);
    model.tick(now);
  }
  [[nodiscard]] Now later(double seconds) const {  // in another process: another monotonic clock
    return {plant.now.wall_s + seconds, Nanos{5}};
  }
  [[nodiscard]] std::vector<KeptAlarm> kept() const { return kept_alarms(first, plant.now); }
};

AlarmState state_of(const Model& model, const AlarmId& id) {
  const AlarmEntry* entry = model.alarm_book().find(id);
  REQUIRE(entry != nullptr);
  return entry->state;
}

}  // namespace

TEST_CASE("what was seen and shelved is known in the next window", "[dashboard][book]") {
  Scene scene;
  const std::vector<KeptAlarm> kept = scene.kept();
  REQUIRE(kept.size() == 2);
  Model next("bob", "t");
  next.remember(kept);
  Scene::see(next, scene.batch, scene.later(60.0));
  CHECK(state_of(next, scene.seen) == AlarmState::kAcknowledged);
  CHECK(next.alarm_book().find(scene.seen)->by == "ann");
  REQUIRE(state_of(next, scene.shelved) == AlarmState::kShelved);
  const AlarmEntry shelved = *next.alarm_book().find(scene.shelved);
  CHECK(shelved.by == "ann");
  CHECK(shelved.shelf.reason == "known: bad seed");
  CHECK(kept_alarms(next, scene.later(61.0)).size() == 2);  // and is kept for the one after it
  Now end = scene.later(3601.0);
  end.mono = Nanos{5 + static_cast<std::int64_t>(3541e9)};  // an hour since it was shelved
  next.tick(end);
  CHECK(state_of(next, scene.shelved) == AlarmState::kUnacknowledged);
  CHECK(kept_alarms(next, end).size() == 1);
}

TEST_CASE("a shelf that ended meanwhile is no more", "[dashboard][book]") {
  Scene scene;
  Model next("bob", "t");
  next.remember(scene.kept());
  Scene::see(next, scene.batch, scene.later(3600.0));
  CHECK(state_of(next, scene.seen) == AlarmState::kAcknowledged);
  CHECK(state_of(next, scene.shelved) == AlarmState::kUnacknowledged);
  CHECK(kept_alarms(next, scene.later(3600.0)).size() == 1);
}

TEST_CASE("nothing of it goes over to another run of that name", "[dashboard][book]") {
  Scene scene;
  std::vector<KeptAlarm> kept = scene.kept();
  Batch batch = scene.batch;
  SECTION("at another place") {
    for (KeptAlarm& one : kept) one.place = "tcp://elsewhere:7701";
  }
  SECTION("of another record") {
    for (KeptAlarm& one : kept) one.record = "1.5 attempt 1 of s";
  }
  SECTION("of another attempt") {
    for (wire::Message& message : batch.messages) message.header.attempt += 1;
  }
  SECTION("of a trainer with another token") {
    for (wire::Message& message : batch.messages) {
      if (auto* hello = std::get_if<wire::Hello>(&message.body)) hello->session = "another";
    }
  }
  SECTION("graver than what was seen") {
    for (KeptAlarm& one : kept) one.level = Level::kHigh;
  }
  Model next("bob", "t");
  next.remember(kept);
  Scene::see(next, batch, scene.later(60.0));
  CHECK(state_of(next, scene.seen) == AlarmState::kUnacknowledged);
  CHECK(state_of(next, scene.shelved) == AlarmState::kUnacknowledged);
}

TEST_CASE("one that ended and came again while nobody looked is new", "[dashboard][book]") {
  Scene scene;
  std::vector<KeptAlarm> kept = scene.kept();
  for (KeptAlarm& one : kept) one.came_s -= 5.0;
  Model next("bob", "t");
  next.remember(kept);
  Scene::see(next, scene.batch, scene.later(60.0));
  CHECK(state_of(next, scene.seen) == AlarmState::kUnacknowledged);
  CHECK(state_of(next, scene.shelved) == AlarmState::kShelved);  // a shelf is for all of the hour
}

TEST_CASE("what is remembered of runs that are not here stays, of another record it goes",
          "[dashboard][book]") {
  Scene scene;
  std::vector<KeptAlarm> kept = scene.kept();
  kept[0].run = "not-here";
  kept[1].record = "another";
  Model next("bob", "t");
  next.remember(kept);
  Scene::see(next, scene.batch, scene.later(60.0));
  const std::vector<KeptAlarm> after = kept_alarms(next, scene.later(60.0));
  REQUIRE(after.size() == 1);
  CHECK(after[0].run == "not-here");
}

TEST_CASE("a critical alarm blinks until it has been seen; its shape and its words stay",
          "[gui][book]") {
  Plant plant;
  const RunId a = plant.begin("a");
  for (int i = 0; i < 3; ++i) plant.step(a, 0.9);
  Desk desk(plant);
  desk.turn(3);
  desk.model.act(SelectRun{a}, plant.now);
  desk.turn(3);
  const plot::Palette& p = plot::dark_palette();
  const auto pale = [&] { return test::Headless::vertices_of(plot::faded(p.critical, 0.45F)); };
  const std::size_t bright = test::Headless::vertices_of(p.critical);
  CHECK(pale() == 0);  // and so are pictures, in which blink_off is never set
  desk.view.blink_off = true;
  desk.turn(1);
  CHECK(pale() > 0);
  CHECK(test::Headless::vertices_of(p.critical) < bright);
  CHECK(test::Headless::vertices_of(p.critical) > 0);
  const std::string off = test::Headless::picture();
  desk.turn(1);
  CHECK(test::Headless::picture() == off);  // nothing else moves: drawn as often as it changes
  REQUIRE(desk.click("open alarms"));
  desk.turn(1);
  CHECK(pale() > 0);
  REQUIRE(desk.click("Acknowledge alarm alert rule:defend of a"));
  CHECK(pale() == 0);
}
