// Slips at the edges of the language: each with the whole of its message and its place.
#include <string>
#include <vector>

#include "tests/policy/language/slips.h"
#include "tests/policy/support.h"
#include "tests/support/catch.h"

namespace phaseguard::policy {
namespace {

void check(const std::vector<Slip>& slips) {
  for (const Slip& slip : slips) {
    INFO("instead of " << slip.line << ": " << slip.replacement);
    CHECK(said(parse_slip(slip)) == slip.says);
  }
}

TEST_CASE("edges: names of tables, of policies and of signals", "[policy][hostile]") {
  const auto knob = [](const std::string& name, const std::string& found) {
    return Slip{"[knob.kl]", "[knob.\"" + name + "\"]\nbase = 0.0\nmax = 4.0\n[knob.kl]",
                "4:7: expected a name of 1 to 64 letters, digits, \"_\" or \"-\", found " + found +
                    " in [knob.NAME]"};
  };
  const std::string many(65, 'n');
  std::vector<Slip> slips = {knob("", "\"\""), knob(many, "\"" + many + "\"")};
  for (const char* bad : {"a b", "a{", "a[", "a@", "a:", "a/", "a~", "a.b"}) {
    slips.push_back(knob(bad, "\"" + std::string(bad) + "\""));
  }
  slips.push_back({"[knob.kl]", "[knob.K-9_x]\nbase = 0.0\nmax = 4.0\n[knob.kl]", ""});
  const std::string policy =
      "2:8: expected a name of 1 to 64 bytes without control characters, found ";
  slips.push_back({"\"small\"", "\"" + many + "\"", policy + "\"" + many + "\""});
  slips.push_back({"\"small\"", "\"a\\tb\"", policy + "\"a\\tb\""});
  slips.push_back({"\"small\"", "\"a\\u007fb\"", policy + "\"a\\x7fb\""});
  slips.push_back({"\"small\"", "\"the small one\"", ""});
  const std::string signal =
      "9:10: \"signal\" in [detector.js]: expected a name group/name such as \"canary/js\", found ";
  for (const char* bad : {"canary", "/js", "canary/", "can\\tary/js", "canary/js*", ""}) {
    slips.push_back({"\"canary/js\"", "\"" + std::string(bad) + "\"", signal + "\"" + bad + "\""});
  }
  slips.push_back({"\"canary/js\"", "\"can\\u007fary/js\"", signal + "\"can\\x7fary/js\""});
  slips.push_back({"\"canary/js\"", "\"a/" + std::string(127, 'n') + "\"",
                   signal + "\"a/" + std::string(78, 'n') + "...\""});
  slips.push_back({"\"canary/js\"", "\"a*/*\"\ncombine = \"max\"", signal + "\"a*/*\""});
  slips.push_back({"\"canary/js\"", "\"a/" + std::string(126, 'n') + "\"", ""});
  check(slips);
}

TEST_CASE("edges: what stands where a number, a word or a table should", "[policy][hostile]") {
  const std::string base = "5:8: \"base\" in [knob.kl]: expected a number, found ";
  check(
      {{"base = 0.0", "base = false", base + "false"},
       {"base = 0.0", "base = [1]", base + "an array"},
       {"base = 0.0", "base = { x = 1 }", base + "a table"},
       {"base = 0.0", "base = 1979-05-27", base + "a date or time"},
       {"base = 0.0", "base = 07:32:00", base + "a date or time"},
       {"latch = true", "priority = 2.0",
        "15:12: \"priority\" in [rule.defend]: expected a whole number from -1000000 to 1000000, "
        "found the number 2.0"},
       {"latch = true", "priority = -2.5",
        "15:12: \"priority\" in [rule.defend]: expected a whole number from -1000000 to 1000000, "
        "found the number -2.5"},
       {"name = \"small\"", "name = \"small\"\non = 3",
        "3:6: expected a table [on], found on = the integer 3"},
       {"latch = true", "site = 3",
        "15:8: \"site\" in [rule.defend]: expected site.KNOB = \"replay\", found site = the "
        "integer 3"},
       {"latch = true", "request = 3",
        "15:11: \"request\" in [rule.defend]: expected a string or an array of strings, found the "
        "integer 3"},
       {"latch = true", "request = [\"stop\", 3]",
        "15:20: \"request\" in [rule.defend]: expected an array of strings, found the integer 3"},
       {"latch = true", "latch = true\nrequest = \"rollback\"\nrollback = 3",
        "17:12: \"rollback\" in [rule.defend]: expected a table such as { at_most = 1 }, found the "
        "integer 3; to ask for one write request = \"rollback\""},
       {"signal = \"canary/js\"", "signal = 3\ncombine = \"max\"",
        "9:10: \"signal\" in [detector.js]: expected a string in quotes, found the integer 3"},
       {"signal = \"canary/js\"", "signal = \"canary/js\"\nminus = 3",
        "10:9: \"minus\" in [detector.js]: expected a string in quotes, found the integer 3"},
       {"max = 4.0", "max = 4.0\nsubstitute = 5.0",
        "7:14: \"substitute\" in [knob.kl]: expected a value from min = 0 to max = 4, found 5"},
       {"type = \"level\"", "type = \"ewma\"\nhalflife = 2e9",
        "11:12: \"halflife\" in [detector.js]: expected a number of measurements from 0.01 to "
        "1e9, found 2e+09"}});
  const Parsed root = parse("version = 1\nname = \"t\"\ndetector = 3\nrule = [1]\n", "t");
  REQUIRE(root.diagnostics.size() == 2);
  CHECK(root.diagnostics[0].message ==
        "expected tables [detector.NAME], found \"detector\" = the integer 3");
  CHECK(root.diagnostics[1].message == "expected tables [rule.NAME], found \"rule\" = an array");
}

TEST_CASE("edges: votes", "[policy][hostile]") {
  const auto when = [](const std::string& word, const std::string& says) {
    return Slip{"of = [\"js\"]", "when = \"" + word + "\"\nof = [\"js\"]",
                says.empty() ? says
                             : "14:8: \"when\" in [rule.defend]: expected " + says + ", found \"" +
                                   word + "\""};
  };
  const std::string form = "\"all\", \"any\", \"not\", \"always\" or \"K_of_n\" such as \"2_of_n\"";
  const std::string count = "1 vote of 1 detector";
  check({when("2of", form),
         when("_of_n", form),
         when("1_of_", form),
         when("1_of_x", form),
         when("1_of_1x", form),
         when("1-of-n", form),
         when("1_of_n ", form),
         when("9999999999999999999_of_n", form),
         when("1_of_9999999999999999999", form),
         when("-1_of_n", count),
         when("2_of_n", count),
         when("1_of_2", count),
         when("1_of_1", ""),
         when("1_of_n", ""),
         {"of = [\"js\"]", "when = \"2_of_n\"\nof = []",
          "15:6: \"of\" in [rule.defend]: expected at least one detector, found none"},
         {"of = [\"js\"]", "when = \"2_of_n\"",
          "13:7: [rule.defend] has no \"of\"; add of = "
          "[\"DETECTOR\", ...]"},
         {"of = [\"js\"]", "when = \"any\"\nof = [\"js\", \"js\"]",
          "15:13: detector \"js\" is listed twice in [rule.defend]; each has one vote"},
         {"[rule.defend]\nof = [\"js\"]",
          "[rule.a]\nof = [\"js\"]\n[rule.defend]\nwhen = \"any\"\nof = [\"rule.a\", \"rule.a\"]",
          "17:17: \"rule.a\" is listed twice in [rule.defend]; each has one vote"}});
}

TEST_CASE("edges: amounts of [on], sites and options of a rollback", "[policy][hostile]") {
  const auto after = [](const std::string& text) {
    return Slip{"name = \"small\"", "name = \"small\"\n[on]\nmissing_after = \"" + text + "\"",
                "4:17: \"missing_after\" in [on]: expected \"N intervals\" with N from 1 to 1000, "
                "found \"" +
                    text + "\""};
  };
  const std::string site =
      "15:11: site.kl in [rule.defend]: expected a declared site such as \"replay\", found ";
  check(
      {after("1001 intervals"),
       after("2 interval"),
       after("3"),
       after("x intervals"),
       {"name = \"small\"", "name = \"small\"\n[on]\nmissing_after = \"1 interval\"", ""},
       {"name = \"small\"", "name = \"small\"\n[on]\nmissing_after = \"1 intervals\"", ""},
       {"latch = true", "site.kl = \"\"", site + "the string \"\""},
       {"latch = true", "site.kl = 3", site + "the integer 3"},
       {"latch = true", "site.kl = \"" + std::string(65, 'r') + "\"",
        site + "the string \"" + std::string(60, 'r') + "...\""},
       {"latch = true",
        "latch = true\nrequest = \"rollback\"\nrollback = { zz = 1, aa = 2, at_most = 1 }",
        "17:14: unknown key \"zz\" in rollback in [rule.defend]; expected one of: at_most, every, "
        "without_snapshot\n17:22: unknown key \"aa\" in rollback in [rule.defend]; expected one "
        "of: at_most, every, without_snapshot"},
       {"latch = true",
        "latch = true\nrequest = \"rollback\"\nrollback = { without_snapshot = \"stp\" }",
        "17:33: \"without_snapshot\" in rollback in [rule.defend]: expected one of "
        "\"reference\", \"pause\", \"stop\", \"nothing\", found \"stp\"; did you mean "
        "\"stop\"?"}});
}

TEST_CASE("edges: controllers", "[policy][hostile]") {
  const auto set = [](const std::string& keys, const std::string& says) {
    return Slip{"set.kl = 2.0", "set.kl = { controller = " + keys + " }", says};
  };
  const std::string x = ", signal = \"a/b\"";
  const std::string rungs =
      "\"rungs\" in set.kl: expected 1 to 64 pairs [above, value] with rising thresholds, such as "
      "[[0.3, 0.5], [0.6, 2.0]], found ";
  std::string many;
  for (int i = 0; i < 65; ++i) many += "[" + std::to_string(i) + ", 1.0], ";
  const std::string ladder = "\"ladder\"" + x + ", rungs = ";
  const std::string risk = "\"risk_linear\"" + x + ", ";
  const std::string range =
      "16:10: set.kl in [rule.defend]: expected a value from 0 to 4 (min and max of [knob.kl]), "
      "found ";
  check(
      {set(ladder + "3", "16:59: " + rungs + "the integer 3"),
       set(ladder + "[" + many + "]", "16:59: " + rungs + "65"),
       set(ladder + "[3]", "16:60: " + rungs + "the integer 3"),
       set(ladder + "[[0.5, 1.0], [0.6]]", "16:72: " + rungs + "an array"),
       set(ladder + "[[1, \"x\"]]", "16:60: " + rungs + "[the integer 1, the string \"x\"]"),
       set(ladder + "[[9007199254740993, 1.0]]",  // no double has that value
           "16:60: " + rungs + "[the integer 9007199254740993, the number 1.0]"),
       set(ladder + "[[0.5, 9.0]]", range + "ladder, which reaches from 0 to 9"),
       set(risk + "max = 1.0, smoothing = 1.5",
           "16:79: \"smoothing\" in set.kl: expected a number above 0 and up to 1 (1: none), found "
           "1.5"),
       set(risk + "max = 1.0, output = \"gamma\"",
           "16:76: \"output\" in set.kl: expected one of \"lambda\", \"beta\", found \"gamma\""),
       set(risk + "max = 1.0, output = 3",
           "16:76: \"output\" in set.kl: expected one of \"lambda\", \"beta\", found the integer "
           "3"),
       set(risk + "max = 1.0, output = \"lambda\"", ""),
       set(risk + "min = -0.5, max = 0.5, output = \"beta\"",
           "16:62: \"min\" in set.kl: expected a convex weight of 0 or above, found -0.5"),
       set("\"constant\", value = \"x\"",
           "16:45: \"value\" in set.kl: expected a number, or one in units of the declared lambda* "
           "such as \"0.6 lambda_star\", found \"x\""),
       set("\"constant\"", "16:10: set.kl has no \"value\"; add value = a number"),
       set("\"constant\", value = 1.0, to = 2.0",
           "16:50: unknown key \"to\" in set.kl; expected one of: controller, value"),
       set("\"ramp\", to = 1.0, steps = 2.0",
           "16:51: \"steps\" in set.kl: expected a whole number from 1 to 1000000000, found the "
           "number 2.0"),
       set("\"adaptive_kl\"" + x + ", target = 1, horizon = 9, floor = 0, ceiling = 1, init = 0.5",
           ""),
       {"set.kl = 2.0", "set.kl = \"2.0\"",
        "16:10: \"kl\" in [rule.defend]: expected a number, or one in units of the declared "
        "lambda* "
        "such as \"0.6 lambda_star\", found \"2.0\""}});
}

TEST_CASE("edges: empty tables and lists are no action, a rule over rules is one",
          "[policy][hostile]") {
  const std::string idle =
      "13:7: [rule.defend] has no action and no rule uses it: add set.KNOB, request or alert, or "
      "remove it";
  check({{"set.kl = 2.0", "set = {}", idle},
         {"set.kl = 2.0", "site = {}", idle},
         {"set.kl = 2.0", "request = []", idle},
         {"set.kl = 2.0", "site.kl = \"replay\"", ""},
         {"set.kl = 2.0", "request = \"stop\"", ""},
         {"set.kl = 2.0", "[rule.two]\nof = [\"rule.defend\"]\nalert = \"info\"", ""},
         // Nothing is said of what is not used beside an error, which is the likely reason.
         {"set.kl = 2.0", "sett.kl = 2.0",
          "16:1: unknown key \"sett\" in [rule.defend]; did you mean \"set\"?"}});
}

TEST_CASE("edges: a threshold beyond ln 2 is strange for a divergence alone", "[policy]") {
  const std::string bits =
      "11:9: a Jensen-Shannon divergence is at most ln 2 = 0.693 nats, so above = 0.7 never holds; "
      "is the threshold in bits?";
  check({{"above = 0.15", "above = 0.7", bits},
         {"type = \"level\"\nabove = 0.15", "type = \"ewma\"\nabove = 0.7\nhalflife = 2", bits},
         {"type = \"level\"\nabove = 0.15", "type = \"zscore\"\nabove = 0.7\nwindow = 2", ""},
         {"above = 0.15", "above = 0.7\nover = \"train/loss\"", ""},
         {"\"canary/js\"\ntype = \"level\"\nabove = 0.15", "\"a/b\"\ntype = \"level\"\nabove = 0.7",
          ""}});
}

}  // namespace
}  // namespace phaseguard::policy
