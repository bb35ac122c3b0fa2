// One run, one truth: which run is shown, to which one a command goes, what a dialog is about, and
// what became of a command, with several live runs and the real engine behind them.
#include <algorithm>
#include <string>
#include <variant>

#include "monitor/dashboard/model/describe.h"
#include "tests/dashboard/desk.h"
#include "tests/support/catch.h"

using namespace phaseguard;
using namespace phaseguard::dashboard;
using test::Desk;
using test::Headless;
using test::Plant;

namespace {

bool says(const std::string& text, const std::string& piece) {
  INFO(text);
  return text.find(piece) != std::string::npos;
}

wire::Message other_operator(const RunId& run, const std::string& id, wire::Action action,
                             double value) {
  wire::Command command;
  command.id = id;
  command.action = action;
  command.operator_name = "bob";
  command.knob = "kl";
  command.value = value;
  wire::Message message;
  message.header.run = run;
  message.header.seq = Seq{1};
  message.body = command;
  return message;
}

}  // namespace

TEST_CASE("the run that is shown stays, whatever comes of others", "[dashboard][runs]") {
  Plant plant;
  const RunId a = plant.begin("a");
  Desk desk(plant);
  desk.turn(2);
  CHECK(desk.run() == "a");
  const RunId b = plant.begin("b");
  for (int i = 0; i < 5; ++i) {
    plant.pass(0.1);
    plant.step(b, 0.1);
    desk.turn();
    CHECK(desk.run() == "a");
  }
  CHECK(desk.model.run_ids() == std::vector<RunId>{a, b});
  CHECK(desk.view.runs_known == 1);  // b is new
  plant.step(a, 0.1);
  desk.turn();
  CHECK(desk.model.run_ids() == std::vector<RunId>{a, b});  // not in order of activity
  REQUIRE(desk.click("run b"));
  CHECK(desk.run() == "b");
  plant.step(a, 0.1);
  desk.turn();
  CHECK(desk.run() == "b");
  desk.model.act(SelectRun{*RunId::parse("nobody")}, plant.now);
  CHECK(desk.run() == "b");
}

TEST_CASE("which run is shown first is decided when all have been read", "[dashboard][runs]") {
  Plant plant;
  plant.begin("a");
  plant.pass(1.0);
  const RunId b = plant.begin("b");
  plant.pass(1.0);
  plant.begin("c");
  plant.end(*RunId::parse("c"));
  Model model("ann", "s");
  plant.source.loading = true;
  model.apply(plant.take(), plant.now);
  CHECK(model.shown() == nullptr);
  CHECK_FALSE(model.command_obstacle().empty());
  plant.source.loading = false;
  model.apply(plant.take(), plant.now);
  REQUIRE(model.shown() != nullptr);
  CHECK(model.shown()->run == b);  // newer than a; c is newer still and has ended
}

TEST_CASE("a run that has not begun is waited for, and nothing else is shown",
          "[dashboard][runs]") {
  Plant plant;
  plant.begin("a");
  Desk desk(plant);
  desk.model.wait_for(*RunId::parse("late"));
  desk.turn(2);
  CHECK(desk.run().empty());
  CHECK(waiting_text(desk.model) == "waiting for run late, which has not begun");
  CHECK_FALSE(desk.model.command_obstacle().empty());
  plant.begin("late");
  desk.turn(2);
  CHECK(desk.run() == "late");
  plant.step(*RunId::parse("a"), 0.1);
  desk.turn();
  CHECK(desk.run() == "late");
}

TEST_CASE("who chooses a run does not wait for another any more", "[dashboard][runs]") {
  Plant plant;
  plant.begin("a");
  Desk desk(plant);
  desk.model.wait_for(*RunId::parse("late"));
  desk.turn(2);
  REQUIRE(desk.click("run a"));
  plant.begin("late");
  desk.turn(2);
  CHECK(desk.run() == "a");
}

TEST_CASE("a command goes to the run it names and not to the shown one", "[dashboard][runs]") {
  Plant plant;
  const RunId a = plant.begin("a");
  plant.begin("b");
  Desk desk(plant);
  desk.turn(2);
  desk.model.act(SelectRun{*RunId::parse("b")}, plant.now);
  desk.model.act(ForceKnob{a, "kl", 0, 1.5, "", 0}, plant.now);
  desk.settle();
  REQUIRE(desk.sent.size() == 1);
  CHECK(desk.sent[0].header.run == a);
  REQUIRE(desk.model.pending().size() == 1);
  CHECK(desk.model.pending()[0].run == a);
  desk.turn(2);
  CHECK(desk.label("command ").empty());  // b is shown
  REQUIRE(desk.click("run a"));
  CHECK(desk.label("command ") == "command s-1");
}

TEST_CASE("a dialog shows what it opened with, whatever happens", "[dashboard][runs]") {
  Plant plant;
  const RunId a = plant.begin("a");
  for (int i = 0; i < 3; ++i) plant.step(a, 0.1);
  Desk desk(plant);
  desk.turn(2);
  REQUIRE(desk.click("Force kl..."));
  const std::string about = desk.label("about ");
  CHECK(about == "about kl of run a, read at step 3, state version 0");
  CHECK(desk.view.form.value == 2.0);
  for (int i = 0; i < 3; ++i) plant.step(a, 0.9);  // the rule fires
  desk.turn(3);
  CHECK(desk.model.shown()->state_version > 0);
  CHECK(desk.label("about ") == about);
  CHECK(desk.view.form.subject.knob.in_force == 0.0);
  CHECK(desk.view.form.value == 2.0);
  REQUIRE(desk.click("Apply"));  // a raise when it opened, and no lowering now
  REQUIRE(desk.sent.size() == 1);
  CHECK(std::get<wire::Command>(desk.sent[0].body).expected_version == -1);
  CHECK(desk.model.pending()[0].stage != Stage::kRefused);
}

TEST_CASE("what lowers names the state that was read, and is refused when that moved on",
          "[dashboard][runs]") {
  Plant plant;
  const RunId a = plant.begin("a");
  plant.step(a, 0.1);
  plant.command(other_operator(a, "x-1", wire::Action::kForce, 3.0));
  plant.step(a, 0.1);
  Desk desk(plant);
  desk.turn(2);
  const std::int64_t read = desk.model.shown()->state_version;
  CHECK(read > 0);
  REQUIRE(desk.click("Release kl..."));
  REQUIRE(desk.click("reason"));
  desk.gui.type("calm");
  desk.turn(2);
  for (int i = 0; i < 3; ++i) plant.step(a, 0.9);  // the rule fires: the version moves on
  desk.turn(2);
  CHECK(desk.model.shown()->state_version > read);
  REQUIRE(desk.hold("Hold to release"));
  REQUIRE(desk.sent.size() == 1);
  CHECK(std::get<wire::Command>(desk.sent[0].body).expected_version == read);
  REQUIRE(desk.model.pending().size() == 1);
  CHECK(desk.model.pending()[0].stage == Stage::kRefused);
  CHECK(says(desk.model.pending()[0].text, "something changed meanwhile"));
  CHECK(desk.model.is_forced("kl"));
}

TEST_CASE("a dialog says why its command cannot be given any more", "[dashboard][runs]") {
  Plant plant;
  const RunId a = plant.begin("a");
  plant.begin("b");
  Desk desk(plant);
  desk.turn(2);
  desk.model.act(SelectRun{a}, plant.now);
  desk.turn(2);
  REQUIRE(desk.click("Force kl..."));
  const Subject subject = desk.view.form.subject;
  CHECK(obstacle_to(desk.model, subject).empty());

  SECTION("another run was chosen") {
    desk.model.act(SelectRun{*RunId::parse("b")}, plant.now);
    CHECK(
        says(obstacle_to(desk.model, subject), "about run a, which is not the run that is shown"));
  }
  SECTION("the daemon is away") {
    plant.source.connected = false;
    desk.turn(2);
    CHECK(says(obstacle_to(desk.model, subject), "daemon does not answer"));
  }
  SECTION("the run has ended") {
    plant.end(a);
    desk.turn(2);
    CHECK(obstacle_to(desk.model, subject) == "the run has ended");
  }
  SECTION("the limits are others") {
    Subject other = subject;
    other.knob.max = 3.0;
    CHECK(
        obstacle_to(desk.model, other) ==
        "the limits of kl were 0 to 3 when this opened and are 0 to 4 now: cancel and look again");
    desk.view.form.subject = other;
  }
  SECTION("the knob is gone") {
    Subject other = subject;
    other.knob.name = "ghost";
    CHECK(says(obstacle_to(desk.model, other), "declared no knob ghost"));
    desk.view.form.subject = other;
  }
  desk.turn(2);
  const Box apply = desk.view.controls.at("Apply");
  REQUIRE(desk.click("Apply"));
  CHECK(desk.sent.empty());
  CHECK(desk.shows("Apply"));  // still there, and it says why
  CHECK(desk.view.controls.at("Apply").lo.y == apply.lo.y);
  REQUIRE(desk.click("Cancel"));
  CHECK_FALSE(desk.shows("Apply"));
  CHECK(desk.sent.empty());
}

TEST_CASE("a release is about the override that was shown", "[dashboard][runs]") {
  Plant plant;
  const RunId a = plant.begin("a");
  plant.command(other_operator(a, "x-1", wire::Action::kForce, 1.0));
  Desk desk(plant);
  desk.turn(2);
  REQUIRE(desk.click("Release kl..."));
  const Subject subject = desk.view.form.subject;
  CHECK(obstacle_to_release(desk.model, subject).empty());
  plant.command(other_operator(a, "x-2", wire::Action::kForce, 3.0));
  desk.turn(2);
  CHECK(says(obstacle_to_release(desk.model, subject), "another one now, kl 3 by operator bob"));
  CHECK(obstacle_to(desk.model, subject).empty());
}

TEST_CASE("a refused command is an alarm until it is acknowledged", "[dashboard][runs]") {
  Plant plant;
  const RunId a = plant.begin("a");
  const RunId b = plant.begin("b");
  Desk desk(plant);
  desk.turn(2);
  desk.model.act(SelectRun{a}, plant.now);
  desk.model.act(ForceKnob{a, "kl", 0, 8.0, "", 0}, plant.now);  // the policy's limit is 4
  desk.settle();
  desk.turn(2);
  REQUIRE(desk.model.pending().size() == 1);
  CHECK(desk.model.pending()[0].stage == Stage::kRefused);
  const auto list = alarms(desk.model);
  REQUIRE(list.size() == 1);
  CHECK(list[0].level == Level::kHigh);
  CHECK(says(list[0].text, "command force kl 8 REFUSED: expected a value of kl from 0 to 4"));
  plant.step(a, 0.1);
  desk.turn();
  const auto events = event_rows(*desk.model.shown(), 100);
  const auto refused = std::find_if(events.begin(), events.end(),
                                    [](const EventRow& e) { return e.without_effect; });
  REQUIRE(refused != events.end());
  CHECK(refused->text == "operator ann: force kl to 8: took no effect");
  CHECK(refused->mark.empty());  // the plots do not show it as done
  const std::size_t struck = Headless::vertices_of(plot::dark_palette().high);
  CHECK(struck > 0);
  for (int i = 0; i < 100; ++i) plant.pass(1.0);
  desk.turn(2);
  CHECK(desk.model.pending().size() == 1);  // it does not go by itself
  desk.model.act(SelectRun{b}, plant.now);
  desk.turn(2);
  CHECK(desk.label("command ").empty());
  CHECK(alarms_elsewhere(desk.model).size() >= 1);  // but is in sight from there
  desk.model.act(SelectRun{a}, plant.now);
  desk.turn(2);
  REQUIRE(desk.click("Acknowledge s-1"));
  CHECK(desk.model.pending().empty());
}

TEST_CASE("what is pending ends: obeyed after a while, refused when a later one is answered",
          "[dashboard][runs]") {
  Plant plant;
  const RunId a = plant.begin("a");
  Desk desk(plant);
  desk.turn(2);
  desk.model.act(ForceKnob{a, "kl", 0, 8.0, "", 0}, plant.now);
  desk.settle();
  desk.turn();
  REQUIRE(desk.model.pending().size() == 1);
  desk.model.act(ForceKnob{a, "ldifs", 0, 0.3, "", 0}, plant.now);  // of another knob
  desk.settle();
  desk.turn();
  CHECK(desk.model.pending().size() == 2);
  desk.model.act(ForceKnob{a, "kl", 0, 3.0, "", 0}, plant.now);
  CHECK(desk.model.pending().size() == 3);  // sent is not answered
  desk.settle();
  desk.turn();
  REQUIRE(desk.model.pending().size() == 2);  // the refused one has been dealt with
  plant.step(a, 0.1);
  desk.turn();
  CHECK(desk.model.pending()[0].stage == Stage::kApplied);
  CHECK(desk.model.pending()[1].stage == Stage::kApplied);
  plant.pass(kShownForS - 1.0);
  desk.turn();
  CHECK(desk.model.pending().size() == 2);
  plant.pass(2.0);
  desk.turn();
  CHECK(desk.model.pending().empty());
}
