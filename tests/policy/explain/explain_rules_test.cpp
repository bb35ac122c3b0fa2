// What `phaseguard policy explain` says of rules and controllers, sentence by sentence.
#include <string>
#include <vector>

#include "tests/policy/explain/explain_support.h"
#include "tests/support/catch.h"

namespace phaseguard::policy {
namespace {

// Of detectors a, b and c, a rule [rule.q] that nothing hangs on, and [rule.r] with these keys.
ExplainedPart rule_told(const std::string& keys) {
  std::string toml = kExplained;
  for (const char* name : {"a", "b", "c"}) {
    toml += std::string("[detector.") + name + "]\nsignal = \"s/" + name +
            "\"\ntype = \"level\"\nabove = 0.5\n";
  }
  toml += "[rule.q]\nwhen = \"any\"\nof = [\"a\", \"b\", \"c\"]\nalert = \"info\"\n";
  return told(toml + "[rule.r]\n" + keys).rules.at(1);
}

void check_rules(const std::vector<Sentence>& cases) {
  for (const Sentence& c : cases) {
    INFO(c.keys);
    CHECK(rule_told(c.keys).text == c.says);
  }
}

TEST_CASE("explain: when a rule of each form fires", "[policy][explain]") {
  const std::string alert = "\nalert = \"high\"\n";
  const std::string rest =
      " It raises an alert of severity high. It ends when its condition ends. It can fire at step "
      "5 "
      "at the earliest.";
  check_rules(
      {{"of = [\"a\"]" + alert, "Fires when a votes." + rest},
       {"of = [\"rule.q\"]" + alert, "Fires when rule q is in force." + rest},
       {"when = \"all\"\nof = [\"a\", \"b\"]" + alert, "Fires when a and b both vote." + rest},
       {"when = \"all\"\nof = [\"a\", \"b\", \"rule.q\"]" + alert,
        "Fires when a, b and rule q all vote." + rest},
       {"when = \"any\"\nof = [\"a\", \"b\"]" + alert, "Fires when a or b votes." + rest},
       {"when = \"any\"\nof = [\"a\", \"b\", \"c\"]" + alert, "Fires when a, b or c votes." + rest},
       {"when = \"2_of_n\"\nof = [\"a\", \"b\", \"c\"]" + alert,
        "Fires when at least 2 of a, b and c vote." + rest},
       {"when = \"1_of_3\"\nof = [\"a\", \"b\", \"c\"]" + alert,
        "Fires when at least 1 of a, b and c votes." + rest},
       {"when = \"not\"\nof = [\"a\"]" + alert, "Fires when a is known to be quiet." + rest},
       {"when = \"not\"\nof = [\"a\", \"b\"]" + alert,
        "Fires when a and b are both known to be quiet." + rest},
       {"when = \"not\"\nof = [\"a\", \"b\", \"c\"]" + alert,
        "Fires when a, b and c are all known to be quiet." + rest}});
}

TEST_CASE("explain: since when, for how long, and what ends it", "[policy][explain]") {
  const std::string of = "of = [\"a\"]\nalert = \"high\"\n";
  const std::string alert = " It raises an alert of severity high.";
  const std::string at_5 = " It can fire at step 5 at the earliest.";
  check_rules(
      {{of + "from_step = 40\n", "Fires when a votes, not before step 40." + alert +
                                     " It ends when its condition ends. It can fire at step 40 at "
                                     "the earliest."},
       {of + "for_points = 3\n",
        "Fires when a votes, once that has held at 3 new measurements in a row." + alert +
            " It ends when its condition ends. It can fire at step 15 at the earliest."},
       {of + "for_points = 2\nfor = \"1 step\"\n",
        "Fires when a votes, once that has held at 2 new measurements in a row and for 1 step." +
            alert + " It ends when its condition ends. It can fire at step 10 at the earliest."},
       {of + "latch = true\n", "Fires when a votes." + alert +
                                   " It is latched: nothing but an operator's reset ends it." +
                                   at_5},
       {of + "release_points = 1\nhold = \"1 point\"\n",
        "Fires when a votes." + alert +
            " It ends after 1 new measurement without its condition, but stays for at least 1 "
            "measurement." +
            at_5},
       {of + "release_points = 2\ncooldown = \"30 s\"\n",
        "Fires when a votes." + alert +
            " It ends after 2 new measurements in a row without its condition, and does not fire "
            "again within 30 seconds." +
            at_5},
       {of + "hold = \"10 steps\"\ncooldown = \"4 points\"\npriority = -3\n",
        "Fires when a votes." + alert +
            " It ends when its condition ends, but stays for at least 10 steps, and does not fire "
            "again within 4 measurements. Its priority is -3." +
            at_5},
       {"when = \"always\"\nalert = \"high\"\n",
        "Is in force from the start." + alert +
            " It stays so to the end. It can fire at step 0 at the earliest."},
       {"when = \"always\"\nfrom_step = 60\nalert = \"high\"\n",
        "Is in force from step 60 on." + alert +
            " It stays so to the end. It can fire at step 60 at the earliest."}});
}

std::string effect_of(const std::string& keys) {
  const std::string text = rule_told("of = [\"a\"]\nlatch = true\n" + keys).text;
  const std::string from = "Fires when a votes. ";
  const std::size_t to = text.find(" It is latched");
  REQUIRE(to != std::string::npos);
  return text.substr(from.size(), to - from.size());
}

TEST_CASE("explain: what each request and each alert comes to", "[policy][explain]") {
  const std::string back =
      "asks the trainer to go back to the newest snapshot taken while every detector that votes "
      "now "
      "was quiet ";
  const std::string request = "request = \"rollback\"\nrollback = ";
  const std::vector<Sentence> cases = {
      {"alert = \"info\"\n", "It raises an alert of severity info."},
      {"request = [\"checkpoint\", \"pause\", \"stop\"]\n",
       "It asks the trainer for a checkpoint, asks the trainer to pause and asks the trainer to "
       "stop."},
      {"request = \"rollback\"\n",
       "It " + back + "(if it cannot: to the oldest snapshot there is)."},
      {request + "{ at_most = 1, without_snapshot = \"pause\" }\n",
       "It " + back + "(at most once in a run, if it cannot: it asks it to pause)."},
      {request + "{ every = \"50 steps\", without_snapshot = \"stop\" }\n",
       "It " + back + "(not again within 50 steps, if it cannot: it asks it to stop)."},
      {request + "{ at_most = 3, every = \"60 s\", without_snapshot = \"nothing\" }\n",
       "It " + back +
           "(at most 3 times in a run, not again within 60 seconds, if it cannot: it only raises "
           "an "
           "alert)."},
      {"site.kl = \"replay\"\n", "It computes the penalty behind kl at the site replay."},
      {"", "It does nothing but count as a term of other rules."}};
  for (const Sentence& c : cases) {
    INFO(c.keys);
    CHECK(effect_of(c.keys) == c.says);
  }
}

TEST_CASE("explain: what each controller does to its knob", "[policy][explain]") {
  const std::string x = ", signal = \"s/risk\"";
  const std::vector<Sentence> cases = {
      {"2.0", "sets kl to 2"},
      {"{ controller = \"ramp\", to = 2.0, steps = 1 }",
       "takes kl to 2 in a straight line over 1 step"},
      {"{ controller = \"ramp\", to = 2.0, steps = 20 }",
       "takes kl to 2 in a straight line over 20 steps"},
      {"{ controller = \"ladder\"" + x + ", rungs = [[0.3, 1.0], [0.6, 2.0]] }",
       "sets kl by s/risk (1 above 0.3, 2 above 0.6, the base below)"},
      {"{ controller = \"ladder\"" + x + ", rungs = [[0.3, 1.0]], hysteresis = 0.1 }",
       "sets kl by s/risk (1 above 0.3, the base below; a rung is left 0.1 below its threshold)"},
      {"{ controller = \"risk_linear\"" + x + ", min = 0.1, max = 4.0 }",
       "sets kl from 0.1 to 4 by the risk in s/risk (in a straight line)"},
      {"{ controller = \"risk_linear\"" + x +
           ", max = 0.8, smoothing = 0.3, noise_floor = 0.1, output = \"beta\" }",
       "sets kl to beta / (1 - beta) with a beta from 0 to 0.8 by the risk in s/risk (with a dead "
       "zone for a noise floor of 0.1, smoothed: each new value counts 0.3)"},
      {"{ controller = \"risk_clamp\", scale = \"score\"" + x + " }",
       "sets kl from 0.11 to 9 by the published law of the score (1 to 5) in s/risk"},
      {"{ controller = \"risk_clamp\", scale = \"risk\"" + x + " }",
       "sets kl from 0.11 to 9 by the published law of the risk (0 to 1) in s/risk"},
      {"{ controller = \"per_sample\", max = 2.0" + x + " }",
       "gives each sample of a batch its own kl: from 0 to 2 by its risk in s/risk"},
      {"{ controller = \"per_sample\", max = 2.0, noise_floor = 0.1" + x + " }",
       "gives each sample of a batch its own kl: from 0 to 2 by its risk in s/risk (with a dead "
       "zone "
       "for a noise floor of 0.1)"},
      {"{ controller = \"per_sample\", max = 2.0, above = 0.4" + x + " }",
       "gives each sample of a batch its own kl: 2 where s/risk is above 0.4, else 0"},
      {"{ controller = \"adaptive_kl\", target = 0.1, horizon = 100, floor = 0.05, ceiling = 4.0, "
       "init = 0.2" +
           x + " }",
       "moves kl by factors until s/risk is near 0.1 (starting at 0.2, between 0.05 and 4, horizon "
       "100)"}};
  for (const Sentence& c : cases) {
    INFO(c.keys);
    CHECK(effect_of("set.kl = " + c.keys + "\n") == "It " + c.says + ".");
  }
  CHECK(effect_of("set.kl = 2.0\nalert = \"high\"\n") ==
        "It sets kl to 2 and raises an alert of severity high.");
}

}  // namespace
}  // namespace phaseguard::policy
