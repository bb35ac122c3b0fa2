// The timeline: an earlier moment is what was shown at that moment, another policy is compared as
// `phaseguard replay` compares it, and nothing of it reaches a trainer or hides an alarm.
#include "monitor/dashboard/replay/replay.h"

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "monitor/base/text.h"
#include "monitor/dashboard/model/describe.h"
#include "monitor/dashboard/model/knobs.h"
#include "tests/dashboard/headless.h"
#include "tests/dashboard/plant.h"
#include "tests/support/catch.h"

using namespace phaseguard;
using namespace phaseguard::dashboard;
using test::Headless;
using test::Plant;

namespace {

// What an operator reads of a run.
std::vector<std::string> words(const Model& model) {
  std::vector<std::string> all;
  const run::RunState& state = *model.shown();
  all.push_back("step " + std::to_string(state.step.value));
  for (const RuleRow& rule : rule_rows(state)) {
    all.push_back(rule.name + ": " + rule.state + ", " + rule.votes);
    for (const std::string& detector : rule.detectors) all.push_back(detector);
  }
  for (const KnobView& knob : knob_views(model)) {
    all.push_back(knob.name + " " + number_text(knob.decided) + " " + number_text(knob.applied) +
                  " by " + knob.who);
  }
  for (const EventRow& event : event_rows(state, 1000)) all.push_back(event.text);
  return all;
}

// A run of a plant, what the dashboard showed after each part of it, and its record.
struct Watched {
  Watched() {
    run = plant.begin("a");
    look();
    for (const double judge : {0.1, 0.35, 0.2, 0.4, 0.5, 0.1, 0.6}) {
      plant.pass(0.1);
      plant.step(run, judge);
      look();
    }
  }
  void look() {
    const Batch batch = plant.take();
    for (const wire::Message& message : batch.messages) {
      if (!std::holds_alternative<wire::Status>(message.body) && message.header.run == run) {
        record.push_back(message);
      }
    }
    live.apply(batch, plant.now);
    if (live.shown() != nullptr) shown[record.size()] = words(live);
  }

  Plant plant;
  RunId run;
  Model live{"ann", "s"};
  std::vector<wire::Message> record;
  std::map<std::size_t, std::vector<std::string>> shown;  // by messages of the record
};

// A timeline of that run with its record.
Replay opened(Watched& watched) {
  Replay replay;
  replay.act(OpenTimeline{}, watched.live, watched.plant.now);
  const auto wanted = replay.take_recall();
  REQUIRE(wanted == watched.run);
  Batch batch;
  batch.recalled = watched.record;
  batch.recall_done = true;
  replay.take(batch);
  replay.tick(watched.live, watched.plant.now);
  return replay;
}

const std::string kSooner = R"(version = 1
name = "sooner"
[knob.kl]
base = 0.0
max = 4.0
[detector.judge]
signal = "judge/score"
type = "level"
above = 0.30
[rule.defend]
of = ["judge"]
latch = true
set.kl = 3.0
)";

}  // namespace

TEST_CASE("an earlier moment reads as it did then, in any order of looking",
          "[dashboard][replay]") {
  Watched watched;
  Replay replay = opened(watched);
  std::vector<std::size_t> places;
  for (const auto& [place, text] : watched.shown) places.push_back(place);
  REQUIRE(places.size() >= 7);
  std::vector<std::size_t> order = places;                    // forward ...
  order.insert(order.end(), places.rbegin(), places.rend());  // ... and back
  order.insert(order.end(), {places[3], places[1], places[5]});
  for (const std::size_t place : order) {
    INFO(place);
    replay.act(GoTo{place}, watched.live, watched.plant.now);
    replay.tick(watched.live, watched.plant.now);
    if (place == watched.record.size()) {
      CHECK(replay.past() == nullptr);  // the present
      continue;
    }
    REQUIRE(replay.past() != nullptr);
    CHECK(replay.progress() == 1.0);
    CHECK(words(*replay.past()) == watched.shown.at(place));
  }
  CHECK(replay.problem().empty());
  CHECK(words(watched.live) == watched.shown.rbegin()->second);  // the present is as it was
}

TEST_CASE("no command can be given of an earlier moment", "[dashboard][replay]") {
  Watched watched;
  Replay replay = opened(watched);
  CHECK(watched.live.knob_obstacle(watched.run, "kl").empty());
  replay.act(GoToStep{Step{2}}, watched.live, watched.plant.now);
  replay.tick(watched.live, watched.plant.now);
  REQUIRE(replay.past() != nullptr);
  CHECK(replay.past()->shown()->step == Step{2});
  CHECK(replay.past()->knob_obstacle(watched.run, "kl") ==
        "a recording: there is no trainer to command");
  CHECK(replay.moment_text().rfind("PAST: step 2, attempt 1, ", 0) == 0);
}

TEST_CASE("another run, or the end of the timeline, shows the present", "[dashboard][replay]") {
  Watched watched;
  Replay replay = opened(watched);
  replay.act(GoTo{3}, watched.live, watched.plant.now);
  replay.tick(watched.live, watched.plant.now);
  REQUIRE(replay.past() != nullptr);
  const RunId other = watched.plant.begin("b");
  watched.look();
  replay.tick(watched.live, watched.plant.now);
  CHECK(replay.open());  // a new run takes nothing from the operator
  watched.live.act(SelectRun{other}, watched.plant.now);
  replay.tick(watched.live, watched.plant.now);
  CHECK(!replay.open());
  CHECK(replay.past() == nullptr);
}

TEST_CASE("what comes while the record is on its way is not lost", "[dashboard][replay]") {
  Watched watched;
  Replay replay;
  replay.act(OpenTimeline{}, watched.live, watched.plant.now);
  Batch first;
  first.recalled.assign(watched.record.begin(), watched.record.begin() + 4);
  replay.take(first);
  CHECK(!replay.complete());
  Batch live;
  live.messages.assign(watched.record.begin() + 6, watched.record.end());
  replay.take(live);
  Batch rest;
  rest.recalled.assign(watched.record.begin() + 4, watched.record.begin() + 8);
  rest.recall_done = true;
  replay.take(rest);
  CHECK(replay.complete());
  CHECK(replay.tape().size() == watched.record.size());
}

TEST_CASE("another policy: both lines, and where they part", "[dashboard][replay]") {
  Watched watched;
  Replay replay = opened(watched);
  replay.offer({{"sooner", kSooner, ""},
                {"broken", "version = 1\nname = ", ""},
                {"gone", "", "cannot read gone.toml: no such file"}});
  replay.act(WhatIf{"sooner"}, watched.live, watched.plant.now);
  replay.tick(watched.live, watched.plant.now);
  const Alternative* other = replay.alternative();
  REQUIRE(other != nullptr);
  CHECK(other->problem().empty());
  REQUIRE(!other->divergences().empty());
  CHECK(other->divergences().front().step == Step{2});  // at the first 0.35
  CHECK(other->compared().would_first_raise == Step{2});
  CHECK(other->compared().happened_first_raise == Step{5});
  const TwoLines& kl = other->lines().at("kl");
  CHECK(kl.would.value_at(kl.would.size() - 1) == 3.0);
  CHECK(kl.happened.value_at(kl.happened.size() - 1) == 2.0);
  replay.act(WhatIf{"broken"}, watched.live, watched.plant.now);
  CHECK(replay.alternative() == nullptr);
  CHECK(replay.refused().find("broken:") != std::string::npos);
  replay.act(WhatIf{"gone"}, watched.live, watched.plant.now);
  CHECK(replay.refused() == "cannot read gone.toml: no such file");
  replay.act(WhatIf{""}, watched.live, watched.plant.now);
  CHECK(replay.refused().empty());
}

TEST_CASE("the recorded policy agrees with itself at every decision", "[dashboard][replay]") {
  Watched watched;
  Replay replay = opened(watched);
  replay.offer({{"plant", test::kPlantPolicy, ""}});
  replay.act(WhatIf{"plant"}, watched.live, watched.plant.now);
  replay.tick(watched.live, watched.plant.now);
  REQUIRE(replay.alternative() != nullptr);
  CHECK(replay.alternative()->divergences().empty());
  CHECK(replay.alternative()->summary().rfind("agrees at all of ", 0) == 0);
}

TEST_CASE("a policy that does not fit the trainer says so", "[dashboard][replay]") {
  Watched watched;
  Replay replay = opened(watched);
  std::string other = kSooner;
  other.replace(other.find("judge/score"), 11, "probe/score");
  replay.offer({{"misfit", other, ""}});
  replay.act(WhatIf{"misfit"}, watched.live, watched.plant.now);
  replay.tick(watched.live, watched.plant.now);
  REQUIRE(replay.alternative() != nullptr);
  CHECK(replay.alternative()->problem().find("probe/score") != std::string::npos);
}

TEST_CASE("what a quiet rule lacks is told of the present and of an earlier moment",
          "[dashboard][replay]") {
  Watched watched;
  Replay replay = opened(watched);
  CHECK(replay.why(*watched.live.shown()).at("defend").empty());  // latched
  replay.act(GoToStep{Step{2}}, watched.live, watched.plant.now);
  replay.tick(watched.live, watched.plant.now);
  const auto why = replay.why(*replay.past()->shown()).at("defend");
  REQUIRE(why.size() == 1);
  CHECK(to_text(why[0]) == "judge: beyond its line at 1 of 2 measurements in a row");
}

TEST_CASE("the timeline is drawn, dragged and left with the mouse", "[gui][replay]") {
  Watched watched;
  Replay replay;
  replay.offer({{"sooner", kSooner, ""}});
  View view;
  Headless gui;
  const auto turn = [&](int frames) {
    for (int i = 0; i < frames; ++i) {
      gui.frame(watched.live, replay, view);
      for (const Action& action : std::exchange(gui.actions, {})) {
        replay.act(action, watched.live, watched.plant.now);
      }
      if (replay.take_recall()) {
        Batch batch;
        batch.recalled = watched.record;
        batch.recall_done = true;
        replay.take(batch);
      }
      replay.tick(watched.live, watched.plant.now);
    }
  };
  const auto click = [&](const std::string& label) {
    INFO(label);
    REQUIRE(view.controls.count(label) == 1);
    gui.move(view.controls.at(label).middle());
    turn(2);
    gui.press(true);
    turn(2);
    gui.press(false);
    turn(3);
  };
  turn(3);
  click("View");
  click("Timeline");
  REQUIRE(replay.open());
  CHECK(view.controls.count("Force kl...") == 1);
  click("timeline slider");  // its middle
  REQUIRE(replay.past() != nullptr);
  CHECK(replay.place() > watched.record.size() / 3);
  CHECK(replay.place() < 2 * watched.record.size() / 3);
  const std::size_t middle = replay.place();
  click("<##back");
  CHECK(replay.place() == middle - 1);
  click("Force kl...");
  CHECK(view.controls.count("Apply") == 0);  // nothing can be commanded there
  click("other policy");
  click("policy sooner");
  REQUIRE(replay.alternative() != nullptr);
  REQUIRE(view.controls.count("divergence 0") == 1);
  click("divergence 0");
  CHECK(replay.tape().moment(replay.place()).step == Step{2});
  click("Present");
  CHECK(replay.past() == nullptr);
  click("Close##timeline");
  CHECK(!replay.open());
}
