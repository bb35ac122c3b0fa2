// A policy in plain English says what it says, and when its rules can fire.
#include "monitor/policy/explain/explain.h"

#include <algorithm>
#include <fstream>

#include "monitor/ctl/policytest/declaration.h"
#include "tests/ctl/recorded.h"
#include "tests/support/source_dir.h"

using namespace phaseguard;

namespace {

bool has(const std::string& text, const std::string& part) {
  INFO(text);
  return text.find(part) != std::string::npos;
}

policy::Document shipped(const std::string& name) {
  return test::document_of(
      test::read_file(test::source_dir() + "/assets/policies/" + name + ".toml"));
}

}  // namespace

TEST_CASE("the hybrid policy, in words and with its earliest steps", "[ctl][explain]") {
  const auto hybrid = shipped("hybrid");
  const auto told = policy::explain(hybrid, policy::assumed_declaration(hybrid, 5));
  REQUIRE(has(told.summary, "4 detectors and 2 rules for 1 knob"));
  REQUIRE(has(told.detectors.at(0).text,
              "Votes when the exponential average of data/llr_share (half-life 2 measurements) is "
              "above 0.2 at 2 measurements in a row."));
  REQUIRE(has(told.detectors.at(3).text, "It never votes on its first 3 measurements."));
  REQUIRE(has(told.detectors.at(0).null_hypothesis, "No null hypothesis"));
  const auto& defend = told.rules.at(0);
  REQUIRE(has(defend.text, "Fires when at least 2 of llr, judge and margin vote."));
  REQUIRE(has(defend.text, "sets kl to 2"));
  REQUIRE(has(defend.text, "nothing but an operator's reset ends it"));
  REQUIRE(defend.above == std::vector<std::string>{"llr", "judge", "margin"});
  REQUIRE(defend.earliest == Step{10});
  REQUIRE(told.rules.at(1).earliest == Step{20});
  const auto slower = policy::explain(hybrid, policy::assumed_declaration(hybrid, 7));
  REQUIRE(slower.rules.at(0).earliest == Step{14});
  const std::string text = policy::to_text(told);
  REQUIRE(has(text, "Who wins on a knob, highest first\n  1. "));
  std::size_t longest = 0, from = 0;
  for (std::size_t end; (end = text.find('\n', from)) != std::string::npos; from = end + 1) {
    longest = std::max(longest, end - from);
  }
  REQUIRE(longest <= 100);
}

TEST_CASE("a declaration that the policy does not fit leaves earliest steps unknown",
          "[ctl][explain]") {
  const auto hybrid = shipped("hybrid");
  const auto told = policy::explain(hybrid, wire::Hello{});
  REQUIRE(told.rules.at(0).earliest == Step{-1});
  REQUIRE(has(told.rules.at(0).text, "Its earliest possible step is not known."));
}

TEST_CASE("every shipped policy can be explained, and fits what is assumed of it",
          "[ctl][explain]") {
  const std::filesystem::path folder =
      std::filesystem::path(test::source_dir()) / "assets/policies";
  int n = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() != ".toml") continue;
    INFO(entry.path());
    ++n;
    const auto document = test::document_of(test::read_file(entry.path()));
    const auto hello = policy::assumed_declaration(document, 5);
    for (const auto& d : policy::check_fit(document, hello)) {
      INFO(d.message);
      REQUIRE(d.severity != policy::Severity::kError);
    }
    const auto told = policy::explain(document, hello);
    for (const auto& rule : told.rules) REQUIRE(rule.text.size() > 40);
    // Each has a test that an operator can read.
    const auto script = folder / "tests" / (entry.path().stem().string() + ".policytest");
    REQUIRE(std::filesystem::exists(script));
  }
  REQUIRE(n >= 3);
}

TEST_CASE("a declaration is read from text and from a policy test", "[ctl][declaration]") {
  auto hello = ctl::read_declaration(
      "cadence 5   # steps\nsteps 200\ncanaries a b\n"
      "signal canary/js unit nats range 0..0.7 items canary variant full\n"
      "signal judge/score range 0..inf every 3\nknob kl range 0..4 initial 0.5 per_sample\n"
      "can rollback stop\ntest \"x\"\nseries nonsense\n",
      "d.txt");
  INFO((hello ? "" : hello.error().message));
  REQUIRE(hello.has_value());
  REQUIRE(hello->cadence_steps == 5);
  REQUIRE(hello->canary_ids == std::vector<std::string>{"a", "b"});
  REQUIRE(hello->signals.at(0).variant == "full");
  REQUIRE(hello->signals.at(1).every_steps == 3);
  REQUIRE(std::isinf(hello->signals.at(1).max));
  REQUIRE(hello->knobs.at(0).initial == 0.5);
  REQUIRE(hello->knobs.at(0).per_sample);
  REQUIRE(hello->requests == std::vector<wire::Word<wire::RequestType>>{
                                 wire::RequestType::kRollback, wire::RequestType::kStop});
  const auto kl = ctl::read_declaration(
      "knob kl unit w site replay direction ref_model mask canary normaliser token_mean_step form "
      "convex\n",
      "d.txt");
  INFO((kl ? "" : kl.error().message));
  REQUIRE(kl.has_value());
  REQUIRE(kl->knobs.at(0).unit == "w");
  REQUIRE(kl->knobs.at(0).site == wire::Site::kReplay);
  REQUIRE(kl->knobs.at(0).direction == wire::Direction::kRefModel);
  REQUIRE(kl->knobs.at(0).mask == wire::Mask::kCanary);
  REQUIRE(kl->knobs.at(0).normaliser == wire::Normaliser::kTokenMeanStep);
  REQUIRE(kl->knobs.at(0).form == wire::Form::kConvex);
  REQUIRE(has(ctl::read_declaration("knob kl mask answers\n", "d").error().message,
              "d:1: expected mask answer or attention or canary or replay, found \"answers\""));
  REQUIRE(has(ctl::read_declaration("bogus 1\n", "d").error().message, "d:1: expected cadence"));
  REQUIRE(has(ctl::read_declaration("cadence x\n", "d").error().message, "expected cadence N"));
  REQUIRE(has(ctl::read_declaration("", "d").error().message, "found no signal and no knob"));
  REQUIRE(has(ctl::read_declaration("signal s every\n", "d").error().message, "expected a value"));
}
