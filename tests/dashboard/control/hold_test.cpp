// What takes protection away: a dialog, a reason, an expiry where there is one, and a button that
// is held for two seconds; with the real engine behind it.
#include <string>
#include <vector>

#include "monitor/dashboard/model/control/by_hand.h"
#include "monitor/dashboard/model/control/rules.h"
#include "tests/dashboard/control/three_knobs.h"
#include "tests/dashboard/desk.h"
#include "tests/support/catch.h"

using namespace phaseguard;
using namespace phaseguard::dashboard;
using test::Desk;
using test::Plant;

namespace {

const wire::Command& command_of(const wire::Message& message) {
  return std::get<wire::Command>(message.body);
}

bool says(const std::string& text, const std::string& piece) {
  INFO(text);
  return text.find(piece) != std::string::npos;
}

struct Scene {
  explicit Scene(double judge = 0.1) : plant(test::kThreeKnobs), desk(plant) {
    run = plant.begin("a", test::three_knobs_hello());
    plant.begin("b", test::three_knobs_hello());
    step(judge, 3);
    desk.model.act(SelectRun{run}, plant.now);
    desk.turn(2);
  }
  void step(double judge, int times = 1) {
    for (int i = 0; i < times; ++i) plant.step(run, judge);
    desk.turn(2);
  }
  // A raise of the operator's.
  void raise(const std::string& knob, double value) {
    desk.model.act(ForceKnob{run, knob, 0, value, "", 0}, plant.now);
    desk.settle();
    step(0.1);
    desk.sent.clear();
  }
  Plant plant;
  Desk desk;
  RunId run;
};

}  // namespace

TEST_CASE("a hold counts once, from its press, and in small pieces", "[dashboard][hold]") {
  Hold hold;
  CHECK_FALSE(hold.advance("a", true, 0.2));  // the press itself
  for (int i = 0; i < 19; ++i) CHECK_FALSE(hold.advance("a", true, 0.1));
  CHECK(hold.fraction("a") > 0.9);
  CHECK(hold.fraction("b") == 0.0);
  CHECK(hold.advance("a", true, 0.11));
  CHECK_FALSE(hold.advance("a", true, 5.0));  // once
  CHECK_FALSE(hold.advance("a", false, 0.1));
  CHECK(hold.fraction("a") == 0.0);
  for (int i = 0; i < 15; ++i) CHECK_FALSE(hold.advance("a", true, 0.1));
  CHECK_FALSE(hold.advance("a", false, 0.1));  // let go: from the beginning
  for (int i = 0; i < 15; ++i) CHECK_FALSE(hold.advance("a", true, 0.1));
  CHECK_FALSE(hold.advance("b", true, 0.1));   // another button: from the beginning
  CHECK_FALSE(hold.advance("b", true, 60.0));  // a window that stood still
  CHECK(hold.fraction("b") < 0.2);
}

TEST_CASE("a lowering takes a reason, an expiry and two seconds", "[dashboard][hold]") {
  Scene scene;
  scene.raise("kl", 3.0);
  Desk& desk = scene.desk;
  REQUIRE(desk.click("Force kl..."));
  desk.view.form.value = 1.0;
  desk.turn(2);
  CHECK_FALSE(desk.shows("Apply"));
  REQUIRE(desk.hold("Hold to lower"));  // no reason, no expiry
  CHECK(desk.sent.empty());
  REQUIRE(desk.give_reason("it is calm"));
  REQUIRE(desk.hold("Hold to lower"));  // no expiry
  CHECK(desk.sent.empty());
  REQUIRE(desk.click("expires after"));
  REQUIRE(desk.click("Hold to lower"));
  REQUIRE(desk.hold("Hold to lower", 1.5));  // let go too early
  CHECK(desk.sent.empty());
  REQUIRE(desk.hold("Hold to lower"));
  REQUIRE(desk.sent.size() == 1);
  const wire::Command& sent = command_of(desk.sent[0]);
  CHECK(sent.action == wire::Action::kForce);
  CHECK(sent.value == 1.0);
  CHECK(sent.reason == "it is calm");
  CHECK(sent.expires_after_steps == 100);
  CHECK(sent.expected_version >= 0);
  REQUIRE_FALSE(desk.model.pending().empty());
  CHECK(desk.model.pending().back().stage != Stage::kRefused);
  scene.step(0.1);
  CHECK(knob_views(desk.model)[0].applied == 1.0);
}

TEST_CASE("no lowering leaves without what it needs, whoever asks", "[dashboard][hold]") {
  Scene scene;
  scene.raise("kl", 3.0);
  Model& model = scene.desk.model;
  const std::int64_t version = model.shown()->state_version;
  model.act(ForceKnob{scene.run, "kl", version, 1.0, "", 100}, scene.plant.now);
  model.act(ForceKnob{scene.run, "kl", version, 1.0, "calm", 0}, scene.plant.now);
  model.act(ForceKnob{scene.run, "lr_scale", version, 1.0, "", 0}, scene.plant.now);
  model.act(ReleaseKnob{scene.run, "kl", version, "  "}, scene.plant.now);
  model.act(OrderRule{RuleOrder::kInhibit, scene.run, "defend", version, "calm", 0},
            scene.plant.now);
  model.act(OrderRule{RuleOrder::kInhibit, scene.run, "defend", version, "", 10}, scene.plant.now);
  model.act(OrderRule{RuleOrder::kReset, scene.run, "defend", version, "calm", 0}, scene.plant.now);
  model.act(OrderRule{RuleOrder::kAllow, scene.run, "defend", version, "calm", 0}, scene.plant.now);
  model.act(OrderRule{RuleOrder::kInhibit, scene.run, "ghost", version, "calm", 9},
            scene.plant.now);
  CHECK(model.take_outbox().size() == 1);  // lr_scale 1 is what is in force: no lowering
  scene.plant.pass(3.0);                   // the trainer falls silent
  model.apply(scene.plant.take(), scene.plant.now);
  CHECK_FALSE(model.lowering_obstacle(scene.run).empty());
  model.act(ReleaseKnob{scene.run, "kl", version, "calm"}, scene.plant.now);
  CHECK(model.take_outbox().empty());
  model.act(ForceKnob{scene.run, "kl", version, 4.0, "", 0}, scene.plant.now);  // a raise may go
  CHECK(model.take_outbox().size() == 1);
  scene.plant.pass(9.0);  // lost
  model.apply(scene.plant.take(), scene.plant.now);
  CHECK(says(model.command_obstacle(), "trainer is lost"));
  model.act(ForceKnob{scene.run, "kl", version, 4.0, "", 0}, scene.plant.now);
  CHECK(model.take_outbox().empty());
}

TEST_CASE("a latch is reset, a rule inhibited and allowed again", "[dashboard][hold]") {
  Scene scene(0.6);
  Desk& desk = scene.desk;
  REQUIRE(knob_views(desk.model)[0].applied == 2.0);
  const float reset_y = desk.view.controls.at("Reset defend...").lo.y;
  REQUIRE(desk.click("Inhibit defend..."));  // it is latched: the button is dead
  CHECK_FALSE(desk.shows("Hold to inhibit"));
  REQUIRE(desk.click("Reset defend..."));
  CHECK(desk.label("about ") == "about rule defend of run a, read at step 3, state version " +
                                    std::to_string(desk.view.form.rule.version));
  REQUIRE(desk.hold("Hold to reset"));
  CHECK(desk.sent.empty());
  REQUIRE(desk.give_reason("false alarm"));
  REQUIRE(desk.click("Hold to reset"));
  CHECK(desk.sent.empty());
  REQUIRE(desk.hold("Hold to reset"));
  REQUIRE(desk.sent.size() == 1);
  CHECK(command_of(desk.sent[0]).action == wire::Action::kReset);
  CHECK(command_of(desk.sent[0]).rule == "defend");
  scene.step(0.1, 2);
  CHECK(knob_views(desk.model)[0].applied == 0.0);
  REQUIRE(desk.click("Reset defend..."));  // it is not latched any more
  CHECK_FALSE(desk.shows("Hold to reset"));

  REQUIRE(desk.click("Inhibit defend..."));
  REQUIRE(desk.give_reason("known bad data"));
  desk.view.form.expires_after_steps = 0;
  REQUIRE(desk.hold("Hold to inhibit"));
  CHECK(desk.sent.size() == 1);
  desk.view.form.expires_after_steps = 40;
  REQUIRE(desk.hold("Hold to inhibit"));
  REQUIRE(desk.sent.size() == 2);
  CHECK(command_of(desk.sent[1]).action == wire::Action::kInhibit);
  CHECK(command_of(desk.sent[1]).expires_after_steps == 40);
  scene.step(0.9, 3);
  CHECK(knob_views(desk.model)[0].applied == 0.0);
  const auto held = inhibitions(*desk.model.shown());
  REQUIRE(held.size() == 1);
  CHECK(text_of(held[0]) == "rule defend inhibited by ann until step 45: known bad data");
  CHECK(desk.shows("MANUAL rule defend inhibited by ann until step 45: known bad data"));
  CHECK(desk.view.controls.at("Reset defend...").lo.y == reset_y);

  CHECK_FALSE(desk.shows("Inhibit defend..."));
  REQUIRE(desk.click("Allow defend..."));
  REQUIRE(desk.give_reason("data is mended"));
  REQUIRE(desk.hold("Hold to allow"));
  REQUIRE(desk.sent.size() == 3);
  CHECK(command_of(desk.sent[2]).action == wire::Action::kAllow);
  scene.step(0.1, 2);
  CHECK(inhibitions(*desk.model.shown()).empty());
  scene.step(0.9, 3);
  CHECK(knob_views(desk.model)[0].applied == 2.0);
}

TEST_CASE("a rule's dialog is about the rule as it was shown", "[dashboard][hold]") {
  Scene scene;
  Desk& desk = scene.desk;
  REQUIRE(desk.click("Inhibit defend..."));
  REQUIRE(desk.give_reason("bad data"));
  const RuleSubject subject = desk.view.form.rule;
  CHECK(obstacle_to(desk.model, subject, RuleOrder::kInhibit).empty());
  const auto why = [&] { return obstacle_to(desk.model, subject, RuleOrder::kInhibit); };
  SECTION("it has fired meanwhile") {
    scene.step(0.6, 3);
    CHECK(says(why(), "was armed when this opened and is latched since step"));
  }
  SECTION("another run was chosen") {
    desk.model.act(SelectRun{*RunId::parse("b")}, scene.plant.now);
    CHECK(says(why(), "about run a, which is not the run that is shown"));
  }
  SECTION("the daemon is away") {
    scene.plant.source.connected = false;
    desk.turn(2);
    CHECK(says(why(), "daemon does not answer"));
  }
  SECTION("the trainer is silent") {
    scene.plant.pass(3.0);
    desk.turn(2);
    CHECK(says(why(), "the trainer is silent"));
  }
  SECTION("the run has ended") {
    scene.plant.end(scene.run);
    desk.turn(2);
    CHECK(why() == "the run has ended");
  }
  desk.turn(2);
  const Box before = desk.view.controls.at("Hold to inhibit");
  REQUIRE(desk.hold("Hold to inhibit"));
  CHECK(desk.sent.empty());
  CHECK(desk.view.controls.at("Hold to inhibit").lo.y == before.lo.y);
  REQUIRE(desk.click("Cancel"));
  CHECK(desk.sent.empty());
}

TEST_CASE("leaving the button, or an obstacle under the hand, ends the hold", "[dashboard][hold]") {
  Scene scene;
  scene.raise("kl", 3.0);
  Desk& desk = scene.desk;
  REQUIRE(desk.click("Release kl..."));
  REQUIRE(desk.give_reason("calm"));
  desk.gui.move(desk.view.controls.at("Hold to release").middle());
  desk.turn(2);
  desk.gui.press(true);
  desk.turn(90);
  CHECK(desk.view.hold.fraction("Hold to release") > 0.5);
  SECTION("left") {
    desk.gui.move({2.0F, 2.0F});
    desk.turn(2);
    desk.gui.move(desk.view.controls.at("Hold to release").middle());
    desk.turn(60);
  }
  SECTION("an obstacle") {
    scene.plant.source.connected = false;
    desk.turn(2);
    scene.plant.source.connected = true;
    desk.turn(60);
  }
  CHECK(desk.view.hold.fraction("Hold to release") < 0.6);
  desk.gui.press(false);
  desk.turn(3);
  CHECK(desk.sent.empty());
}

TEST_CASE("a raise that would be a lowering by now is refused", "[dashboard][hold]") {
  Scene scene;
  Desk& desk = scene.desk;
  REQUIRE(desk.click("Force kl..."));
  REQUIRE(desk.view.form.value == 2.0);
  scene.raise("kl", 3.0);  // of another window
  CHECK(says(obstacle_to_raise(desk.model, desk.view.form.subject, 2.0),
             "kl is at 3 by now, which protects more than 2"));
  REQUIRE(desk.click("Apply"));
  CHECK(desk.sent.empty());
}
