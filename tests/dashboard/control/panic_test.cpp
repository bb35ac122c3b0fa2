// The panic entry: what it would force, that it lowers nothing, and that all of it goes to the run
// that was read at the press.
#include "monitor/dashboard/model/control/panic.h"

#include <string>

#include "tests/dashboard/control/three_knobs.h"
#include "tests/dashboard/desk.h"
#include "tests/support/catch.h"

using namespace phaseguard;
using namespace phaseguard::dashboard;
using test::Desk;
using test::Plant;

namespace {

struct Scene {
  explicit Scene(wire::Hello hello = test::three_knobs_hello())
      : plant(test::kThreeKnobs), desk(plant) {
    run = plant.begin("a", std::move(hello));
    plant.begin("b", test::three_knobs_hello());
    plant.step(run, 0.1);
    desk.model.act(SelectRun{run}, plant.now);
    desk.turn(2);
    desk.model.act(SelectRun{run}, plant.now);
    desk.turn(2);
  }
  void open() {
    REQUIRE(desk.click("Protect"));
    REQUIRE(desk.click("menu panic"));
    REQUIRE(desk.shows("Force all"));
  }
  void letter(char which, bool chord) {
    desk.gui.letter(which, true, chord);
    desk.turn(2);
    desk.gui.letter(which, false, chord);
    desk.turn(2);
  }
  Plant plant;
  Desk desk;
  RunId run;
};

}  // namespace

TEST_CASE("panic forces each knob to the most that a rule sets, else to its limit",
          "[dashboard][panic]") {
  Scene scene;
  Desk& desk = scene.desk;
  scene.open();
  CHECK(desk.sent.empty());
  CHECK(desk.label("about ").rfind("about all knobs of run a, read at step 1", 0) == 0);
  CHECK(desk.shows("panic kl: 0 -> 2, until released"));
  CHECK(desk.shows("panic ldifs: 0 -> 0.5, until released"));
  CHECK(desk.shows("panic lr_scale: 1 -> 0.1, until released"));
  REQUIRE(desk.click("Force all"));
  REQUIRE(desk.sent.size() == 3);
  for (const wire::Message& message : desk.sent) {
    CHECK(message.header.run == scene.run);
    CHECK(std::get<wire::Command>(message.body).action == wire::Action::kForce);
  }
  scene.plant.step(scene.run, 0.1);
  desk.turn(2);
  CHECK(protection_text(desk.model) == "PROTECTED: kl 2, ldifs 0.5, lr_scale 0.1");
  for (const Pending& pending : desk.model.pending()) CHECK(pending.stage == Stage::kApplied);
  CHECK(alarms(desk.model).empty());
}

TEST_CASE("panic by two keys, never by one, and Cancel sends nothing", "[dashboard][panic]") {
  Scene scene;
  Desk& desk = scene.desk;
  scene.letter('F', false);
  CHECK_FALSE(desk.shows("Force all"));
  scene.letter('F', true);
  CHECK_FALSE(desk.shows("Force all"));
  scene.letter('G', false);  // something else
  scene.letter('F', false);
  CHECK_FALSE(desk.shows("Force all"));
  scene.letter('F', true);
  desk.turn(60 * 4);  // too late
  scene.letter('F', false);
  CHECK_FALSE(desk.shows("Force all"));
  scene.letter('F', true);
  scene.letter('F', false);
  REQUIRE(desk.shows("Force all"));
  REQUIRE(desk.click("Cancel"));
  CHECK(desk.sent.empty());
}

TEST_CASE("panic lowers nothing, also of what has moved meanwhile", "[dashboard][panic]") {
  Scene scene;
  Desk& desk = scene.desk;
  desk.model.act(ForceKnob{scene.run, "kl", 0, 3.0, "", 0}, scene.plant.now);
  desk.settle();
  scene.plant.step(scene.run, 0.1);
  desk.turn(2);
  desk.sent.clear();
  const PanicPlan plan = panic_plan(desk.model);
  REQUIRE(plan.knobs.size() == 3);
  CHECK(plan.knobs[0].value == 3.0);  // more than the rule's 2
  scene.open();
  desk.model.act(ForceKnob{scene.run, "kl", 0, 4.0, "", 0}, scene.plant.now);
  desk.settle();
  desk.turn(2);
  desk.sent.clear();
  CHECK(obstacle_to(desk.model, desk.view.form.panic).find("kl is at 4 by now") == 0);
  REQUIRE(desk.click("Force all"));
  CHECK(desk.sent.empty());
  desk.model.act(order_of(plan), scene.plant.now);  // whoever asks
  for (const wire::Message& message : desk.model.take_outbox()) {
    CHECK(std::get<wire::Command>(message.body).knob != "kl");
  }
}

TEST_CASE("panic lists what cannot be forced, and is about the run of the press",
          "[dashboard][panic]") {
  wire::Hello hello = test::three_knobs_hello();
  hello.knobs[1].protects = wire::Protects::kNone;
  Scene scene(hello);
  Desk& desk = scene.desk;
  scene.open();
  CHECK(desk.shows("panic ldifs: stays at 0: no direction is known in which it protects"));
  SECTION("as it is") {
    REQUIRE(desk.click("Force all"));
    CHECK(desk.sent.size() == 2);
    return;
  }
  SECTION("another run was chosen") {
    desk.model.act(SelectRun{*RunId::parse("b")}, scene.plant.now);
  }
  SECTION("the daemon is away") { scene.plant.source.connected = false; }
  SECTION("the trainer is lost") { scene.plant.pass(11.0); }
  SECTION("the run has ended") { scene.plant.end(scene.run); }
  desk.turn(2);
  CHECK_FALSE(obstacle_to(desk.model, desk.view.form.panic).empty());
  REQUIRE(desk.click("Force all"));
  CHECK(desk.sent.empty());
}
