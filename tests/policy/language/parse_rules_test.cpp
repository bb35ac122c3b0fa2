// Errors and warnings of rules and controllers, with line and column.
#include "tests/policy/rules_support.h"
#include "tests/support/catch.h"
#include "tests/support/words.h"

namespace phaseguard::policy {
namespace {

// `keys` of [rule.r], whose table is on line 10 and whose first key is on line 11.
Parsed parsed(const std::string& keys) {
  return parse(head() + detector("d", "s/0") + "[rule.r]\n" + keys, "t.toml");
}

void expect(const std::string& keys, const std::string& message) {
  const Parsed result = parsed(keys);
  INFO(keys);
  REQUIRE(result.diagnostics.size() == 1);
  const std::string found = to_text(result.diagnostics[0], "");
  INFO(found);
  CHECK(found.find(message) != std::string::npos);
}

TEST_CASE("combinations that mean nothing are refused", "[policy][hostile]") {
  const std::string of = "of = [\"d\"]\nset.kl = 1.0\n";
  const std::string latch = of + "latch = true\n";
  expect(latch + "hold = \"3 steps\"\n",
         ":14:8: error: [rule.r]: impossible combination: latch = ");
  expect(latch + "release_points = 2\n", "so \"release_points\" means nothing");
  expect(latch + "cooldown = \"3 s\"\n", "so \"cooldown\" means nothing");
  const std::string always = "when = \"always\"\nset.kl = 1.0\n";
  expect(always + "of = [\"d\"]\n", "when = \"always\" looks at nothing");
  expect(always + "for = \"3 steps\"\n", "use from_step to begin later");
  expect(always + "for_points = 3\n", "use from_step");
  expect(always + "hold = \"3 steps\"\n", "use from_step");
  expect(of + "rollback = { at_most = 1 }\n", "options for a request that the rule does not make");
}

TEST_CASE("spans want their unit, counts their range", "[policy][hostile]") {
  const std::string of = "of = [\"d\"]\nset.kl = 1.0\n";
  expect(of + "for = 3\n", ":13:7: error: \"for\" in [rule.r]: expected an amount with its unit");
  expect(of + "for = \"3 points\"\n", "such as \"10 steps\", \"10 s\"");
  expect(of + "hold = \"0 steps\"\n", "a whole number above 0");
  expect(of + "cooldown = \"-1 s\"\n", "above 0");
  expect(of + "cooldown = \"nan s\"\n", "\"cooldown\"");
  expect(of + "for_points = 0\n", "from 1 to 10000");
  expect(of + "from_step = -1\n", "from 0");
  expect(of + "release_points = 0\n", "from 1");
  expect(of + "priority = 1.5\n", "a whole number");
}

TEST_CASE("rules that wait for one another in a circle: the path is printed", "[policy][hostile]") {
  expect("of = [\"rule.r\"]\nset.kl = 1.0\n",
         ":10:7: error: rules wait for one another in a circle: rule.r -> rule.r; break it");
  const Parsed result =
      parse(head() + detector("d", "s/0") +
                "[rule.x]\nof = [\"rule.b\"]\nalert = \"info\"\n"
                "[rule.b]\nwhen = \"any\"\nof = [\"d\", \"rule.c\"]\nalert = \"info\"\n"
                "[rule.c]\nwhen = \"not\"\nof = [\"rule.b\"]\nalert = \"info\"\n",
            "t.toml");
  REQUIRE(result.diagnostics.size() == 1);
  CHECK(to_text(result.diagnostics[0], "") ==
        ":13:7: error: rules wait for one another in a circle: rule.b -> rule.c -> rule.b; break "
        "it");
}

TEST_CASE("terms that are not there", "[policy][hostile]") {
  expect("of = [\"rule.q\"]\nset.kl = 1.0\n",
         "names the rule \"q\", which this file does not have");
  expect("of = [\"r\"]\nset.kl = 1.0\n", "which this file does not have; ");
  expect("when = \"any\"\nof = [\"d\", \"rule.d\"]\nset.kl = 1.0\n", "names the rule \"d\"");
}

TEST_CASE("duplicate names are said with their place", "[policy][hostile]") {
  const Parsed result = parse(
      head() + detector("d", "s/0") + detector("d", "s/1") + "[rule.r]\nof = [\"d\"]\n", "t.toml");
  REQUIRE(result.diagnostics.size() == 1);
  CHECK(result.diagnostics[0].line == 10);
  CHECK(result.diagnostics[0].message.find("twice") != std::string::npos);
}

TEST_CASE("controllers: what is wrong, and where", "[policy][hostile]") {
  const auto set = [](const std::string& keys) {
    return "of = [\"d\"]\nset.kl = { controller = " + keys + " }\n";
  };
  const std::string signal = ", signal = \"s/0\"";
  expect(set("\"rampe\""), "did you mean \"ramp\"?");
  expect(set("\"ramp\", to = 1.0"), "has no \"steps\"");
  expect(set("\"ramp\", to = 1.0, steps = 0"), "from 1 to");
  expect(set("\"ramp\", to = nan, steps = 3"), "finite number");
  expect(set("\"ramp\", to = 9.0, steps = 3"), "expected a value from 0 to 4");
  expect(set("\"ladder\"" + signal), "expected 1 to 64 pairs [above, value]");
  expect(set("\"ladder\"" + signal + ", rungs = []"), "found 0");
  expect(set("\"ladder\"" + signal + ", rungs = [[1.0]]"), "found an array");
  expect(set("\"ladder\"" + signal + ", rungs = [[0.5, 1.0], [0.5, 2.0]]"), "found 0.5 after 0.5");
  expect(set("\"ladder\"" + signal + ", rungs = [[0.5, nan]]"),
         "found [the number 0.5, the number NaN]");
  expect(set("\"ladder\"" + signal + ", rungs = [[0.5, 1.0]], hysteresis = -1"), "0 or above");
  expect(set("\"risk_linear\", max = 1.0"), "has no \"signal\"");
  expect(set("\"risk_linear\"" + signal), "has no \"max\"");
  expect(set("\"risk_linear\"" + signal + ", min = 2.0, max = 1.0"), "at or above min = 2");
  expect(set("\"risk_linear\"" + signal + ", max = 1.0, smoothing = 0.0"), "above 0 and up to 1");
  expect(set("\"risk_linear\"" + signal + ", max = 1.0, noise_floor = 0.34"), "to below 1/3");
  expect(set("\"risk_linear\"" + signal + ", max = 1.0, output = \"beta\""), "below 1");
  expect(set("\"risk_linear\"" + signal + ", max = 5.0"), "which reaches from 0 to 5");
  expect(set("\"risk_clamp\"" + signal), "\"scale\"");
  expect(set("\"per_sample\", signal = \"s/*\", combine = \"max\", max = 1.0"),
         "items of one signal");
  expect(set("\"per_sample\"" + signal + ", max = 0.0"), "above 0");
  expect(set("\"per_sample\"" + signal + ", max = 1.0, above = 0.5, noise_floor = 0.1"),
         "found both");
  const std::string adaptive = "\"adaptive_kl\"" + signal;
  expect(set(adaptive + ", target = 0, horizon = 9, floor = 0.1, ceiling = 1, init = 1"),
         "\"target\" in set.kl: expected a number above 0, found 0");
  expect(set(adaptive + ", target = 1, horizon = 0, floor = 0.1, ceiling = 1, init = 1"),
         "\"horizon\" in set.kl: expected a number above 0, found 0");
  expect(set(adaptive + ", target = inf, horizon = 9, floor = 0.1, ceiling = 1, init = 1"),
         "finite");
  expect(set(adaptive + ", target = 1, horizon = 9, floor = -0.1, ceiling = 1, init = 1"),
         "0 or above");
  expect(set(adaptive + ", target = 1, horizon = 9, floor = 2, ceiling = 1, init = 1"),
         "at or above floor = 2");
  expect(set(adaptive + ", target = 1, horizon = 9, floor = 0, ceiling = 1, init = 0"),
         ":12:10: warning: set.kl: floor = 0 and init = 0");
  expect("of = [\"d\"]\nsite.kl = 3\n",
         "expected a declared site such as \"replay\", found the integer 3");
  expect("of = [\"d\"]\nsite.lk = \"replay\"\n", "did you mean \"kl\"?");
  expect("of = [\"d\"]\nlatch = true\nrequest = \"rollback\"\nrollback = { at_most = 0 }\n",
         "from 1");
  expect("of = [\"d\"]\nlatch = true\nrequest = \"rollback\"\nrollback = { every = 5 }\n",
         "its unit");
}

wire::Hello plain_hello() {
  wire::Hello hello = usual_hello();
  hello.signals.push_back(signal_decl("s/0"));
  return hello;
}

TEST_CASE("what the trainer did not declare", "[policy][hostile]") {
  const auto misfit = [](const std::string& keys, const std::string& message) {
    const Document document = must_parse(one_rule(keys));
    std::string all;
    for (const Diagnostic& d : check_fit(document, plain_hello())) all += d.message + "\n";
    INFO(all);
    CHECK(all.find(message) != std::string::npos);
  };
  misfit("site.kl = \"replay\"\n", "moves kl to the site \"replay\", which the trainer did not");
  misfit("set.kl = { controller = \"risk_linear\", signal = \"s/7\", max = 1.0 }\n",
         "risk_linear of s/7: the policy uses the signal \"s/7\", which the trainer did not");
  misfit("set.kl = { controller = \"per_sample\", signal = \"s/0\", max = 1.0 }\n",
         "needs a signal declared with items = \"sample\"");
  misfit("set.kl = { controller = \"per_sample\", signal = \"s/0\", max = 1.0 }\n",
         "declares kl without per_sample");
}

}  // namespace
}  // namespace phaseguard::policy
