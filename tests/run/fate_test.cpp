#include "monitor/run/fate.h"

#include "tests/run/story.h"
#include "tests/support/catch.h"

using namespace phaseguard;
using run::Fate;

namespace {

// A run in which an operator commands at step 5 and the daemon decides: kl from 0 to `to`.
struct Commanded {
  test::Story story;
  Seq command;

  explicit Commanded(double to, wire::Mode mode = wire::Mode::kEnforce) {
    story.add(0, test::hello());
    wire::Command force;
    force.id = "c";
    force.action = wire::Action::kForce;
    command = story.add(5, force, 0).header.seq;
    wire::Decision decided = test::decision(7, command.value, 0.0, to);
    decided.mode = mode;
    decided.knobs[0].decision = 7;
    story.add(5, decided, 0);
  }
  void applied(double value, std::int64_t decision, std::int64_t version,
               std::int64_t attempt = 1) {
    wire::Applied report = test::applied(value, 0, decision);
    report.state_version = version;
    story.add(6, report, attempt);
  }
  [[nodiscard]] run::CommandFate fate() const {
    run::RunState state;
    for (const wire::Message& message : story.messages) run::fold(state, message);
    return run::fate_of(state, command);
  }
};

}  // namespace

TEST_CASE("a command is applied when its state version is reported, not when a value matches",
          "[run]") {
  Commanded run(2.0);
  CHECK(run.fate().fate == Fate::kPending);
  CHECK(run.fate().knob == "kl");
  run.applied(2.0, 3, 6);  // the value matches, the state is an older one
  CHECK(run.fate().fate == Fate::kPending);
  run.applied(1.0, 9, 8);  // a later state is obeyed: the command's is behind it
  CHECK(run.fate().fate == Fate::kApplied);
  CHECK(run.fate().step == Step{6});
}

TEST_CASE("a trainer of 1.0 is asked by the decision it names", "[run]") {
  Commanded named(2.0);
  named.applied(2.0, 6, -1);
  CHECK(named.fate().fate == Fate::kPending);
  named.applied(2.0, 7, -1);
  CHECK(named.fate().fate == Fate::kApplied);
  Commanded silent(2.0);
  silent.applied(2.0, 0, -1);
  CHECK(silent.fate().fate == Fate::kUnreported);
}

TEST_CASE("what moves no knob is done when it is logged", "[run]") {
  CHECK(Commanded(0.0).fate().fate == Fate::kDone);
  Commanded undecided(2.0);
  undecided.story.messages.pop_back();  // no decision answers it
  CHECK(undecided.fate().fate == Fate::kDone);
  Commanded other(2.0);
  other.command = Seq{99};
  CHECK(other.fate().fate == Fate::kUnknown);
}

TEST_CASE("shadow mode sends nothing, a new attempt leaves a command behind", "[run]") {
  CHECK(Commanded(2.0, wire::Mode::kShadow).fate().fate == Fate::kShadow);
  Commanded resumed(2.0);
  resumed.story.add(6, test::hello(6), 2);
  CHECK(resumed.fate().fate == Fate::kSuperseded);
}
