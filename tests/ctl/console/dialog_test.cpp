// Commands from the console: what is typed, what is sent, and what is not.
#include "tests/ctl/console/operator.h"

using namespace phaseguard;
using namespace phaseguard::console;
using test::Operator;
using test::Plant;

namespace {

// A plant of two runs; a is shown.
struct Two {
  Plant plant;
  RunId a = plant.begin("a");
  RunId b = plant.begin("b");
  Operator op{plant};

  Two() {
    op.turn();
    op.model.act(dashboard::SelectRun{a}, plant.now);
    for (int i = 0; i < 3; ++i) plant.step(a, 0.1);
    op.turn();
  }
  // To the field of the run's name.
  void to_confirmation() {
    op.press("f");
    REQUIRE(op.console.dialog());
    for (int i = 0; i < 3; ++i) op.enter();
  }
  void go_on() {
    op.turn();
    plant.step(a, 0.1);
    plant.step(b, 0.1);
    op.turn();
  }
};

}  // namespace

TEST_CASE("a force that is confirmed is sent to the run it named, and seen applied", "[console]") {
  Two two;
  two.to_confirmation();
  two.op.type("a");
  two.op.enter();
  CHECK_FALSE(two.op.console.dialog());
  two.go_on();
  REQUIRE(two.op.sent.size() == 1);
  const auto& command = std::get<wire::Command>(two.op.sent[0].body);
  CHECK(two.op.sent[0].header.run == two.a);
  CHECK(command.knob == "kl");
  CHECK(command.value == 2.0);  // what the rule of the policy sets
  const std::string picture = two.op.picture({80, 24});
  INFO(picture);
  CHECK(test::says(picture, "force kl 2 of run a: APPLIED by the trainer, in force since step"));
  CHECK(test::says(picture, "FORCED-ON"));
  CHECK(test::says(picture, "operator ann"));
}

TEST_CASE("a wrong confirmation sends nothing", "[console]") {
  Two two;
  for (const char* wrong : {"b", "A", "kl", "", "a "}) {
    two.to_confirmation();
    two.op.type(wrong);
    two.op.enter();
    REQUIRE(two.op.console.dialog());
    CHECK(test::says(two.op.picture({80, 24}), "is not \"a\"; nothing was sent"));
    two.op.press("", KeyKind::kEscape);
    CHECK_FALSE(two.op.console.dialog());
    CHECK(test::says(two.op.picture({80, 24}), "FORCE kl of run a was left; nothing was sent"));
  }
  two.go_on();
  CHECK(two.op.sent.empty());
}

TEST_CASE("the dialog stays at its run whatever keys come, and holds what it read", "[console]") {
  Two two;
  two.op.press("f");
  const std::string before = two.op.picture({80, 24});
  INFO(before);
  CHECK(test::says(before, "FORCE kl of run a"));
  CHECK(test::says(before, "read at step 3, state version"));
  for (int i = 0; i < 5; ++i) two.plant.step(two.a, 0.1);
  two.op.turn();
  two.op.press("", KeyKind::kDown);  // a field, not a run
  CHECK(two.op.model.shown()->run == two.a);
  CHECK(test::says(two.op.picture({80, 24}), "read at step 3, state version"));
}

TEST_CASE("a dialog whose run is not the shown one any more sends nothing", "[console]") {
  Two two;
  two.to_confirmation();
  two.op.model.act(dashboard::SelectRun{two.b}, two.plant.now);
  two.op.type("a");
  two.op.enter();
  CHECK(test::says(two.op.picture({80, 24}), "not the run that is shown any more"));
  two.go_on();
  CHECK(two.op.sent.empty());
}

TEST_CASE("a lowering wants a reason and an end, a value its limits, steps a number", "[console]") {
  Two two;
  two.to_confirmation();
  two.op.type("a");
  two.op.enter();
  two.go_on();
  REQUIRE(two.op.sent.size() == 1);
  const auto try_with = [&](const std::string& value, const std::string& steps,
                            const std::string& reason) {
    two.op.press("f");
    for (int i = 0; i < 10; ++i) two.op.press("", KeyKind::kBackspace);
    two.op.type(value);
    two.op.enter();
    two.op.type(steps);
    two.op.enter();
    two.op.type(reason);
    two.op.enter();
    two.op.type("a");
    two.op.enter();
    const std::string picture = two.op.picture({80, 24});
    two.op.press("", KeyKind::kEscape);
    return picture;
  };
  CHECK(test::says(try_with("0.5", "", "calm"), "give a reason and an expiry"));
  CHECK(test::says(try_with("0.5", "10", ""), "give a reason and an expiry"));
  CHECK(test::says(try_with("4.5", "", ""), "values from 0 to 4 are allowed"));
  CHECK(test::says(try_with("nan", "", ""), "values from 0 to 4 are allowed"));
  CHECK(test::says(try_with("1x", "", ""), "values from 0 to 4 are allowed"));
  CHECK(test::says(try_with("3", "0", ""), "at least one step"));
  CHECK(test::says(try_with("3", "ten", ""), "at least one step"));
  CHECK(two.op.sent.size() == 1);
  try_with("0.5", "10", "calm");
  two.go_on();
  REQUIRE(two.op.sent.size() == 2);
  const auto& command = std::get<wire::Command>(two.op.sent[1].body);
  CHECK(command.value == 0.5);
  CHECK(command.expires_after_steps == 10);
  CHECK(command.reason == "calm");
  CHECK(command.expected_version >= 0);  // a lowering goes to the state that was read
}

TEST_CASE("a dialog closes when what it read is too old", "[console]") {
  Two two;
  two.to_confirmation();
  two.op.type("a");
  two.plant.now.mono = Nanos{two.plant.now.mono.value + 61'000'000'000};
  two.op.enter();  // too late
  CHECK_FALSE(two.op.console.dialog());
  CHECK(two.op.model.pending().empty());
}

TEST_CASE("release asks for a reason and the name, and hands back to the policy", "[console]") {
  Two two;
  two.op.press("r");
  CHECK_FALSE(two.op.console.dialog());
  CHECK(test::says(two.op.picture({80, 24}), "no override of kl is in force"));
  two.to_confirmation();
  two.op.type("a");
  two.op.enter();
  two.go_on();
  two.op.press("r");
  REQUIRE(two.op.console.dialog());
  two.op.enter();
  two.op.type("a");
  two.op.enter();
  CHECK(test::says(two.op.picture({80, 24}), "give a reason; nothing was sent"));
  two.op.press("", KeyKind::kUp);
  two.op.type("calm");
  two.op.enter();
  two.op.type("a");
  two.op.enter();
  two.go_on();
  REQUIRE(two.op.sent.size() == 2);
  CHECK(std::get<wire::Command>(two.op.sent[1].body).action == wire::Action::kRelease);
  CHECK_FALSE(two.op.model.is_forced("kl"));
}

TEST_CASE("a command is not offered where none would arrive", "[console]") {
  Two two;
  two.plant.source.connected = false;
  two.op.turn();
  two.op.press("f");
  CHECK_FALSE(two.op.console.dialog());
  CHECK(test::says(two.op.picture({80, 24}), "the daemon does not answer"));
  two.plant.source.connected = true;
  two.plant.end(two.a);
  two.op.turn();
  two.op.press("f");
  CHECK_FALSE(two.op.console.dialog());
  CHECK(test::says(two.op.picture({80, 24}), "the run has ended"));
}

TEST_CASE("the chosen knob is the one that is forced", "[console]") {
  Two two;
  two.op.press("", KeyKind::kRight);
  CHECK(two.op.console.knob() == 1);
  two.op.press("", KeyKind::kRight);
  CHECK(two.op.console.knob() == 1);
  two.op.press("f");
  const std::string picture = two.op.picture({80, 24});
  INFO(picture);
  CHECK(test::says(picture, "FORCE ldifs of run a"));
}

TEST_CASE("sections alone, help and the way out", "[console]") {
  Two two;
  two.op.press("", KeyKind::kTab);
  CHECK(two.op.console.alone() == Section::kAlarms);
  two.op.press("", KeyKind::kBackTab);
  CHECK_FALSE(two.op.console.alone());
  for (int i = 0; i < 6; ++i) two.op.press("", KeyKind::kTab);
  CHECK(two.op.console.alone() == Section::kEvents);
  two.op.press("", KeyKind::kEscape);
  CHECK_FALSE(two.op.console.alone());
  two.op.press("?");
  for (const Binding& binding : bindings()) {
    CHECK(test::says(two.op.picture({80, 24}), binding.what));
  }
  two.op.press("q");  // any key: back
  CHECK_FALSE(two.op.console.is_left());
  two.op.press("q");
  CHECK(two.op.console.is_left());
}
