// Policy tests as text: what they accept, what they refuse, and that they can fail.
#include <algorithm>

#include "monitor/ctl/policytest/policy_script.h"
#include "tests/ctl/recorded.h"

using namespace phaseguard;

namespace {

const std::string kHead = std::string("policy \"\"\"\n") + test::kPolicy +
                          "\"\"\"\n"
                          "cadence 5\n"
                          "signal judge/score range 0..1 every 5\n"
                          "signal canary/js unit nats range 0..0.7 items canary\n"
                          "canaries c01 c02\n"
                          "knob kl range 0..4\n"
                          "can rollback\n";

Result<ctl::Script> parsed(const std::string& text) {
  return ctl::parse_script(text, "t.policytest");
}

// Runs the one test of `body`; what went wrong as "step 10: expected X, found Y" lines.
std::string play(const std::string& body) {
  auto script = parsed(kHead + "test \"t\"\n" + body);
  INFO((script ? "" : script.error().message));
  REQUIRE(script.has_value());
  std::string out;
  for (const ctl::ScriptFinding& finding : ctl::run_test(*script, script->tests[0]).findings) {
    out += "step " + std::to_string(finding.step) + ": expected " + finding.expected + ", found " +
           finding.found + "\n";
  }
  return out;
}

std::string refusal(const std::string& text) {
  auto script = parsed(text);
  REQUIRE_FALSE(script.has_value());
  return script.error().message;
}

bool has(const std::string& text, const std::string& part) {
  INFO(text);
  return text.find(part) != std::string::npos;
}

constexpr const char* kFires = "series judge/score: 0.1 0.9x4\n";
constexpr const char* kFired =
    "at 15: rule.defend latched, kl = 2, request rollback to 5, alert critical\n";

}  // namespace

TEST_CASE("a test passes when everything that came was expected", "[ctl][script]") {
  REQUIRE(play(std::string(kFires) + kFired).empty());
  REQUIRE(play("series judge/score: 0.1x9\nat 5..45: rule.defend quiet, kl = 0\n").empty());
  REQUIRE(play("series judge/score from 0 every 10: 0.9x3\n"
               "at 20: rule.defend latched at floor, request rollback to 0, alert critical\n")
              .find("at floor") != std::string::npos);  // its declared cadence is 5
}

TEST_CASE("a comment may name the lines of an inline policy", "[ctl][script]") {
  auto script = parsed("# a policy stands between policy \"\"\" and \"\"\"\n" + kHead +
                       "test \"t\"\nseries judge/score: 0.1x2\n");
  INFO((script ? "" : script.error().message));
  REQUIRE(script.has_value());
}

TEST_CASE("what is not expected fails the test, unless others are allowed", "[ctl][script]") {
  const std::string only_rule = std::string(kFires) + "at 15: rule.defend latched\n";
  const std::string found = play(only_rule);
  REQUIRE(has(found, "found request rollback to 5"));
  REQUIRE(has(found, "found alert critical from rule:defend"));
  REQUIRE(play("others allowed\n" + only_rule).empty());
  REQUIRE(has(play(std::string(kFires) + "at 20: kl = 2\n"), "found rule.defend fired"));
}

TEST_CASE("in shadow mode a raise is in force where the trainer lets it, and rules are not",
          "[ctl][script]") {
  std::string head = kHead;
  head.replace(head.find("\"enforce\""), 9, "\"shadow\"");
  const std::string body = "test \"t\"\nothers allowed\nseries judge/score: 0.1 0.9x4\n";
  const auto findings = [&](const std::string& knob, const std::string& rest) {
    std::string text = head;
    text.replace(text.find("knob kl range 0..4"), 18, "knob kl range 0..4" + knob);
    auto script = parsed(text + body + rest);
    INFO((script ? "" : script.error().message));
    REQUIRE(script.has_value());
    std::string out;
    for (const ctl::ScriptFinding& one : ctl::run_test(*script, script->tests[0]).findings)
      out +=
          "step " + std::to_string(one.step) + ": " + one.expected + ", found " + one.found + "\n";
    return out;
  };
  CHECK(findings(" forcible",
                 "at 15: kl = 2, kl in force = 0\ndo 16: force kl 1 by ann\n"
                 "at 16..18: answer logged, kl in force = 1\n")
            .find("step 17: answer logged") == 0);
  CHECK(findings(" forcible",
                 "do 16: force kl 1 by ann\nat 16: answer logged\nat 16..18: kl in force = 1\n"
                 "do 19: release kl\nat 19: answer logged\nat 19..20: kl in force = 0\n")
            .empty());
  CHECK(has(findings("", "do 16: force kl 1 by ann\n"), "not possible"));
  CHECK(findings("", "do 16: force kl 1 by ann\nat 16: answer refused, kl in force = 0\n").empty());
  CHECK(has(findings("", "at 15: kl in force = 2\n"), "kl in force = 0"));
  CHECK(has(refusal("policy \"\"\"\n" + test::kPolicy + "\"\"\"\nknob kl protects left\n"),
            "expected protects up, down or none, found \"left\""));
}

TEST_CASE("a knob that protects by going down is raised downwards", "[ctl][script]") {
  std::string text = kHead;
  text.replace(text.find("knob kl range 0..4"), 18, "knob kl range 0..4 initial 4 protects down");
  text.replace(text.find("base = 0.0"), 10, "base = 4.0");
  text.replace(text.find("set.kl = 2.0"), 12, "set.kl = 1.0");
  auto script = parsed(text +
                       "test \"t\"\nothers allowed\nseries judge/score: 0.1x2\n"
                       "at 1: kl = 4\ndo 2: force kl 3 by ann version -1\nat 2..4: kl = 3\n"
                       "at 2: answer logged\ndo 5: force kl 3.5 by ann version -1\n"
                       "at 5: answer refused, kl = 3\n");
  INFO((script ? "" : script.error().message));
  REQUIRE(script.has_value());
  for (const ctl::ScriptFinding& one : ctl::run_test(*script, script->tests[0]).findings)
    FAIL_CHECK(one.step << ": " << one.expected << ", found " << one.found);
}

TEST_CASE("an expectation that does not hold says what was found", "[ctl][script]") {
  const std::string base = std::string(kFires) + kFired;
  REQUIRE(has(play(base + "at 20: kl = 1.5\n"), "expected kl = 1.5, found kl = 2 (rule:defend)"));
  REQUIRE(has(play(base + "at 10: rule.defend active\n"), "found rule.defend quiet, 0 of 1 vote"));
  REQUIRE(has(play(base + "at 20: request stop\n"), "found no request"));
  REQUIRE(has(play(base + "at 20: alert high\n"), "found no alert"));
  REQUIRE(has(play(base + "at 10: detector.judge votes\n"), "1 of 2 in a row"));
  REQUIRE(has(play(base + "at 15: nothing\n"), "rule.defend fired"));
  REQUIRE(has(play(base + "at 20: answer logged\n"), "no command at this step"));
  REQUIRE(
      play(base + "at 10: detector.judge = 0.9, detector.judge quiet\nat 20: kl > 1.9\n").empty());
}

TEST_CASE("values: repeats, lines, gaps, broken and missing ones", "[ctl][script]") {
  auto script = parsed(kHead +
                       "test \"t\"\nseries judge/score: 0.1x2 nan missing - 0..1x5 inf\n"
                       "series canary/js: 0.2 [0.1,0.3]\n");
  REQUIRE(script.has_value());
  const auto& values = script->tests[0].phases[0].series[0].values;
  REQUIRE(values.size() == 11);
  REQUIRE(values[1].sample.value == 0.1);
  REQUIRE(std::isnan(values[2].sample.value));
  REQUIRE(values[3].sample.missing);
  REQUIRE_FALSE(values[4].sent);
  REQUIRE(values[6].sample.value == 0.25);
  REQUIRE(values[9].sample.value == 1.0);
  const auto& canary = script->tests[0].phases[0].series[1];
  REQUIRE(canary.from == 5);
  REQUIRE(canary.values[0].sample.items == std::vector<double>{0.2, 0.2});
  REQUIRE(canary.values[1].sample.value == 0.2);
  // Two broken ones and one that does not come are three in a row.
  REQUIRE(play("series judge/score: 0.1 nan missing - 0.1x3\n"
               "at 20..25: rule.defend quiet\nat 25: alert high from signal:judge/score\n")
              .empty());
}

TEST_CASE("operators, rollbacks and resumes are events", "[ctl][script]") {
  const std::string fired = std::string(kFires) + kFired;
  REQUIRE(play(fired + "do 15: rollback to 5\nseries judge/score: 0.1x3\n"
                       "at 5..20: rule.defend latched, kl = 2\nat 20: detector.judge quiet\n")
              .empty());
  REQUIRE(play(fired + "do 16: reset defend by ana reason \"looked\"\n"
                       "at 16: answer logged, rule.defend quiet, kl = 0\n")
              .empty());
  REQUIRE(has(play(fired + "do 16: reset defend\n"), "expected the command is accepted"));
  REQUIRE(has(play(fired + "do 16: reset defend by ana reason \"x\" version 77\n"
                           "at 16: answer logged\n"),
              "found answer conflict"));
  REQUIRE(play(fired + "do 16: resume at 12\nat 12..20: rule.defend latched, kl = 2\n").empty());
  REQUIRE(play(std::string(kFires) +
               "do 3: force kl 1 by ana reason \"early\" expires 4\nat 3..6: kl = 1\n"
               "at 8: kl = 0\n" +
               kFired)
              .empty());
}

TEST_CASE("what cannot be read is one clear message with its line", "[ctl][script][hostile]") {
  const std::string body = "test \"t\"\n";
  const auto line = std::to_string(std::count(kHead.begin(), kHead.end(), '\n') + 2);
  const auto with = [&](const std::string& bad) { return refusal(kHead + body + bad + "\n"); };
  REQUIRE(has(with("series judge/scor: 1"), "t.policytest:" + line + ": no signal \"judge/scor\""));
  REQUIRE(has(with("series judge/score: 0.1x0"), "expected a count of 1 to 1000000"));
  REQUIRE(has(with("series judge/score: abc"), "found \"abc\""));
  REQUIRE(has(with("series judge/score: 0.1..0.2"), "at least two values"));
  REQUIRE(has(with("series judge/score:"), "expected values after the colon"));
  REQUIRE(has(with("series judge/score 0.1"), "expected a colon"));
  REQUIRE(has(with("series judge/score every 0: 1"), "expected series SIGNAL"));
  REQUIRE(has(with("at x: kl = 2"), "expected at STEP"));
  REQUIRE(has(with("at 5..2: kl = 2"), "expected at STEP"));
  REQUIRE(has(with("at 5: kl 2"), "expected kl = NUMBER"));
  REQUIRE(has(with("at 5: kll = 2"), "did you mean \"kl\"?"));
  REQUIRE(has(with("at 5: rule.defnd latched"), "did you mean \"defend\"?"));
  REQUIRE(has(with("at 5: rule.defend on"), "quiet, active or latched"));
  REQUIRE(has(with("at 5: alert loud"), "info, medium, high or critical"));
  REQUIRE(has(with("at 5: kl = 2,"), "between the commas"));
  REQUIRE(has(with("do 5: explode"), "expected force, release"));
  REQUIRE(has(with("do 5: force kl"), "expected force KNOB VALUE"));
  REQUIRE(has(with("do 5: reset defend because x"), "expected by NAME"));
  REQUIRE(has(with("test \"t\""), "is there already"));
  REQUIRE(has(with("foo"), "expected test, series, do, at"));
  REQUIRE(has(refusal(kHead), "expected at least one line test"));
  REQUIRE(has(refusal("test \"t\"\n"), "expected one policy"));
  REQUIRE(has(refusal("policy nowhere.toml\ntest \"t\"\n"),
              "nowhere.toml: expected a policy file, cannot be read"));
  REQUIRE(has(refusal("policy \"\"\"\nversion = 1\n"), "three double quotes"));
  REQUIRE(has(refusal("policy \"\"\"\nversion = 1\nname = 3\n\"\"\"\ntest \"t\"\n"),
              "t.policytest:3:"));
  REQUIRE(has(refusal(kHead + "signal judge/score every 2\n" + body), "declared already"));
  REQUIRE(has(refusal(kHead + "signal x evry 2\n" + body), "did you mean \"every\"?"));
  REQUIRE(has(refusal(kHead + "knob x range 2..1\n" + body), "expected a range"));
  REQUIRE(has(refusal(kHead + "can fly\n" + body), "found \"fly\""));
}

TEST_CASE("a policy that does not fit the declaration fails the test", "[ctl][script]") {
  auto script = parsed(std::string("policy \"\"\"\n") + test::kPolicy +
                       "\"\"\"\nsignal other/score every 1\nknob kl range 0..1\ntest \"t\"\n");
  REQUIRE(script.has_value());
  const auto result = ctl::run_test(*script, script->tests[0]);
  REQUIRE(result.findings.size() == 1);
  REQUIRE(has(result.findings[0].found, "judge/score"));
}
