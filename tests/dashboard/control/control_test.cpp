// PROTECTION: what every knob's row says, and that three of them fit without scrolling.
#include <string>

#include "monitor/dashboard/model/control/by_hand.h"
#include "tests/dashboard/control/three_knobs.h"
#include "tests/dashboard/desk.h"
#include "tests/support/catch.h"

using namespace phaseguard;
using namespace phaseguard::dashboard;
using test::Desk;
using test::Plant;

namespace {

// Of a screen whose text is 15 pixels high, as the window has it.
ImVec2 in_small_text(float width, float height) {
  return {width * 13.0F / 15.0F, height * 13.0F / 15.0F};
}

const KnobView& knob(const std::vector<KnobView>& all, const std::string& name) {
  for (const KnobView& one : all) {
    if (one.name == name) return one;
  }
  FAIL("no knob " << name);
  return all.front();
}

}  // namespace

TEST_CASE("a knob's row says what was decided, sent and applied, by whom, since and until",
          "[dashboard][knobs]") {
  Plant plant(test::kThreeKnobs);
  const RunId a = plant.begin("a", test::three_knobs_hello());
  Desk desk(plant);
  desk.turn(2);
  auto knobs = knob_views(desk.model);
  CHECK(values_text(knob(knobs, "kl"), true) == "0 decided, sent, applied since step 0");
  for (int i = 0; i < 3; ++i) plant.step(a, 0.6);
  desk.turn(2);
  knobs = knob_views(desk.model);
  CHECK(values_text(knob(knobs, "kl"), true) == "2 decided, sent, applied since step 2");
  CHECK(values_text(knob(knobs, "kl"), false) == "2 decided, applied since step 2");
  CHECK(author_text(knob(knobs, "kl")) == "rule defend since step 2");
  CHECK(values_text(knob(knobs, "lr_scale"), true) == "0.1 decided, sent, applied since step 2");

  desk.model.act(ForceKnob{a, "kl", 0, 3.0, "odd answers", 0}, plant.now);
  desk.model.act(ForceKnob{a, "ldifs", 0, 0.4, "", 50}, plant.now);
  desk.settle();
  desk.turn();
  knobs = knob_views(desk.model);
  CHECK(values_text(knob(knobs, "ldifs"), true) ==
        "decided 0.4, sent 0.4, applied 0: NOT YET CONFIRMED");
  CHECK_FALSE(knob(knobs, "ldifs").confirmed);
  plant.step(a, 0.6);
  desk.turn();
  knobs = knob_views(desk.model);
  CHECK(values_text(knob(knobs, "ldifs"), true) == "0.4 decided, sent, applied since step 4");
  CHECK(author_text(knob(knobs, "ldifs")) == "operator ann since step 3 until step 53");
  // The daemon's status names one override; the other one is known from the record.
  CHECK(author_text(knob(knobs, "kl")) == "operator ann since step 3 until released: odd answers");
  CHECK(text_of(force_of(*desk.model.shown(), "kl")) == "kl 3 by ann until released: odd answers");
  desk.model.act(ForceKnob{a, "kl", 0, 8.0, "too much", 0}, plant.now);  // refused
  desk.settle();
  desk.turn(2);
  CHECK(text_of(force_of(*desk.model.shown(), "kl")) == "kl 3 by ann until released: odd answers");
  CHECK(desk.label("author of ldifs: operator ann since step 3 until step 53") != "");
  CHECK(desk.label("values of kl: 3 decided, sent, applied since step 4") != "");
}

TEST_CASE("three knobs and two commands fit without scrolling", "[dashboard][knobs]") {
  for (const ImVec2 size : {in_small_text(1280.0F, 720.0F), in_small_text(1600.0F, 1000.0F)}) {
    Plant plant(test::kThreeKnobs);
    const RunId a = plant.begin("a", test::three_knobs_hello());
    Desk desk(plant, size);
    desk.turn(3);
    const Box before = desk.view.controls.at("Force lr_scale...");
    for (const char* name : {"kl", "ldifs", "lr_scale"}) {
      REQUIRE(desk.click("Force " + std::string(name) + "..."));
      CHECK(desk.view.form.subject.knob.name == name);
      REQUIRE(desk.click("Apply"));
    }
    for (int i = 0; i < 3; ++i) plant.step(a, 0.6);
    desk.turn(3);
    for (const char* name : {"kl", "ldifs", "lr_scale"}) {
      REQUIRE(desk.click("Release " + std::string(name) + "..."));
      CHECK(desk.view.form.subject.knob.name == name);
      REQUIRE(desk.click("Cancel"));
    }
    CHECK(desk.view.controls.at("Force lr_scale...").lo.y == before.lo.y);
    const std::string last = desk.label("command ");
    REQUIRE(last != "");
    const float rules = desk.view.controls.at("rule defend").lo.y;
    CHECK(desk.view.controls.at(last).hi.y < rules);
    CHECK(desk.view.controls.at(desk.label("author of lr_scale")).hi.y <
          desk.view.controls.at(last).lo.y);
    CHECK(rules < desk.view.controls.at("run a").lo.y);
  }
}

// A scroll bar takes its width from the rows.
TEST_CASE("three knobs of a recording fit without scrolling", "[dashboard][knobs]") {
  std::vector<float> ends;
  for (const bool live : {true, false}) {
    Plant plant(test::kThreeKnobs);
    (void)plant.begin("a", test::three_knobs_hello());
    plant.source.live = plant.source.connected = live;
    Desk desk(plant, in_small_text(1600.0F, 1000.0F));
    desk.turn(3);
    ends.push_back(desk.view.controls.at("Release lr_scale...").hi.x);
  }
  CHECK(ends[0] == ends[1]);
}

TEST_CASE("a slew is one row that grows", "[dashboard][events]") {
  std::string policy = test::kThreeKnobs;
  const std::string kl = "[knob.kl]\nbase = 0.0\nmax = 4.0\n";
  policy.replace(policy.find(kl), kl.size(), kl + "slew_per_step = 0.1\n");
  Plant plant(policy);
  const RunId a = plant.begin("a", test::three_knobs_hello());
  Desk desk(plant);
  desk.turn(2);
  for (int i = 0; i < 3; ++i) plant.step(a, 0.6);
  desk.turn(2);
  const std::int64_t version = desk.model.shown()->state_version;
  desk.model.act(OrderRule{RuleOrder::kReset, a, "defend", version, "calm", 0}, plant.now);
  desk.settle();
  const auto rows_of_kl = [&] {
    std::vector<std::string> rows;
    for (const EventRow& row : event_rows(*desk.model.shown(), 100)) {
      if (row.text.rfind("kl ", 0) == 0) rows.push_back(row.text);
    }
    return rows;
  };
  for (int i = 0; i < 10; ++i) plant.step(a, 0.1);
  desk.turn();
  auto rows = rows_of_kl();
  REQUIRE(rows.size() == 2);
  CHECK(rows[0] == "kl 2 applied by the trainer");
  CHECK(rows[1].rfind("kl 2 -> 1", 0) == 0);
  for (int i = 0; i < 20; ++i) plant.step(a, 0.1);
  desk.turn();
  rows = rows_of_kl();
  REQUIRE(rows.size() == 2);
  INFO(rows[1]);
  CHECK(rows[1].rfind("kl 2 -> 0 over steps 4 to 23", 0) == 0);
  CHECK(rows[1].find(", applied by the trainer") != std::string::npos);
}
