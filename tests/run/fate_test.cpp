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

namespace {

// An operator raises kl to 1 under a policy in shadow whose rule would set 2.
struct Raised {
  test::Story story;
  Seq command;

  explicit Raised(bool forcible) {
    wire::Hello hello = test::hello();
    hello.knobs[0].forcible = forcible;
    story.add(0, hello);
    wire::Command force;
    force.id = "c";
    force.action = wire::Action::kForce;
    force.knob = "kl";
    force.value = 1.0;
    command = story.add(5, force, 0).header.seq;
    wire::Decision decided = test::decision(7, command.value, 2.0, 2.0);
    decided.mode = wire::Mode::kShadow;
    story.add(5, decided, 0);
  }
  void applied(double value, std::int64_t version, wire::Cause cause) {
    wire::Applied report = test::applied(value, 0, 0);
    report.knobs[0].cause = std::move(cause);
    report.state_version = version;
    story.add(6, report);
  }
  [[nodiscard]] run::RunState folded(bool whole) const {
    run::RunState state;
    for (const wire::Message& message : story.messages) {
      if (whole || message.header.seq >= command) run::fold(state, message);
    }
    return state;
  }
};

}  // namespace

TEST_CASE("in shadow mode a raise is applied beside what the policy would do", "[run]") {
  const bool whole = GENERATE(true, false);
  Raised raised(true);
  const auto fate = [&] { return run::fate_of(raised.folded(whole), raised.command); };
  CHECK(fate().fate == Fate::kPending);
  raised.applied(0.0, 6, wire::CauseKind::kInitial);
  CHECK(fate().fate == Fate::kPending);
  raised.applied(1.0, 7, wire::Cause(wire::CauseKind::kOperator, "ann"));
  CHECK(fate().fate == Fate::kApplied);
  CHECK(fate().knob == "kl");
  CHECK(fate().value == 1.0);
  CHECK(fate().step == Step{6});

  Raised old(true);  // of a trainer that says nothing of what it obeys
  old.applied(0.0, -1, wire::CauseKind::kBase);
  CHECK(run::fate_of(old.folded(whole), old.command).fate == Fate::kShadow);
  CHECK(run::fate_of(Raised(false).folded(true), Seq{2}).fate == Fate::kShadow);
}

TEST_CASE("a run is intervened from the first step at which a raise was in force in shadow",
          "[run]") {
  Raised raised(true);
  raised.applied(0.0, 6, wire::CauseKind::kInitial);
  CHECK(raised.folded(true).intervened_step == Step{-1});
  raised.applied(2.0, 7, wire::Cause(wire::CauseKind::kRule, "defend"));
  CHECK(raised.folded(true).intervened_step == Step{-1});
  const auto by_whom = GENERATE(wire::CauseKind::kOperator, wire::CauseKind::kAdopted);
  raised.applied(1.0, 7, wire::Cause(by_whom, "ann"));
  raised.applied(0.0, 8, wire::CauseKind::kInitial);
  CHECK(raised.folded(true).intervened_step == Step{6});
  for (wire::Message& message : raised.story.messages) {
    if (auto* decision = std::get_if<wire::Decision>(&message.body))
      decision->mode = wire::Mode::kEnforce;
  }
  CHECK(raised.folded(true).intervened_step == Step{-1});
}
