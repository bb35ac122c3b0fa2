// The guard in the trainer acts on what the daemon leaves unanswered, knows what operators did, and
// ends their lowerings.
#include <array>

#include "tests/held/pair.h"

using namespace phaseguard;
using namespace phaseguard::test;

namespace {

Pair quiet_pair(const std::string& policy = kPolicy) {
  Pair pair(policy);
  pair.start();
  pair.updates(4, 0.1);
  REQUIRE(pair.link() == reporter::LinkState::kLinked);
  return pair;
}

std::int64_t version(Pair& pair) { return pair.status().state_version; }

}  // namespace

TEST_CASE("a decision that a stopped daemon leaves unanswered is in force after half a second",
          "[held][guard]") {
  Pair pair = quiet_pair();
  pair.freeze();
  pair.update(0.9);
  pair.update(0.9);
  CHECK(pair.kl() == 0.0);
  pair.pass(0.6);
  CHECK(pair.kl() == 2.0);
  CHECK(pair.latched().source == reporter::Source::kGuard);
  CHECK(pair.requests().empty());  // the rollback waits for the end of the lease
  pair.watch();
  pair.thaw();
  pair.pass(1.5);
  CHECK(pair.lowest() == 2.0);
  CHECK(pair.latched().source == reporter::Source::kDaemon);
  CHECK(pair.requests().size() == 1);
}

TEST_CASE("when the socket is gone the guard does not wait", "[held][guard]") {
  Pair pair = quiet_pair();
  pair.kill();
  pair.pass(0.5);  // a heartbeat could not leave
  REQUIRE(pair.link() == reporter::LinkState::kStale);
  pair.update(0.9);
  pair.update(0.9);
  CHECK(pair.kl() == 2.0);
  CHECK(pair.requests().empty());
  pair.pass(11.0);
  REQUIRE(pair.link() == reporter::LinkState::kLost);
  CHECK(pair.requests().size() == 1);
}

TEST_CASE("wherever the daemon is killed or stopped, a trip is at most one update late",
          "[held][guard]") {
  const bool stopped = GENERATE(false, true);
  for (int at = 0; at < 100; ++at) {
    Pair pair = quiet_pair();
    pair.set_step_time(0.3);
    const int before = at % 10;
    pair.updates(before, 0.1);
    pair.pass(0.003 * at);
    if (stopped) {
      pair.freeze();
    } else {
      pair.kill();
    }
    pair.updates(10 - before, 0.1);
    pair.update(0.9);
    pair.update(0.9);  // by this one the rule fires: the next update should have 2
    pair.update(0.9);
    INFO("stopped: " << stopped << ", at " << at);
    CHECK(pair.kl() == 2.0);
  }
}

TEST_CASE("a stalled daemon under a quiet policy moves nothing", "[held][guard]") {
  Pair pair = quiet_pair();
  pair.watch();
  for (int i = 0; i < 20; ++i) {
    pair.freeze();
    pair.updates(5, 0.1);
    pair.pass(1.5);
    pair.thaw();
    pair.updates(3, 0.1);
  }
  CHECK(pair.lowest() == 0.0);
  CHECK(pair.highest() == 0.0);
  CHECK(pair.requests().empty());
}

TEST_CASE("stalls do not ratchet: what the guard raised ends with the daemon's answer",
          "[held][guard]") {
  Pair pair = quiet_pair(without_latch());
  for (int i = 0; i < 5; ++i) {
    pair.freeze();
    pair.updates(2, 0.9);
    pair.pass(0.6);
    CHECK(pair.kl() == 2.0);
    pair.thaw();
    pair.freeze();
    pair.updates(2, 0.1);
    pair.pass(0.6);
    CHECK(pair.kl() == 2.0);  // lowering needs the daemon's proof
    pair.thaw();
    pair.pass(0.2);
    CHECK(pair.kl() == 0.0);
  }
}

TEST_CASE("in an outage the guard knows of a reset", "[held][guard]") {
  Pair pair = quiet_pair();
  pair.updates(2, 0.9);
  pair.updates(2, 0.1);
  REQUIRE(pair.kl() == 2.0);
  REQUIRE(pair.command(reset_of("defend", version(pair))).status == "logged");
  pair.updates(2, 0.1);
  REQUIRE(pair.kl() == 0.0);
  pair.watch();
  pair.kill();
  pair.pass(12.0);
  REQUIRE(pair.link() == reporter::LinkState::kLost);
  pair.updates(10, 0.1);
  CHECK(pair.highest() == 0.0);
  pair.updates(2, 0.9);  // and trips again on new evidence
  CHECK(pair.kl() == 2.0);
}

TEST_CASE("in an outage the guard of a new process knows of a reset too", "[held][guard]") {
  Pair pair = quiet_pair();
  pair.updates(2, 0.9);
  pair.updates(2, 0.1);
  REQUIRE(pair.kl() == 2.0);
  pair.resume(2, pair.checkpoint(), pair.step());
  pair.pass(30.0);
  REQUIRE(pair.link() == reporter::LinkState::kLinked);
  REQUIRE(pair.command(reset_of("defend", version(pair))).status == "logged");
  pair.updates(2, 0.1);
  REQUIRE(pair.kl() == 0.0);
  pair.kill();
  pair.pass(12.0);
  pair.update(0.1);
  CHECK(pair.link() == reporter::LinkState::kLost);
  CHECK(pair.kl() == 0.0);
}

TEST_CASE("in an outage the guard knows of an inhibition until it expires", "[held][guard]") {
  Pair pair = quiet_pair();
  wire::Command inhibition = inhibition_of("defend", version(pair));
  inhibition.expires_after_steps = 20;
  REQUIRE(pair.command(inhibition).status == "logged");
  pair.updates(2, 0.1);
  pair.kill();
  pair.pass(12.0);
  pair.updates(10, 0.9);
  CHECK(pair.kl() == 0.0);
  pair.updates(12, 0.9);
  CHECK(pair.kl() == 2.0);
}

TEST_CASE("a lowering ends at its step, whether or not the daemon is there", "[held][guard]") {
  const bool lost = GENERATE(false, true);
  const bool guarded = GENERATE(false, true);
  INFO("lost: " << lost << ", with a guard: " << guarded);
  Pair pair = quiet_pair(without_latch() + (guarded ? "" : "[on]\nlink_loss = \"hold\"\n"));
  pair.updates(3, 0.9);
  REQUIRE(pair.kl() == 2.0);
  REQUIRE(pair.command(forced(0.5, version(pair), 10)).status == "logged");
  const std::int64_t ends = pair.step() + 10;
  pair.update(0.9);
  CHECK(pair.kl() == 0.5);
  if (lost) {
    pair.kill();
    pair.pass(12.0);
  }
  while (pair.step() + 1 < ends) {
    pair.update(0.9);
    CHECK(pair.kl() == 0.5);
  }
  pair.updates(2, 0.9);
  CHECK(pair.kl() == 2.0);
}

TEST_CASE("what is left of a lowering is not prolonged by a rollback", "[held][guard]") {
  const bool guarded = GENERATE(false, true);
  INFO("with a guard: " << guarded);
  Pair pair = quiet_pair(without_latch() + (guarded ? "" : "[on]\nlink_loss = \"hold\"\n"));
  pair.updates(20, 0.9);
  REQUIRE(pair.command(forced(0.5, version(pair), 10)).status == "logged");
  pair.updates(4, 0.9);
  REQUIRE(pair.kl() == 0.5);
  pair.kill();
  pair.pass(12.0);
  pair.roll_back_to(2);
  pair.updates(5, 0.9);
  CHECK(pair.kl() == 0.5);
  pair.updates(2, 0.9);
  CHECK(pair.kl() == 2.0);
}

// One measurement is on its way when an operator resets the latch. The daemon folds it after the
// reset, as the first of two that trip the rule again, and so must the guard.
TEST_CASE("a frame in flight while an operator acts is folded after the act", "[held][guard]") {
  const bool killed = GENERATE(false, true);
  INFO("then killed: " << killed);
  Pair pair = quiet_pair(kPolicy);
  pair.updates(3, 0.9);
  REQUIRE(pair.kl() == 2.0);
  pair.updates(5, 0.1);
  pair.freeze();
  pair.update(0.9);
  REQUIRE(pair.command(reset_of("defend", version(pair))).status == "logged");
  CHECK(pair.kl() == 0.0);
  if (killed) {
    pair.kill();
  } else {
    pair.thaw();
  }
  pair.update(0.9);
  pair.pass(killed ? 15.0 : 0.1);
  CHECK(pair.kl() == 2.0);
}

namespace {

enum class Act { kReset, kInhibit, kLower };

// Both did the same: a trip or two, and what an operator made of it, for `steps` steps.
void act(Pair& pair, Act what, std::int64_t steps) {
  if (what != Act::kInhibit) pair.updates(3, 0.9);
  wire::Command command = what == Act::kReset     ? reset_of("defend", version(pair))
                          : what == Act::kInhibit ? inhibition_of("defend", version(pair))
                                                  : forced(0.5, version(pair), steps);
  if (what == Act::kInhibit) command.expires_after_steps = steps;
  REQUIRE(pair.command(command).status == "logged");
  pair.update(0.1);
  pair.set_step_time(0.3);
}

}  // namespace

// Beside a trainer whose daemon stays. (Of the kind kLower the rule clears once, so that the policy
// asks for less than the lowering while it is told.) What an operator let go of stays down, and
// what is due again comes, one update late at most.
TEST_CASE("in 100 outages of 1 to 60 s a trainer has what the daemon would have given it",
          "[held][guard]") {
  std::uint64_t random = 20261126;
  const auto draw = [&](std::uint64_t n) {
    random = random * 6364136223846793005u + 1442695040888963407u;
    return static_cast<std::int64_t>((random >> 33) % n);
  };
  for (int i = 0; i < 100; ++i) {
    const Act what = std::array{Act::kReset, Act::kInhibit, Act::kLower}[i % 3];
    const std::string policy = what == Act::kReset ? kPolicy : without_latch();
    Pair watched = quiet_pair(policy);
    Pair cut_off = quiet_pair(policy);
    const std::int64_t steps = 3 + draw(60);
    act(watched, what, steps);
    act(cut_off, what, steps);
    const std::int64_t updates = 3 + draw(197);  // 0.3 s each
    const std::int64_t harmless = what == Act::kReset ? draw(updates) : 0;
    cut_off.kill();
    double before = watched.kl();
    for (std::int64_t k = 0; k < updates; ++k) {
      const double judge = k < harmless ? 0.1 : 0.9;
      watched.update(judge);
      cut_off.update(judge);
      INFO(cut_off.kl() << " and " << watched.kl() << " outage " << i << " of kind " << i % 3
                        << ", update " << k << " of " << updates);
      CHECK((cut_off.kl() == watched.kl() || cut_off.kl() == before));
      before = watched.kl();
    }
  }
}
