#include <string>

#include "tests/policy/support.h"
#include "tests/support/catch.h"
#include "tests/support/words.h"

namespace phaseguard::policy {
namespace {

Run lively() {
  Run run(asset("hybrid"));
  run.at(5, {{"data/llr_share", 1.0}, {"judge/score", wire::kNaN}});
  wire::Command force;
  force.id = "1";
  force.action = wire::Action::kForce;
  force.knob = "kl";
  force.value = 0.5;
  force.operator_name = "alice";
  force.expires_after_steps = 20;
  run.say(force, 5);
  run.at(10, {{"data/llr_share", 1.0}, {"canary/margin", 2.0}});
  return run;
}

TEST_CASE("a snapshot gives the same machine back, byte for byte", "[policy]") {
  const Run run = lively();
  const std::string bytes = run.machine.snapshot();
  Run fresh(asset("hybrid"));
  REQUIRE(fresh.machine.restore(bytes));
  CHECK(fresh.machine.snapshot() == bytes);
  CHECK(fresh.value() == 0.5);
  CHECK(fresh.machine.override_status().operator_name == "alice");
}

TEST_CASE("a snapshot that is cut, damaged or of another policy is refused", "[policy][hostile]") {
  const std::string bytes = lively().machine.snapshot();
  Run fresh(asset("hybrid"));
  const std::string before = fresh.machine.snapshot();
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    REQUIRE_FALSE(fresh.machine.restore(std::string_view(bytes).substr(0, size)));
  }
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    std::string damaged = bytes;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x10);
    REQUIRE_FALSE(fresh.machine.restore(damaged));
  }
  CHECK_FALSE(fresh.machine.restore(bytes + "x"));
  CHECK(fresh.machine.snapshot() == before);
  Run other(asset("phaseguard-kl"));
  const auto refused = other.machine.restore(bytes);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == Errc::kConflict);
}

}  // namespace
}  // namespace phaseguard::policy
