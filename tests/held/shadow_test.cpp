// Under a policy that only records: what an operator raises and what is adopted is in force, and
// nothing else.
#include "monitor/policy/engine/playback.h"
#include "tests/held/pair.h"

using namespace phaseguard;
using namespace phaseguard::test;

namespace {

std::string strict_of(std::string text) {
  text.replace(text.find("mode = \"enforce\""), 16, "mode = \"shadow\"\nshadow = \"strict\"");
  return text;
}

// In shadow mode, calm for some updates. The trainer lets operators raise kl.
Pair in_shadow(const std::string& policy = shadow_of(kPolicy), bool forcible = true) {
  Pair pair(policy);
  pair.declaration().knobs[0].forcible = forcible;
  pair.start();
  pair.updates(4, 0.1);
  return pair;
}

wire::Command release(std::int64_t version) {
  wire::Command command;
  command.action = wire::Action::kRelease;
  command.knob = "kl";
  command.expected_version = version;
  return command;
}

// Every recorded decision again, from the recorded events alone.
bool verifies(const std::vector<wire::Message>& record, const std::string& policy) {
  policy::Playback playback;
  std::size_t decisions = 0, again = 0;
  for (const wire::Message& message : record) {
    if (std::holds_alternative<wire::Decision>(message.body)) {
      ++decisions;
      continue;
    }
    if (!playback.machine()) {
      playback = *policy::Playback::create(document_of(policy), message);
      continue;
    }
    if (playback.on(message)) ++again;
  }
  return decisions > 0 && decisions == again;
}

}  // namespace

TEST_CASE("shadow, raise, loss, release", "[held][fault]") {
  Pair pair = in_shadow();
  pair.updates(3, 0.9);  // the rule would set 2 from here on, and that is all
  REQUIRE(pair.status().knobs[0].decided == 2.0);
  REQUIRE(pair.kl() == 0.0);
  REQUIRE(pair.status().intervened_step == Step{-1});

  // Below what the rule would set, above what is in force: a raise, which needs no version.
  const wire::Reply reply = pair.command(forced(1.5));
  CHECK(reply.status == "logged");
  CHECK(reply.text.find("intervened") != std::string::npos);
  pair.updates(2, 0.1);
  CHECK(pair.kl() == 1.5);
  CHECK(pair.latched().cause == wire::Cause(wire::CauseKind::kOperator, "ann"));
  const Step marked = pair.status().intervened_step;
  CHECK(marked.value >= 7);
  CHECK(pair.status().knobs[0].sent == 1.5);

  pair.watch();
  pair.kill();
  pair.updates(20, 0.9);
  pair.pass(12.0);  // past the lease: the guard puts nothing in force
  pair.updates(20, 0.9);
  CHECK(pair.lowest() == 1.5);
  CHECK(pair.highest() == 1.5);
  CHECK(pair.requests().empty());
  pair.revive();
  pair.pass(12.0);
  pair.updates(3, 0.1);
  CHECK(pair.lowest() == 1.5);
  CHECK(pair.highest() == 1.5);
  CHECK(pair.recorded<wire::Adopted>().empty());
  CHECK(pair.status().intervened_step == marked);

  CHECK(pair.command(release(-1)).status == "refused");  // it lowers what is in force
  CHECK(pair.command(release(pair.status().state_version)).status == "logged");
  pair.updates(2, 0.1);
  CHECK(pair.kl() == 0.0);
  CHECK(pair.latched().source == reporter::Source::kInitial);
  CHECK(pair.status().intervened_step == marked);  // that it was is not undone
  CHECK(verifies(pair.record(), shadow_of(kPolicy)));
}

TEST_CASE("a raise in shadow mode outlives the record that knew of it", "[held][fault]") {
  Pair pair = in_shadow();
  REQUIRE(pair.command(forced(1.5)).status == "logged");
  pair.updates(2, 0.1);
  pair.watch();
  pair.kill();
  pair.revive(kOtherRecord, 0);
  pair.pass(12.0);
  pair.updates(3, 0.1);
  CHECK(pair.lowest() == 1.5);
  const auto adopted = pair.recorded<wire::Adopted>();
  REQUIRE(adopted.size() == 1);
  REQUIRE(adopted[0].held.size() == 1);
  CHECK(adopted[0].held[0].outcome == wire::Adoption::kAdopted);
  CHECK(adopted[0].held[0].kind == wire::HeldKind::kOperator);
  CHECK(pair.status().intervened_step.value >= 0);
  CHECK(pair.command(reset_adopted("kl", pair.status().state_version)).status == "logged");
  pair.updates(2, 0.1);
  CHECK(pair.kl() == 0.0);
}

TEST_CASE("what cannot be raised in shadow mode is refused in words and not recorded", "[held]") {
  const auto [policy, forcible, why] = GENERATE(table<std::string, bool, std::string>(
      {{shadow_of(kPolicy), false, "declare the knob forcible"},
       {strict_of(kPolicy), true, "shadow = \"strict\""}}));
  Pair pair = in_shadow(policy, forcible);
  const std::size_t events = pair.record().size();
  const wire::Reply reply = pair.command(forced(1.5));
  CHECK(reply.status == "refused");
  CHECK(reply.text.find("not possible: ") == 0);
  CHECK(reply.text.find(why) != std::string::npos);
  CHECK(pair.record().size() == events);
  pair.updates(2, 0.1);
  CHECK(pair.kl() == 0.0);
  CHECK(pair.status().intervened_step == Step{-1});
}

TEST_CASE("a knob that protects in no direction is not raised in shadow mode", "[held]") {
  Pair pair(shadow_of(kPolicy));
  pair.declaration().knobs[0].forcible = true;
  pair.declaration().knobs[0].protects = wire::Protects::kNone;
  pair.start();
  pair.updates(2, 0.1);
  CHECK(pair.command(forced(1.5)).text.find("protects in no direction") != std::string::npos);
}

TEST_CASE("a lowering in shadow mode is one of what is in force", "[held]") {
  Pair pair = in_shadow();
  REQUIRE(pair.command(forced(1.5)).status == "logged");
  CHECK(pair.command(forced(1.0)).status == "refused");  // needs the version
  CHECK(pair.command(forced(1.0, 99)).status == "conflict");
  CHECK(pair.command(forced(1.0, pair.status().state_version)).status == "logged");
  pair.updates(2, 0.1);
  CHECK(pair.kl() == 1.0);
  CHECK(pair.command(forced(2.5)).status == "logged");
  pair.updates(2, 0.1);
  CHECK(pair.kl() == 2.5);
}

TEST_CASE("in shadow mode no knob goes below its initial value", "[held]") {
  Pair pair(shadow_of(kPolicy), 0.5);
  pair.declaration().knobs[0].forcible = true;
  pair.start();
  pair.updates(2, 0.1);
  const wire::Reply reply = pair.command(forced(0.1, pair.status().state_version, 10));
  CHECK(reply.status == "refused");
  CHECK(reply.text.find("not possible") == 0);
  pair.updates(2, 0.1);
  CHECK(pair.kl() == 0.5);
}

TEST_CASE("a raise with an end ends at its step, by a control alone", "[held][fault]") {
  Pair pair = in_shadow();
  REQUIRE(pair.command(forced(1.5, -1, 10)).status == "logged");
  pair.updates(2, 0.1);
  REQUIRE(pair.kl() == 1.5);
  pair.kill();
  pair.updates(20, 0.1);
  pair.pass(12.0);
  CHECK(pair.kl() == 1.5);
  pair.revive();
  pair.pass(2.0);
  pair.updates(2, 0.1);
  CHECK(pair.kl() == 0.0);
}

TEST_CASE("a new process starts at what was raised in shadow mode", "[held][fault]") {
  Pair pair = in_shadow();
  REQUIRE(pair.command(forced(1.5)).status == "logged");
  pair.updates(2, 0.1);
  const bool daemon_too = GENERATE(false, true);
  if (daemon_too) pair.kill();
  if (daemon_too) pair.revive();
  pair.restart(2);
  pair.pass(30.0);  // until the daemon takes the old process for lost
  CHECK(pair.kl() == 1.5);
}

TEST_CASE("a daemon in shadow mode adopts what a trainer holds and holds it", "[held][fault]") {
  const bool latches = GENERATE(true, false);
  const bool forcible = GENERATE(true, false);
  const std::string text = latches ? kPolicy : without_latch();
  const std::string policy = GENERATE_COPY(shadow_of(text), strict_of(text));
  Pair pair(text);
  pair.declaration().knobs[0].forcible = forcible;
  pair.start();
  pair.updates(4, 0.1);
  pair.updates(3, 0.9);
  REQUIRE(pair.kl() == 2.0);
  pair.watch();
  pair.kill();
  pair.updates(3, 0.9);  // of which the next daemon is told
  pair.revive(kOtherRecord, 0, policy);
  pair.pass(12.0);
  pair.updates(10, 0.1);
  CHECK(pair.lowest() == 2.0);
  CHECK(pair.latched().cause == wire::Cause(wire::CauseKind::kAdopted, "defend"));
  CHECK_FALSE(pair.recorded<wire::Adopted>().empty());
  const auto status = pair.status();
  CHECK(std::any_of(status.alerts.begin(), status.alerts.end(), [](const wire::Alert& alert) {
    return alert.severity == wire::Severity::kHigh &&
           alert.text.find("adopted from the trainer: kl 2") == 0;
  }));
  CHECK(status.intervened_step.value >= 0);
  CHECK(pair.command(reset_adopted("kl", status.state_version)).status == "logged");
  pair.updates(3, 0.1);
  CHECK(pair.kl() == 0.0);
  CHECK(verifies(pair.record(), policy));
}

TEST_CASE("what a policy in shadow mode cannot express stays with the trainer", "[held][fault]") {
  Pair pair;
  pair.start();
  pair.updates(4, 0.1);
  pair.updates(3, 0.9);
  REQUIRE(pair.kl() == 2.0);
  pair.watch();
  pair.kill();
  pair.revive(kOtherRecord, 0, shadow_of(with_max("1.0")));
  pair.pass(12.0);
  pair.updates(5, 0.1);
  CHECK(pair.lowest() == 2.0);
  REQUIRE(pair.recorded<wire::Adopted>().size() == 1);
  CHECK(pair.recorded<wire::Adopted>()[0].held[0].outcome == wire::Adoption::kKept);
  CHECK(pair.command(reset_adopted("kl", pair.status().state_version)).status == "logged");
  pair.updates(3, 0.1);
  CHECK(pair.kl() == 0.0);
}

TEST_CASE("a trip in an outage is adopted by a daemon in shadow mode", "[held][fault]") {
  Pair pair;
  pair.start();
  pair.updates(4, 0.1);
  pair.kill();
  pair.updates(3, 0.9);
  pair.pass(1.0);
  REQUIRE(pair.kl() == 2.0);
  pair.watch();
  pair.revive(kOtherRecord, 0, shadow_of(kPolicy));
  pair.pass(12.0);
  pair.updates(10, 0.1);
  CHECK(pair.lowest() == 2.0);
  CHECK(pair.recorded<wire::Adopted>().size() == 1);
}

TEST_CASE("a knob that protects by going down is raised downwards in shadow mode",
          "[held][fault]") {
  Pair pair(shadow_of(kPolicy), 1.0);
  pair.declaration().knobs[0].forcible = true;
  pair.declaration().knobs[0].protects = wire::Protects::kDown;
  std::string policy = shadow_of(kPolicy);
  policy.replace(policy.find("base = 0.0"), 10, "base = 1.0");
  policy.replace(policy.find("set.kl = 2.0"), 12, "set.kl = 0.1");
  Pair down(policy, 1.0);
  down.declaration() = pair.declaration();
  down.start();
  down.updates(2, 0.1);
  CHECK(down.command(forced(2.0, down.status().state_version, 5)).status == "refused");
  REQUIRE(down.command(forced(0.5)).status == "logged");
  down.updates(2, 0.1);
  CHECK(down.kl() == 0.5);
  down.watch();
  down.kill();
  down.pass(12.0);
  down.revive();
  down.pass(12.0);
  down.updates(2, 0.1);
  CHECK(down.highest() == 0.5);
  CHECK(down.command(release(down.status().state_version)).status == "logged");
  down.updates(2, 0.1);
  CHECK(down.kl() == 1.0);
}

TEST_CASE("a raise outlives a 1.0 daemon in shadow mode", "[held][fault]") {
  // It lists nothing, and does not know what is held.
  Pair pair = in_shadow();
  REQUIRE(pair.command(forced(1.5)).status == "logged");
  pair.updates(2, 0.1);
  pair.kill();
  pair.revive("", 0);  // a daemon without identity, as one of 1.0
  pair.pass(12.0);
  pair.updates(3, 0.1);
  CHECK(pair.kl() == 1.5);
}
