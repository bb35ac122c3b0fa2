// Rollbacks: how often, and what when there is no snapshot.
#include "tests/policy/rules_support.h"
#include "tests/support/catch.h"
#include "tests/support/words.h"

namespace phaseguard::policy {
namespace {

constexpr double kHigh = 0.9;
constexpr double kLow = 0.1;

Run started(const std::string& options) {
  return Run(one_rule("request = \"rollback\"\nrollback = { " + options + " }\n"), rules_hello());
}

std::optional<wire::Decision> outcome(Run& run, std::int64_t id, const std::string& status) {
  wire::Applied applied;
  applied.segment = run.segment;
  applied.requests = {
      {id, wire::Word<wire::Outcome>::from(status), "there is no snapshot", Step{-1}}};
  return run.say(applied, 10);
}

std::size_t asked(const std::optional<wire::Decision>& decision) {
  return decision ? decision->requests.size() : 0;
}

TEST_CASE("at_most: so many per run, then an alert", "[policy]") {
  Run run = started("at_most = 2");
  CHECK(asked(run.at(5, {{"s/0", kHigh}})) == 1);
  run.at(10, {{"s/0", kLow}});
  CHECK(asked(run.at(15, {{"s/0", kHigh}})) == 1);
  run.at(20, {{"s/0", kLow}});
  const auto third = run.at(25, {{"s/0", kHigh}});
  REQUIRE(third);
  CHECK(third->requests.empty());
  CHECK(third->alerts.at(0).text == "r asks for no rollback: it has asked for 2 of at most 2");
}

TEST_CASE("every: not before it is over", "[policy]") {
  Run run = started("every = \"20 steps\"");
  CHECK(asked(run.at(5, {{"s/0", kHigh}})) == 1);
  run.at(10, {{"s/0", kLow}});
  const auto early = run.at(20, {{"s/0", kHigh}});
  CHECK(asked(early) == 0);
  REQUIRE(early);
  CHECK(early->alerts.at(0).text == "r asks for no rollback: its last one is not yet 20 steps ago");
  run.at(24, {{"s/0", kLow}});
  CHECK(asked(run.at(25, {{"s/0", kHigh}})) == 1);
}

TEST_CASE("without a snapshot: the reference, a pause, a stop or an alert", "[policy]") {
  for (const char* choice : {"reference", "pause", "stop", "nothing"}) {
    Run run = started(std::string("without_snapshot = \"") + choice + "\"");
    run.at(5, {{"s/0", kLow}});
    const auto fired = run.at(10, {{"s/0", kHigh}});
    REQUIRE(asked(fired) == 1);
    CHECK(fired->requests[0].before_step == Step{5});
    const auto then = outcome(run, fired->requests[0].id, "failed");
    REQUIRE(then);
    CHECK(then->alerts.at(0).severity == "high");
    INFO(choice);
    if (std::string(choice) == "nothing") {
      CHECK(then->requests.empty());
      continue;
    }
    REQUIRE(then->requests.size() == 1);
    const bool reference = std::string(choice) == "reference";
    CHECK(then->requests[0].type == (reference ? "rollback" : choice));
    CHECK(then->requests[0].before_step == Step{-1});
    CHECK(then->requests[0].id == fired->requests[0].id + 1);
    CHECK(asked(outcome(run, fired->requests[0].id, "failed")) == 0);  // told twice
    CHECK(asked(outcome(run, then->requests[0].id, "failed")) == 0);   // no fallback of a fallback
  }
}

TEST_CASE("a rollback that was done needs no fallback", "[policy]") {
  Run run = started("without_snapshot = \"stop\"");
  const auto fired = run.at(5, {{"s/0", kHigh}});
  REQUIRE(asked(fired) == 1);
  CHECK_FALSE(outcome(run, fired->requests[0].id, "done"));
}

}  // namespace
}  // namespace phaseguard::policy
