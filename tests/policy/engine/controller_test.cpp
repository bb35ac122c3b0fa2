// Controllers in a running policy; lambda_laws_test.cpp has the laws alone.
#include <cmath>

#include "monitor/wire/declaration.h"
#include "tests/policy/rules_support.h"
#include "tests/support/catch.h"
#include "tests/support/words.h"

namespace phaseguard::policy {
namespace {

std::string always(const std::string& controller, const std::string& knob = "") {
  return head(knob) + "[rule.r]\nwhen = \"always\"\nset.kl = { " + controller + " }\n";
}

std::string on_trip(const std::string& controller, const std::string& knob = "") {
  return head(knob) + detector("d", "s/0") + "[rule.r]\nof = [\"d\"]\nlatch = true\nset.kl = { " +
         controller + " }\n";
}

Run started(const std::string& toml) { return Run(toml, rules_hello()); }

wire::Command force(const std::string& id, double value, std::int64_t version = -1) {
  wire::Command command;
  command.id = id;
  command.action = wire::Action::kForce;
  command.operator_name = "alice";
  command.knob = "kl";
  command.value = value;
  command.reason = "test";
  command.expires_after_steps = 100;
  command.expected_version = version;
  return command;
}

wire::Command release(const std::string& id, std::int64_t version) {
  wire::Command command = force(id, 0.0, version);
  command.action = wire::Action::kRelease;
  return command;
}

TEST_CASE("ramp: a straight line from the value at firing", "[policy]") {
  Run run = started(on_trip("controller = \"ramp\", to = 2.0, steps = 8"));
  run.at(5, {{"s/0", 0.9}});
  CHECK(run.value() == 0.0);
  run.at(7, {});
  CHECK(run.value() == 0.5);
  run.at(12, {});
  CHECK(run.value() == 1.75);
  run.at(13, {});
  CHECK(run.value() == 2.0);
  CHECK_FALSE(run.at(14, {}));
}

TEST_CASE("ramp: bumpless to and from an operator, and over a rollback", "[policy]") {
  Run run = started(on_trip("controller = \"ramp\", to = 2.0, steps = 8"));
  run.at(5, {{"s/0", 0.9}});
  run.at(7, {});  // 0.5
  run.say(force("1", 1.0), 7);
  CHECK(run.value() == 1.0);
  run.at(20, {});
  CHECK(run.value() == 1.0);
  run.say(release("2", run.machine.state_version()), 20);
  CHECK(run.value() == 1.0);
  run.at(24, {});
  CHECK(run.value() == 1.5);
  run.rolled_back_to(10);  // 4 of 8 steps are done
  CHECK(run.value() == 1.5);
  run.at(12, {});
  CHECK(run.value() == 1.75);
}

TEST_CASE("ladder: strict rungs up, hysteresis down", "[policy]") {
  Run run =
      started(always("controller = \"ladder\", signal = \"s/risk\", rungs = [[0.2, 0.5], "
                     "[0.5, 1.0], [0.8, 3.0]], hysteresis = 0.125"));
  std::int64_t step = 0;
  const auto at = [&](double risk) {
    run.at(++step, {{"s/risk", risk}});
    return run.value();
  };
  CHECK(at(0.2) == 0.0);
  CHECK(at(0.21) == 0.5);
  CHECK(at(0.9) == 3.0);
  CHECK(at(0.7) == 3.0);          // above 0.8 - 0.125
  CHECK(at(0.8 - 0.125) == 1.0);  // at it
  CHECK(at(0.376) == 1.0);
  CHECK(at(0.375) == 0.5);
  CHECK(at(wire::kNaN) == 0.5);
  CHECK(at(0.0) == 0.0);
}

TEST_CASE("risk_linear: held on bad input with one alert, base before the first good one",
          "[policy]") {
  Run run = started(
      always("controller = \"risk_linear\", signal = \"s/risk\", max = 2.0, smoothing = 0.5"));
  const auto first = run.at(1, {{"s/risk", wire::kNaN}});
  REQUIRE(first);
  REQUIRE(first->alerts.size() == 1);
  CHECK(first->alerts[0].source == "controller:r/kl");
  CHECK(first->alerts[0].text == "r leaves kl as it is: s/risk cannot be used at step 1");
  CHECK(run.value() == 0.0);
  CHECK(run.cause() == "base");
  run.at(2, {{"s/risk", 0.5}});
  CHECK(run.value() == 1.0);
  CHECK(run.cause() == "rule:r");
  const auto held = run.at(3, {{"s/risk", 1.5}});
  REQUIRE(held);
  CHECK(held->alerts.at(0).text == "r holds kl at 1: s/risk cannot be used at step 3");
  CHECK(run.value() == 1.0);
  CHECK_FALSE(run.at(4, {{"s/risk", -0.1}}));  // told already
  run.at(5, {{"s/risk", 1.0}});
  CHECK(run.value() == 1.5);
}

TEST_CASE("risk_linear: a new attempt averages afresh and lowers nothing meanwhile", "[policy]") {
  for (const bool carried : {false, true}) {
    Run run = started(always("controller = \"risk_linear\", signal = \"s/risk\", max = 2.0, "
                             "smoothing = 0.5") +
                      "[on]\nresume = \"" + (carried ? "carried" : "fresh") + "\"\n");
    run.at(1, {{"s/risk", 1.0}});
    run.attempt = 2;
    run.say(rules_hello(), 0);
    CHECK(run.value() == 2.0);
    run.at(1, {{"s/risk", 0.0}});
    CHECK(run.value() == (carried ? 1.0 : 0.0));
  }
}

TEST_CASE("risk_linear with a noise floor, and in convex form", "[policy]") {
  Run zone = started(
      always("controller = \"risk_linear\", signal = \"s/risk\", max = 2.0, noise_floor = 0.125"));
  zone.at(1, {{"s/risk", 0.25}});
  CHECK(zone.value() == 0.0);
  zone.at(2, {{"s/risk", 0.5625}});
  CHECK(zone.value() == 1.0);
  zone.at(3, {{"s/risk", 0.875}});
  CHECK(zone.value() == 2.0);
  Run convex =
      started(always("controller = \"risk_linear\", signal = \"s/risk\", min = 0.25, "
                     "max = 0.75, output = \"beta\""));
  convex.at(1, {{"s/risk", 0.5}});
  CHECK(convex.value() == 1.0);  // beta 1/2
}

TEST_CASE("risk_clamp reads scores or risks", "[policy]") {
  const std::string wide = "version = 1\nname = \"t\"\n[knob.kl]\nbase = 0.0\nmax = 9.0\n";
  wire::Hello hello = rules_hello();
  hello.knobs[0].max = 9.0;
  const auto policy = [&](const char* scale) {
    return wide +
           "[rule.r]\nwhen = \"always\"\nset.kl = { controller = \"risk_clamp\", signal = "
           "\"s/risk\", "
           "scale = \"" +
           scale + "\" }\n";
  };
  Run score(policy("score"), hello);
  score.at(1, {{"s/risk", 5.0}});
  CHECK(score.value() == 9.0);
  score.at(2, {{"s/risk", 0.5}});  // not a score: held
  CHECK(score.value() == 9.0);
  score.at(3, {{"s/risk", 3.5}});
  CHECK(score.value() == 1.0);
  Run risk(policy("risk"), hello);
  risk.at(1, {{"s/risk", 0.625}});
  CHECK(risk.value() == 1.0);
}

TEST_CASE("slew_per_step bounds a controller both ways, and its moves are no news", "[policy]") {
  Run run = started(always("controller = \"risk_linear\", signal = \"s/risk\", max = 2.0",
                           "slew_per_step = 0.25\n"));
  run.at(1, {{"s/risk", 0.0}});
  const std::int64_t version = run.machine.state_version();
  run.at(2, {{"s/risk", 1.0}});
  CHECK(run.value() == 0.25);
  run.at(4, {});
  CHECK(run.value() == 0.75);
  run.at(5, {{"s/risk", 0.0}});
  CHECK(run.value() == 0.5);
  run.say(force("low", 0.0, version), 5);  // decided on before those moves
  CHECK(run.machine.override_status().active);
}

void batch(Run& run, std::int64_t step, std::vector<double> items) {
  wire::Report report;
  report.origin = wire::Report::Origin::kBatch;
  wire::Sample sample;
  sample.signal = "s/items";
  sample.value = 0.5;
  sample.items = std::move(items);
  report.samples = {sample};
  run.say(report, step);
}

TEST_CASE("per_sample: one weight per sample of the newest batch", "[policy]") {
  Run run = started(always("controller = \"per_sample\", signal = \"s/items\", max = 2.0"));
  batch(run, 0, {0.0, 0.25, 1.0, 0.75});
  using List = std::vector<double>;
  CHECK(run.machine.settings()[0].items == List{0.0, 0.5, 2.0, 1.5});
  CHECK(run.value() == 1.0);
  batch(run, 1, {0.5, wire::kNaN, 1.0, 1.5});  // two of four scored: the others get their mean
  CHECK(run.machine.settings()[0].items == List{1.0, 1.5, 2.0, 1.5});
  CHECK(run.value() == 1.5);
  batch(run, 2, {0.5, wire::kNaN, wire::kNaN});  // fewer than half: the mean is held for all
  CHECK(run.machine.settings()[0].items.empty());
  CHECK(run.value() == 1.5);
  batch(run, 3, {1.0, 0.0});
  CHECK(run.machine.settings()[0].items.size() == 2);
  wire::Report other;
  other.origin = wire::Report::Origin::kBatch;
  run.say(other, 4);  // a batch of which the signal tells nothing
  CHECK(run.machine.settings()[0].items.empty());
  CHECK(run.value() == 1.0);
}

TEST_CASE("per_sample: a flag, a dead zone, and what is held up", "[policy]") {
  using List = std::vector<double>;
  Run flag =
      started(always("controller = \"per_sample\", signal = \"s/items\", max = 2.0, above = 1.0"));
  batch(flag, 0, {-3.0, 1.0, 1.5, 7.0});
  CHECK(flag.machine.settings()[0].items == List{0.0, 0.0, 2.0, 2.0});
  flag.say(force("1", 1.5), 0);
  CHECK(flag.machine.settings()[0].items == List{1.5, 1.5, 2.0, 2.0});
  CHECK(flag.cause() == "operator:alice");
  flag.say(force("2", 3.0), 0);
  CHECK(flag.machine.settings()[0].items.empty());
  CHECK(flag.value() == 3.0);
  Run zone = started(
      always("controller = \"per_sample\", signal = \"s/items\", max = 2.0, noise_floor = 0.125") +
      detector("d", "s/0") + "[rule.trip]\nof = [\"d\"]\nlatch = true\nset.kl = 0.5\n");
  batch(zone, 0, {0.25, 0.875});
  CHECK(zone.machine.settings()[0].items == List{0.0, 2.0});
  zone.at(5, {{"s/0", 0.9}});
  CHECK(zone.machine.settings()[0].items == List{0.5, 2.0});
  CHECK(zone.value() == 1.25);
}

const char* const kAdaptive =
    "controller = \"adaptive_kl\", signal = \"s/risk\", target = 0.1, horizon = 100, floor = 0.01, "
    "ceiling = 4.0, init = 1.0, per_update = 16";

TEST_CASE("adaptive_kl: the weight in force is the one before the update", "[policy]") {
  Run run = started(always(kAdaptive));
  CHECK(run.value() == 0.0);  // base before the first measurement
  run.at(1, {{"s/risk", 0.3}});
  CHECK(run.value() == 1.0 * (1.0 + 0.2 * 16.0 / 100.0));
  run.at(2, {{"s/risk", wire::kNaN}});
  CHECK(run.value() == 1.032);
  run.at(3, {});
  CHECK(run.value() == 1.032);
  run.at(4, {{"s/risk", 0.0}});
  CHECK(run.value() == 1.032 * (1.0 + -0.2 * 16.0 / 100.0));
}

TEST_CASE("adaptive_kl holds on a KL below 0, which no divergence is, and says so once",
          "[policy]") {
  wire::Hello hello = rules_hello();
  hello.laws = wire::laws_for(wire::kProtocolVersion);
  for (wire::SignalDecl& one : hello.signals) {
    if (one.name == "s/risk") one.min = -10.0;
  }
  Run run(always(kAdaptive), hello);
  const auto first = run.at(1, {{"s/risk", -5.27}});
  REQUIRE(first);
  REQUIRE(first->alerts.size() == 1);
  CHECK(first->alerts[0].source == "controller:r/kl");
  CHECK(run.value() == 1.0);  // where it starts
  for (std::int64_t step = 2; step < 20; ++step) CHECK_FALSE(run.at(step, {{"s/risk", -5.27}}));
  CHECK(run.value() == 1.0);
  run.at(20, {{"s/risk", 0.3}});
  CHECK(run.value() == 1.032);
  run.at(21, {{"s/risk", -0.0}});
  const double before = run.value();
  CHECK(before == 1.032 * (1.0 + -0.2 * 16.0 / 100.0));
  const auto again = run.at(22, {{"s/risk", -1e-9}});
  REQUIRE(again);
  CHECK(again->alerts.size() == 1);
  CHECK(run.value() == before);
}

TEST_CASE("adaptive_kl does not wind up under an operator, and goes on from his value",
          "[policy]") {
  Run run = started(always(kAdaptive));
  run.at(1, {{"s/risk", 0.3}});
  run.say(force("1", 2.0), 1);
  for (std::int64_t step = 2; step < 20; ++step) run.at(step, {{"s/risk", 0.3}});
  CHECK(run.value() == 2.0);
  run.say(release("2", run.machine.state_version()), 20);
  CHECK(run.value() == 2.0);
  run.at(21, {{"s/risk", 0.3}});
  CHECK(run.value() == 2.0 * (1.0 + 0.2 * 16.0 / 100.0));
}

TEST_CASE("adaptive_kl begins when its rule fires, each time anew", "[policy]") {
  Run run = started(head() + detector("d", "s/0") + "[rule.r]\nof = [\"d\"]\nset.kl = { " +
                    kAdaptive + " }\n");
  for (std::int64_t step = 1; step < 5; ++step) run.at(step, {{"s/risk", 0.3}});
  run.at(5, {{"s/0", 0.9}});
  CHECK(run.value() == 0.0);  // nothing measured since it fired
  run.at(6, {{"s/risk", 0.3}});
  CHECK(run.value() == 1.032);
  run.at(10, {{"s/0", 0.1}});
  CHECK(run.value() == 0.0);
  run.at(15, {{"s/0", 0.9}, {"s/risk", 0.1}});  // fires, and measured on target
  CHECK(run.value() == 1.0);
}

}  // namespace
}  // namespace phaseguard::policy
