// What docs/PROTOCOL.md says of what is held and no other file here is about.
#include "monitor/wire/codec.h"
#include "tests/held/pair.h"

using namespace phaseguard;
using namespace phaseguard::test;

namespace {

std::string with_name(const std::string& rule, std::string text = kPolicy) {
  return text.replace(text.find("rule.defend"), 11, "rule." + rule);
}

std::string of_knob(const std::string& knob, std::string text) {
  text.replace(text.find("knob.kl"), 7, "knob." + knob);
  return text.replace(text.find("set.kl"), 6, "set." + knob);
}

}  // namespace

TEST_CASE("an entry that is awaited is let go once its number is acknowledged",
          "[held][protocol]") {
  Pair pair;
  pair.start();
  pair.updates(4, 0.1);
  pair.kill();
  pair.updates(3, 0.9);
  pair.pass(1.0);
  REQUIRE(pair.kl() == 2.0);
  pair.updates(3, 0.1);
  pair.watch();
  pair.revive();
  pair.pass(3.0);
  REQUIRE(pair.link() == reporter::LinkState::kLinked);
  CHECK(pair.lowest() == 2.0);
  CHECK(pair.recorded<wire::Adopted>().empty());
  REQUIRE(pair.command(reset_of("defend", pair.status().state_version)).status == "logged");
  pair.updates(2, 0.1);
  CHECK(pair.kl() == 0.0);
}

TEST_CASE("under an older copy ids of requests go on where no lost one can have been",
          "[held][protocol][fault]") {
  Pair pair;
  pair.start();
  pair.updates(4, 0.1);
  const std::size_t early = pair.record().size();
  pair.updates(3, 0.9);
  REQUIRE(pair.requests().size() == 1);
  const std::int64_t lost = pair.requests()[0].id;
  pair.answer(lost, wire::Outcome::kDone);
  pair.updates(2, 0.1);
  REQUIRE(pair.command(reset_of("defend", pair.status().state_version)).status == "logged");
  pair.updates(2, 0.1);
  pair.kill();
  pair.revive(kFirstRecord, early);
  pair.pass(12.0);
  pair.updates(3, 0.9);
  REQUIRE(pair.requests().size() == 2);
  CHECK(pair.requests()[1].id > lost);
}

TEST_CASE("in shadow mode a knob has the more protecting of what was raised and what was adopted",
          "[held][protocol]") {
  Pair pair;
  pair.declaration().knobs[0].forcible = true;
  pair.start();
  pair.updates(4, 0.1);
  pair.updates(3, 0.9);
  REQUIRE(pair.kl() == 2.0);
  pair.kill();
  pair.revive(kOtherRecord, 0, shadow_of(kPolicy));
  pair.pass(12.0);
  REQUIRE(pair.kl() == 2.0);
  REQUIRE(pair.command(forced(3.0)).status == "logged");
  pair.updates(2, 0.1);
  CHECK(pair.kl() == 3.0);
  pair.command(forced(1.0, pair.status().state_version, 100));
  pair.updates(2, 0.1);
  CHECK(pair.kl() >= 2.0);
  wire::Command release;
  release.action = wire::Action::kRelease;
  release.knob = "kl";
  release.expected_version = pair.status().state_version;
  REQUIRE(pair.command(release).status == "logged");
  pair.updates(2, 0.1);
  CHECK(pair.kl() == 2.0);
}

TEST_CASE("what a checkpoint keeps is a hello without knobs and signals", "[held][protocol]") {
  Pair pair;
  pair.start();
  pair.updates(4, 0.1);
  pair.updates(3, 0.9);
  REQUIRE(pair.kl() == 2.0);
  const auto kept = wire::decode(pair.checkpoint());
  REQUIRE(kept);
  const auto& hello = std::get<wire::Hello>(kept->body);
  CHECK(hello.knobs.empty());
  CHECK(hello.signals.empty());
  CHECK(hello.record == kFirstRecord);
  CHECK(hello.position.value > 0);
  CHECK(hello.rollbacks == 0);
  CHECK(hello.start_step == Step{pair.step()});
  REQUIRE(hello.held.size() == 1);
  CHECK(hello.held[0].name == "defend");
}

TEST_CASE("a knob that the policy lacks, or that protects in no direction, stays with the trainer",
          "[held][protocol][fault]") {
  const bool lacks = GENERATE(true, false);
  INFO("the policy lacks it: " << lacks);
  Pair pair;
  wire::KnobDecl spare = kl_knob();
  spare.name = "spare";
  pair.declaration().knobs.push_back(spare);
  if (!lacks) pair.declaration().knobs[0].protects = wire::Protects::kNone;
  pair.start();
  pair.updates(4, 0.1);
  pair.updates(3, 0.9);
  REQUIRE(pair.kl() == 2.0);
  pair.kill();
  pair.revive(kOtherRecord, 0, with_name("another", lacks ? of_knob("spare", kPolicy) : kPolicy));
  pair.pass(12.0);
  pair.updates(3, 0.1);
  CHECK(pair.kl() == 2.0);
  const auto adopted = pair.recorded<wire::Adopted>();
  REQUIRE(adopted.size() == 1);
  REQUIRE(adopted[0].held.size() == 1);
  CHECK(adopted[0].held[0].outcome == wire::Adoption::kKept);
  CHECK_FALSE(adopted[0].held[0].detail.empty());
  CHECK(pair.has_alert("kl"));
}
