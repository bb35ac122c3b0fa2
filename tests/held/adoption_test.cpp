// What a policy can express of what a trainer holds, and what the trainer keeps.
#include "monitor/policy/engine/playback.h"
#include "tests/held/pair.h"

using namespace phaseguard;
using namespace phaseguard::test;

namespace {

std::string with_name(const std::string& rule) {
  std::string text = kPolicy;
  text.replace(text.find("rule.defend"), 11, "rule." + rule);
  return text;
}

// A trip at 2, then a daemon with another record and another policy.
Pair tripped_under(const std::string& policy) {
  Pair pair;
  pair.start();
  pair.updates(4, 0.1);
  pair.updates(3, 0.9);
  REQUIRE(pair.kl() == 2.0);
  pair.watch();
  pair.kill();
  pair.revive(kOtherRecord, 0, policy);
  pair.pass(12.0);
  return pair;
}

void check_let_go(Pair& pair) {
  pair.updates(3, 0.1);
  CHECK(pair.kl() == 2.0);
  CHECK(pair.lowest() == 2.0);
  CHECK(pair.status().control == wire::ControlBy::kTripped);
  CHECK(pair.command(forced(0.1, pair.status().state_version, 5)).status == "refused");
  const wire::Reply reply = pair.command(reset_adopted("kl", pair.status().state_version));
  CHECK(reply.status == "logged");
  pair.updates(3, 0.1);
  CHECK(pair.kl() == 0.0);
}

}  // namespace

TEST_CASE("a rule that the policy lacks becomes a floor of its knob", "[held][fault]") {
  Pair pair = tripped_under(with_name("another"));
  REQUIRE(pair.recorded<wire::Adopted>().size() == 1);
  CHECK(pair.recorded<wire::Adopted>()[0].held[0].outcome == wire::Adoption::kAdopted);
  CHECK(pair.latched().cause == wire::Cause(wire::CauseKind::kAdopted, "defend"));
  check_let_go(pair);
}

TEST_CASE("a value above the policy's limits stays with the trainer", "[held][fault]") {
  Pair pair = tripped_under(with_max("1.0"));
  const auto adopted = pair.recorded<wire::Adopted>();
  REQUIRE(adopted.size() == 1);
  CHECK(adopted[0].held[0].outcome == wire::Adoption::kKept);
  CHECK(adopted[0].held[0].detail.find("outside the limits") != std::string::npos);
  pair.updates(3, 0.1);
  CHECK(pair.kl() == 2.0);
  CHECK(pair.lowest() == 2.0);
  CHECK(pair.command(reset_adopted("kl", pair.status().state_version)).status == "logged");
  pair.updates(3, 0.1);
  CHECK(pair.kl() == 0.0);
}

TEST_CASE("what was adopted is told on: a third record adopts it too", "[held][fault]") {
  Pair pair = tripped_under(with_name("another"));
  REQUIRE(pair.kl() == 2.0);
  pair.kill();
  pair.revive("0000002a0000002b0000002c0000002d", 0, with_name("third"));
  pair.pass(12.0);
  CHECK(pair.kl() == 2.0);
  check_let_go(pair);
}

TEST_CASE("a reset of what was adopted needs something adopted, a reason and a version",
          "[held][input]") {
  Pair pair;
  pair.start();
  pair.updates(2, 0.1);
  const wire::Reply nothing = pair.command(reset_adopted("kl", pair.status().state_version));
  CHECK(nothing.status == "refused");
  CHECK(nothing.text.find("nothing of \"kl\" was adopted") != std::string::npos);
  Pair tripped = tripped_under(with_name("another"));
  wire::Command command = reset_adopted("kl", tripped.status().state_version);
  command.reason.clear();
  CHECK(tripped.command(command).status == "refused");
  command.reason = "a test";
  command.id = "again";
  command.expected_version = -1;
  CHECK(tripped.command(command).status == "refused");
}

TEST_CASE("adoption is part of the record: the same decisions come out of it again",
          "[held][record]") {
  Pair pair = tripped_under(with_name("another"));
  pair.updates(5, 0.1);
  const std::vector<wire::Decision> decided = pair.recorded<wire::Decision>();
  REQUIRE_FALSE(decided.empty());
  policy::Playback playback;
  std::vector<std::string> again;
  for (const wire::Message& message : pair.record()) {
    auto decision = playback.follow(message);
    REQUIRE(decision);
    if (*decision) again.push_back((*decision)->summary);
  }
  REQUIRE(again.size() == decided.size());
  for (std::size_t i = 0; i < again.size(); ++i) CHECK(again[i] == decided[i].summary);
}
