// One model of several daemons: runs of one name stay two, and each has its own daemon's word.
#include "monitor/dashboard/model/describe.h"
#include "tests/dashboard/plant.h"

using namespace phaseguard;
using namespace phaseguard::dashboard;
using test::Plant;

namespace {

// A daemon of several, as the source hands its batches over.
struct Place {
  explicit Place(std::string name) : name(std::move(name)) { plant.source.context = this->name; }

  Batch take() {
    Batch batch = plant.take();
    for (wire::Message& message : batch.messages) {
      if (!message.header.run.empty()) message.header.run = message.header.run.within(name);
    }
    return batch;
  }

  std::string name;
  Plant plant;
};

struct Two {
  Place a{"a"};
  Place b{"b"};
  Model model{"ann", "several-test"};
  RunId own = a.plant.begin("same");
  RunId at_a = own.within("a");
  RunId at_b = b.plant.begin("same").within("b");

  void turn() {
    for (Place* place : {&a, &b}) model.apply(place->take(), place->plant.now);
  }
};

}  // namespace

TEST_CASE("runs of one name are two, and a command names the daemon", "[dashboard][contexts]") {
  Two two;
  two.turn();
  REQUIRE(two.model.run_ids().size() == 2);
  two.model.act(SelectRun{two.at_b}, two.b.plant.now);
  for (int i = 0; i < 3; ++i) two.a.plant.step(two.own, 0.9);
  two.turn();
  CHECK(two.model.find(two.at_a)->step == Step{3});
  CHECK(two.model.find(two.at_b)->step == Step{0});
  CHECK(two.model.shown()->run == two.at_b);
  const auto elsewhere = alarms_elsewhere(two.model);
  REQUIRE(elsewhere.size() == 1);
  CHECK(text_of(elsewhere[0]).rfind("run a/same: defend fired", 0) == 0);

  const KnobView knob = knob_views(two.model).at(0);
  const Subject subject = subject_of(two.model, knob);
  two.model.act(ForceKnob{subject.run, knob.name, subject.version, 1.0, "", 0}, two.b.plant.now);
  const auto sent = two.model.take_outbox();
  REQUIRE(sent.size() == 1);
  CHECK(sent[0].header.run.place() == "b");
  CHECK(sent[0].header.run.own() == two.own);
}

TEST_CASE("none is chosen before every daemon was heard or given up", "[dashboard][contexts]") {
  Two two;
  two.b.plant.source.loading = true;
  two.model.apply({two.b.plant.source, {}}, two.b.plant.now);  // it is known from the start
  two.turn();
  CHECK(two.model.shown() == nullptr);
  CHECK(two.model.source().loading);
  two.b.plant.source.loading = false;
  two.turn();
  CHECK(two.model.shown() != nullptr);
}

TEST_CASE("a daemon that is gone closes its own runs alone", "[dashboard][contexts]") {
  Two two;
  two.turn();
  two.b.plant.source.connected = false;
  two.turn();
  CHECK(two.model.knob_obstacle(two.at_a, "kl").empty());
  CHECK_FALSE(two.model.knob_obstacle(two.at_b, "kl").empty());
  two.model.act(SelectRun{two.at_a}, two.a.plant.now);
  CHECK(two.model.command_obstacle().empty());
  CHECK(link_rows(two.model)[1].good);
  CHECK(link_rows(two.model)[1].word == "a: active");
  two.model.act(SelectRun{two.at_b}, two.a.plant.now);
  CHECK_FALSE(two.model.command_obstacle().empty());
  CHECK_FALSE(link_rows(two.model)[1].good);
  const auto worst = plant_alarms(two.model);
  REQUIRE_FALSE(worst.empty());
  CHECK(worst[0].first.text.rfind("daemon b does not answer", 0) == 0);
}
