// The profiles watch and enforce, row by row: what a lost link, bad signals, a record that cannot
// be written and an error of the hook lead to. docs/POLICY.md has the table.
#include "tests/held/pair.h"

using namespace phaseguard;
using namespace phaseguard::test;

namespace {

std::string policy_with(const std::string& head, const std::string& knob = "",
                        const std::string& on = "") {
  std::string text = kPolicy;
  const std::string mode = "mode = \"enforce\"\n";
  text.insert(text.find(mode) + mode.size(), head);
  const std::string max = "max = 4.0\n";
  text.insert(text.find(max) + max.size(), knob);
  return text + on;
}

const std::string kEnforce = "profile = \"enforce\"\n";
const std::string kEnforced = policy_with(kEnforce, "substitute = 1.5\n");
const std::string kWatched = policy_with("", "substitute = 1.5\n");

// Eleven minutes without a daemon, two updates a minute in which nothing is to be seen.
void stay_lost(Pair& pair) {
  pair.kill();
  pair.pass(11.0);
  REQUIRE(pair.link() == reporter::LinkState::kLost);
  pair.set_step_time(30.0);
  pair.updates(22, 0.1);
}

int asked(const Pair& pair, wire::RequestType type) {
  const auto& all = pair.requests();
  return static_cast<int>(std::count_if(
      all.begin(), all.end(), [&](const wire::Request& each) { return each.type == type; }));
}

}  // namespace

TEST_CASE("a lost link, nothing held: watch holds for ever", "[held][profile][fault]") {
  Pair pair(kWatched);
  pair.start();
  pair.updates(4, 0.1);
  stay_lost(pair);
  CHECK(pair.kl() == 0.0);
  CHECK(pair.requests().empty());
}

TEST_CASE(
    "a lost link, nothing held: enforce takes the substitute after two intervals, then pauses",
    "[held][profile][fault]") {
  const bool by_policy = GENERATE(true, false);
  Pair pair(by_policy ? kEnforced : kWatched);
  if (!by_policy) pair.set_profile(wire::Profile::kEnforce);
  pair.start();
  pair.updates(4, 0.1);
  pair.kill();
  pair.pass(11.0);
  REQUIRE(pair.link() == reporter::LinkState::kLost);
  pair.updates(9, 0.1);  // of a cadence of 5
  CHECK(pair.kl() == 0.0);
  pair.updates(2, 0.1);
  CHECK(pair.kl() == 1.5);
  CHECK(pair.requests().empty());
  pair.pass(570.0);
  CHECK(pair.requests().empty());
  pair.pass(40.0);
  CHECK(asked(pair, wire::RequestType::kPause) == 1);
  CHECK(pair.requests()[0].id < 0);
  pair.pass(700.0);
  CHECK(pair.requests().size() == 1);
  // The daemon comes back and decides again.
  pair.revive();
  pair.pass(12.0);
  pair.updates(3, 0.1);
  CHECK(pair.link() == reporter::LinkState::kLinked);
  CHECK(pair.kl() == 0.0);
}

TEST_CASE("a trainer that declares no pause is not asked for one", "[held][profile][fault]") {
  Pair pair(kEnforced);
  pair.declaration().requests = {wire::RequestType::kRollback};
  pair.start();
  pair.updates(4, 0.1);
  stay_lost(pair);
  CHECK(pair.kl() == 1.5);
  CHECK(pair.requests().empty());
}

TEST_CASE("an own word for link_loss wins over enforce", "[held][profile][fault]") {
  Pair pair(policy_with(kEnforce, "substitute = 1.5\n", "\n[on]\nlink_loss = \"hold\"\n"));
  pair.start();
  pair.updates(4, 0.1);
  stay_lost(pair);
  CHECK(pair.kl() == 0.0);
  CHECK(pair.requests().empty());
}

TEST_CASE("a lost link, tripped or raised by an operator: both profiles hold",
          "[held][profile][fault]") {
  const std::string policy = GENERATE(kWatched, kEnforced);
  const bool tripped = GENERATE(true, false);
  Pair pair(policy);
  pair.start();
  pair.updates(4, 0.1);
  if (tripped) {
    pair.updates(3, 0.9);
  } else {
    REQUIRE(pair.command(forced(0.5)).status == "logged");
  }
  pair.updates(2, 0.1);
  const double held = tripped ? 2.0 : 0.5;
  REQUIRE(pair.kl() == held);
  pair.watch();
  stay_lost(pair);
  CHECK(pair.lowest() == held);
  CHECK(pair.highest() == held);
  CHECK(asked(pair, wire::RequestType::kPause) == 0);
}

TEST_CASE("bad signals: watch holds, enforce counts them as votes, a word in the policy wins",
          "[held][profile][fault]") {
  struct Case {
    std::string policy;
    double kl;
  };
  const Case c = GENERATE(Case{kWatched, 0.0}, Case{kEnforced, 2.0},
                          Case{policy_with(kEnforce, "", "\n[on]\nbad_signal = \"alarm\"\n"), 0.0},
                          Case{policy_with("", "", "\n[on]\nbad_signal = \"vote\"\n"), 2.0});
  Pair pair(c.policy);
  pair.start();
  pair.updates(4, 0.1);
  pair.updates(4, wire::kNaN);
  CHECK(pair.kl() == c.kl);
}

TEST_CASE("a record that cannot be written: enforce pauses after ten minutes",
          "[held][profile][fault]") {
  const bool enforced = GENERATE(false, true);
  Pair pair(enforced ? kEnforced : kWatched);
  pair.start();
  pair.updates(4, 0.1);
  pair.set_record_fault("disk full");
  pair.watch();
  pair.set_step_time(10.0);
  pair.updates(58, 0.1);
  CHECK(pair.requests().empty());
  pair.updates(8, 0.1);
  CHECK(asked(pair, wire::RequestType::kPause) == (enforced ? 1 : 0));
  CHECK(pair.lowest() == 0.0);
}

TEST_CASE(
    "an error of the hook: watch goes on, enforce stops after a checkpoint unless told not to",
    "[held][profile][fault]") {
  const bool enforced = GENERATE(false, true);
  Pair pair(enforced ? kEnforced : kWatched);
  const bool goes_on = GENERATE(false, true);
  if (goes_on) pair.set_on_error(reporter::OnError::kContinue);
  pair.declaration().requests = {wire::RequestType::kCheckpoint, wire::RequestType::kRollback,
                                 wire::RequestType::kStop};
  pair.start();
  pair.updates(4, 0.1);
  REQUIRE(pair.command(forced(0.5)).status == "logged");
  pair.updates(2, 0.1);
  pair.fail_hook();
  pair.fail_hook();
  CHECK(pair.kl() == 0.5);
  if (!enforced || goes_on) {
    CHECK(pair.requests().empty());
  } else {
    REQUIRE(pair.requests().size() == 2);
    CHECK(pair.requests()[0].type == wire::RequestType::kCheckpoint);
    CHECK(pair.requests()[1].type == wire::RequestType::kStop);
  }
}
