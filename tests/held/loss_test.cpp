// What is in force when the daemon loses its record, all of it or a part. Every case fails on a
// daemon that takes a record for the truth.
#include "tests/held/pair.h"

using namespace phaseguard;
using namespace phaseguard::test;

namespace {

// How the record is lost while the daemon is down.
struct Loss {
  const char* name;
  std::string identity;
  std::size_t keep;  // messages of the old record that come back
};

const Loss kLosses[] = {{"another record", kOtherRecord, 0},
                        {"an older copy", kFirstRecord, 3},
                        {"the same record", kFirstRecord, 1'000'000}};

void lose(Pair& pair, const Loss& loss) {
  pair.watch();
  pair.kill();
  pair.pass(0.2);
  pair.revive(loss.identity, loss.keep);
  pair.pass(12.0);
}

}  // namespace

TEST_CASE("a latched trip outlives the record that knew of it", "[held][fault]") {
  const Loss& loss = GENERATE(from_range(std::begin(kLosses), std::end(kLosses)));
  INFO(loss.name);
  Pair pair;
  pair.start();
  pair.updates(4, 0.1);
  pair.updates(3, 0.9);
  REQUIRE(pair.kl() == 2.0);
  pair.updates(10, 0.1);
  lose(pair, loss);
  CHECK(pair.kl() == 2.0);
  CHECK(pair.lowest() == 2.0);
  CHECK(pair.status().rules[0].phase == wire::RulePhase::kLatched);
  pair.updates(10, 0.1);
  CHECK(pair.kl() == 2.0);
  CHECK(pair.status().knobs[0].decided == 2.0);
  if (loss.keep != 1'000'000) {
    REQUIRE(pair.recorded<wire::Adopted>().size() == 1);
    CHECK(pair.recorded<wire::Adopted>()[0].held[0].outcome == wire::Adoption::kAdopted);
  } else {
    CHECK(pair.recorded<wire::Adopted>().empty());
  }
  // A person ends it, as any latch.
  REQUIRE(pair.command(reset_of("defend", pair.status().state_version)).status == "logged");
  pair.updates(2, 0.1);
  CHECK(pair.kl() == 0.0);
}

TEST_CASE("a rule without latch outlives its record until good evidence", "[held][fault]") {
  const Loss& loss = GENERATE(from_range(std::begin(kLosses), std::end(kLosses)));
  INFO(loss.name);
  Pair pair(without_latch());
  pair.start();
  pair.updates(4, 0.1);
  pair.updates(3, 0.9);
  REQUIRE(pair.kl() == 2.0);
  pair.updates(2, 0.9);
  lose(pair, loss);
  CHECK(pair.kl() == 2.0);
  CHECK(pair.lowest() == 2.0);
  pair.update(0.9);
  CHECK(pair.kl() == 2.0);
  pair.updates(2, 0.1);
  CHECK(pair.kl() == 0.0);
}

TEST_CASE("an operator's raise outlives its record", "[held][fault]") {
  const Loss& loss = GENERATE(from_range(std::begin(kLosses), std::end(kLosses)));
  INFO(loss.name);
  Pair pair;
  pair.start();
  pair.updates(4, 0.1);
  REQUIRE(pair.command(forced(1.5)).status == "logged");
  pair.updates(4, 0.1);
  REQUIRE(pair.kl() == 1.5);
  lose(pair, loss);
  CHECK(pair.kl() == 1.5);
  CHECK(pair.lowest() == 1.5);
  pair.updates(4, 0.1);
  CHECK(pair.kl() == 1.5);
  CHECK(pair.status().override_.active);
  wire::Command release;
  release.action = wire::Action::kRelease;
  release.knob = "kl";
  release.expected_version = pair.status().state_version;
  REQUIRE(pair.command(release).status == "logged");
  pair.updates(2, 0.1);
  CHECK(pair.kl() == 0.0);
}

TEST_CASE("a lowering and an inhibition do not outlive the record that allowed them",
          "[held][fault]") {
  const Loss& loss = GENERATE(from_range(std::begin(kLosses), std::begin(kLosses) + 2));
  INFO(loss.name);
  Pair pair(without_latch());
  pair.start();
  pair.updates(4, 0.1);
  REQUIRE(pair.command(inhibition_of("defend", pair.status().state_version)).status == "logged");
  pair.updates(3, 0.9);
  REQUIRE(pair.kl() == 0.0);
  lose(pair, loss);
  CHECK(pair.has_alert(loss.keep == 0 ? "another record" : "older copy"));
  pair.updates(2, 0.9);
  CHECK(pair.kl() == 2.0);
}

TEST_CASE("what an older copy says of lowerings and inhibitions is ended", "[held][fault]") {
  Pair pair(without_latch());
  pair.start();
  pair.updates(4, 0.1);
  REQUIRE(pair.command(inhibition_of("defend", pair.status().state_version)).status == "logged");
  const std::size_t inhibited = pair.record().size();
  pair.updates(20, 0.1);
  lose(pair, {"", kFirstRecord, inhibited});
  const auto adopted = pair.recorded<wire::Adopted>();
  REQUIRE(adopted.size() == 1);
  CHECK(adopted[0].position.value > static_cast<std::int64_t>(inhibited));
  CHECK(pair.has_alert("older copy"));
  CHECK(pair.status().rules[0].phase != wire::RulePhase::kInhibited);
  pair.updates(3, 0.9);
  CHECK(pair.kl() == 2.0);
}

TEST_CASE("a trip by the guard in an outage is in the record by its events, or adopted",
          "[held][fault]") {
  const bool same = GENERATE(true, false);
  Pair pair;
  pair.start();
  pair.updates(4, 0.1);
  pair.kill();
  pair.pass(11.0);
  REQUIRE(pair.link() == reporter::LinkState::kLost);
  pair.updates(3, 0.9);
  REQUIRE(pair.kl() == 2.0);
  pair.watch();
  pair.revive(same ? kFirstRecord : kOtherRecord);
  pair.pass(12.0);
  CHECK(pair.kl() == 2.0);
  CHECK(pair.lowest() == 2.0);
  CHECK(pair.status().rules[0].phase == wire::RulePhase::kLatched);
  CHECK(pair.recorded<wire::Adopted>().size() == (same ? 0 : 1));
}

TEST_CASE("the first step of a resumed run has what is latched", "[held]") {
  Pair pair;
  pair.start();
  pair.updates(4, 0.1);
  pair.updates(3, 0.9);
  REQUIRE(pair.kl() == 2.0);
  pair.pass(1.0);
  pair.set_step(0);
  pair.restart(2);
  pair.pass(40.0);  // the claim of the process before it ends with its lease
  REQUIRE(pair.link() == reporter::LinkState::kLinked);
  CHECK(pair.kl() == 2.0);
}

TEST_CASE("ids of requests of two records differ, so that none is answered from memory",
          "[held][fault]") {
  Pair pair;
  pair.start();
  pair.updates(4, 0.1);
  pair.updates(3, 0.9);
  REQUIRE(pair.requests().size() == 1);
  const std::int64_t first = pair.requests()[0].id;
  pair.answer(first, wire::Outcome::kDone);
  pair.updates(2, 0.1);
  REQUIRE(pair.command(reset_of("defend", pair.status().state_version)).status == "logged");
  pair.updates(2, 0.1);
  lose(pair, {"", kOtherRecord, 0});
  CHECK(pair.kl() == 0.0);
  pair.updates(3, 0.9);
  REQUIRE(pair.requests().size() == 2);
  CHECK(pair.requests()[1].id != first);
  CHECK(pair.kl() == 2.0);
}

TEST_CASE("a trip whose evidence the journal has lost is adopted", "[held][fault]") {
  Pair pair;
  pair.set_journal(8000);
  pair.start();
  pair.updates(4, 0.1);
  pair.kill();
  pair.pass(11.0);
  pair.updates(3, 0.9);
  REQUIRE(pair.kl() == 2.0);
  pair.updates(200, 0.1);
  pair.watch();
  pair.revive();
  pair.pass(12.0);
  pair.updates(20, 0.1);
  CHECK(pair.lowest() == 2.0);
  CHECK(pair.kl() == 2.0);
  REQUIRE(pair.recorded<wire::Adopted>().size() == 1);
  CHECK(pair.recorded<wire::Adopted>()[0].held[0].outcome == wire::Adoption::kAdopted);
  CHECK(pair.status().rules[0].phase == wire::RulePhase::kLatched);
}

TEST_CASE("a knob that protects by going down is held down", "[held][fault]") {
  std::string policy = kPolicy;
  for (const char* place : {"knob.kl", "set.kl"}) {
    const std::size_t at = policy.find(place);
    policy.replace(policy.find("kl", at), 2, "lr_scale");
  }
  policy.replace(policy.find("base = 0.0"), 10, "base = 1.0");
  policy.replace(policy.find("max = 4.0"), 9, "max = 1.0");
  policy.replace(policy.find("lr_scale = 2.0"), 14, "lr_scale = 0.1");
  Pair pair(policy);
  wire::KnobDecl scale;
  scale.name = "lr_scale";
  scale.unit = "1";
  scale.max = scale.initial = 1.0;
  scale.protects = wire::Protects::kDown;
  pair.declaration().knobs.push_back(scale);
  pair.start();
  pair.updates(4, 0.1);
  pair.updates(3, 0.9);
  REQUIRE(pair.in_force("lr_scale") == 0.1);
  pair.kill();
  pair.revive(kOtherRecord);
  for (int i = 0; i < 20; ++i) {
    pair.update(0.1);
    CHECK(pair.in_force("lr_scale") == 0.1);
  }
  CHECK(pair.status().rules[0].phase == wire::RulePhase::kLatched);
}
