// The live source and the model against the real phaseguardd and a real reporter as the trainer.
#include <chrono>
#include <thread>

#include "monitor/dashboard/model/describe.h"
#include "monitor/dashboard/replay/replay.h"
#include "monitor/dashboard/source/source.h"
#include "tests/reporter/real_daemon.h"
#include "tests/support/catch.h"
#include "tests/support/words.h"

using namespace phaseguard;
using namespace phaseguard::dashboard;
using reporter::RealDaemon;
using reporter::Reporter;

namespace {

Now real_now() {
  const auto wall = std::chrono::system_clock::now().time_since_epoch();
  const auto mono = std::chrono::steady_clock::now().time_since_epoch();
  return {std::chrono::duration<double>(wall).count(),
          Nanos{std::chrono::duration_cast<std::chrono::nanoseconds>(mono).count()}};
}

// A dashboard without its window.
struct Viewer {
  explicit Viewer(const RealDaemon& daemon) {
    const std::string telemetry = daemon.options().endpoint;
    const auto slash = telemetry.rfind('/');
    auto opened = connect_live(contexts::daemon_in(telemetry.substr(6, slash - 6)), {});
    REQUIRE(opened);
    source = std::move(*opened);
  }
  void exchange() {
    for (const Batch& batch : source->take()) {
      model.apply(batch, real_now());
      replay.take(batch);
    }
    model.tick(real_now());
    replay.tick(model, real_now());
    if (const auto run = replay.take_recall()) source->recall(*run);
    auto commands = model.take_outbox();
    if (!commands.empty()) source->send(std::move(commands));
  }
  template <class Condition>
  bool eventually(Condition&& condition) {
    for (int i = 0; i < 2000; ++i) {
      exchange();
      if (condition()) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return false;
  }

  std::unique_ptr<Source> source;
  Model model{"ann", "live-test"};
  Replay replay;
};

Reporter linked(const RealDaemon& daemon) {
  auto started = Reporter::start(daemon.options(), reporter::test_hello());
  INFO((started ? std::string() : started.error().message));
  REQUIRE(started);
  return std::move(*started);
}

// One step of a trainer: reports, and says what it has in force.
void train_step(Reporter& trainer, std::int64_t step, double judge) {
  trainer.send(reporter::test_report(judge, 0, 2), Step{step});
  (void)trainer.lambda();
  trainer.applied(Step{step}, 0, {});
}

}  // namespace

TEST_CASE("a viewer that joins late sees the whole run, and a force becomes applied",
          "[dashboard][e2e]") {
  const RealDaemon daemon(PHASEGUARD_DAEMON);
  Reporter trainer = linked(daemon);
  std::int64_t step = 0;
  for (; step < 3000; ++step) {
    trainer.send(reporter::test_report(0.1, 0, 2), Step{step});
    if (step % 100 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  Viewer viewer(daemon);  // more than one page of history
  const auto points = [&] {
    const auto* state = viewer.model.shown();
    if (state == nullptr || state->signals.count("judge/score") == 0) return std::size_t{0};
    return state->signals.at("judge/score").series.size();
  };
  REQUIRE(viewer.eventually([&] { return points() == 3000; }));
  CHECK(viewer.model.shown()->skipped == 0);
  CHECK(viewer.model.source().connected);
  REQUIRE(viewer.eventually([&] { return viewer.model.shown()->status.has_value(); }));

  REQUIRE(viewer.eventually([&] {
    train_step(trainer, step++, 0.1);
    return viewer.model.command_obstacle().empty() &&
           viewer.model.health().link == wire::LinkState::kActive;
  }));
  const auto* shown = viewer.model.shown();
  viewer.model.act(ForceKnob{shown->run, "kl", shown->state_version, 3.0, "odd answers", 0},
                   real_now());
  REQUIRE(viewer.model.pending().size() == 1);
  REQUIRE(viewer.eventually([&] {
    train_step(trainer, step++, 0.1);
    return viewer.model.pending()[0].stage == Stage::kApplied;
  }));
  const KnobView kl = knob_views(viewer.model).at(0);
  CHECK(kl.mode == KnobMode::kForcedOn);
  CHECK(kl.applied == 3.0);
  CHECK(kl.who == "operator ann");
  CHECK(viewer.model.pending()[0].applied_step >= Step{3000});

  REQUIRE(viewer.eventually([&] {
    train_step(trainer, step++, 0.1);
    return viewer.model.shown()->status->override_.active;
  }));
  viewer.model.act(ReleaseKnob{shown->run, "kl", shown->state_version, "calm again"}, real_now());
  REQUIRE(viewer.eventually([&] {
    train_step(trainer, step++, 0.1);
    return viewer.model.pending().back().stage == Stage::kApplied;
  }));
  CHECK_FALSE(viewer.model.is_forced("kl"));
  trainer.stop("finished", 20.0);
}

TEST_CASE("the timeline of a live run has its whole record, and grows with it",
          "[dashboard][replay][e2e]") {
  const RealDaemon daemon(PHASEGUARD_DAEMON);
  Reporter trainer = linked(daemon);
  std::int64_t step = 0;
  for (; step < 2500; ++step) {  // more than one page of history
    trainer.send(reporter::test_report(0.1, 0, 2), Step{step});
    if (step % 100 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  Viewer viewer(daemon);
  REQUIRE(viewer.eventually(
      [&] { return viewer.model.shown() != nullptr && viewer.model.shown()->step >= Step{2499}; }));
  viewer.replay.act(OpenTimeline{}, viewer.model, real_now());
  REQUIRE(viewer.eventually([&] {
    train_step(trainer, step++, 0.1);
    return viewer.replay.complete() && step > 2600;
  }));
  const auto grown = [&] {
    const auto& tape = viewer.replay.tape();
    return tape.message(tape.size() - 1).header.seq == viewer.model.shown()->last_seq;
  };
  REQUIRE(viewer.eventually(grown));
  const auto& tape = viewer.replay.tape();
  CHECK(tape.message(0).header.seq == Seq{1});
  CHECK(static_cast<std::int64_t>(tape.size()) == viewer.model.shown()->last_seq.value);
  viewer.replay.act(GoToStep{Step{1200}}, viewer.model, real_now());
  REQUIRE(viewer.eventually(
      [&] { return viewer.replay.past() != nullptr && viewer.replay.progress() == 1.0; }));
  CHECK(viewer.replay.past()->shown()->step == Step{1200});
  CHECK(viewer.model.shown()->step > Step{1200});
  trainer.stop("finished", 20.0);
}

TEST_CASE("a daemon that dies is named, and found again", "[dashboard][e2e][fault]") {
  RealDaemon daemon(PHASEGUARD_DAEMON);
  Reporter trainer = linked(daemon);
  for (std::int64_t step = 0; step < 5; ++step) train_step(trainer, step, 0.9);
  Viewer viewer(daemon);
  REQUIRE(viewer.eventually([&] {
    return !knob_views(viewer.model).empty() &&
           knob_views(viewer.model)[0].mode == KnobMode::kAutoOn;
  }));
  REQUIRE(viewer.eventually([&] { return viewer.model.source().connected; }));
  daemon.end(SIGKILL);
  REQUIRE(viewer.eventually([&] { return !viewer.model.source().connected; }));
  CHECK(viewer.model.stale());
  CHECK_FALSE(viewer.model.command_obstacle().empty());
  CHECK(link_rows(viewer.model)[1].word == "no answer");
  CHECK(knob_views(viewer.model).at(0).mode ==
        KnobMode::kAutoOn);  // what was known is still shown, as old
  daemon.start();
  std::int64_t step = 5;
  REQUIRE(viewer.eventually([&] {
    train_step(trainer, step++, 0.9);
    return viewer.model.source().connected && viewer.model.shown()->step >= Step{6} &&
           viewer.model.health().link == wire::LinkState::kActive;
  }));
  CHECK(viewer.model.shown()->skipped == 0);
  trainer.stop("finished", 20.0);
}
