// [knob.NAME] direction, mask, ... and [signal."NAME"]: what the language takes, and what it says
// of the rest.
#include <string>
#include <vector>

#include "tests/policy/support.h"
#include "tests/support/catch.h"

namespace phaseguard::policy {
namespace {

// Line 6 is the first of `knob`; the [signal] tables begin at the line after those.
std::string policy(const std::string& knob, const std::string& signals = "") {
  return "version = 1\nname = \"t\"\n[knob.kl]\nbase = 0.0\nmax = 4.0\n" + knob + signals +
         "[detector.js]\nsignal = \"canary/js\"\ntype = \"level\"\nabove = 0.15\n"
         "[rule.r]\nof = [\"js\"]\nset.kl = { controller = \"risk_linear\", signal = \"m/*\", "
         "combine = \"max\", max = 1.0 }\n";
}

struct Case {
  std::string knob;
  std::string signals;
  std::uint32_t line;
  std::uint32_t column;
  std::string says;
};

void check(const std::vector<Case>& cases) {
  for (const Case& c : cases) {
    INFO(c.knob << c.signals);
    const Parsed parsed = parse(policy(c.knob, c.signals), "t.toml");
    CHECK_FALSE(parsed.document);
    REQUIRE(parsed.diagnostics.size() == 1);
    INFO(parsed.diagnostics[0].message);
    CHECK(parsed.diagnostics[0].line == c.line);
    CHECK(parsed.diagnostics[0].column == c.column);
    CHECK(parsed.diagnostics[0].message.find(c.says) != std::string::npos);
  }
}

std::string text(const std::vector<Ask>& asks) {
  std::string out;
  for (const Ask& ask : asks) out += ask.key + "=" + ask.word + " ";
  return out;
}

TEST_CASE("asks: every key of a knob, in any order", "[policy]") {
  const Document document = must_parse(
      policy("form = \"convex\"\nper_sample = false\nmask = \"canary\"\nunit = \"1\"\n"
             "normaliser = \"token_mean_step\"\nsite = \"replay\"\ndirection = \"ref_model\"\n"));
  CHECK(text(document.knobs[0].asks) ==
        "unit=1 site=replay direction=ref_model mask=canary normaliser=token_mean_step "
        "form=convex per_sample=false ");
  CHECK(document.knobs[0].asks[0].place.line == 9);
  CHECK(must_parse(policy("")).knobs[0].asks.empty());
  CHECK(must_parse(policy("")).signals.empty());
}

TEST_CASE("asks: every legal word", "[policy]") {
  for (const char* line :
       {"direction = \"model_ref\"", "direction = \"ref_model\"", "mask = \"answer\"",
        "mask = \"attention\"", "mask = \"canary\"", "mask = \"replay\"", "form = \"additive\"",
        "form = \"convex\"", "site = \"batch\"", "site = \"replay\"", "per_sample = true",
        "normaliser = \"token_mean_step\"", "unit = \"nats per token\""}) {
    INFO(line);
    CHECK(must_parse(policy(line + std::string("\n"))).knobs[0].asks.size() == 1);
  }
}

TEST_CASE("asks: a signal, an item's signal and a member of a group", "[policy]") {
  const Document document =
      must_parse(policy("",
                        "[signal.\"canary/js\"]\nvariant = \"full\"\nunit = \"nats\"\n"
                        "[signal.\"m/a\"]\nunit = \"1\"\n"));
  REQUIRE(document.signals.size() == 2);
  CHECK(document.signals[0].name == "canary/js");
  CHECK(text(document.signals[0].asks) == "unit=nats variant=full ");
  CHECK(document.signals[1].name == "m/a");
}

TEST_CASE("asks: a wrong word lists the legal ones", "[policy][hostile]") {
  check({{"direction = \"model-ref\"\n", "", 6, 13,
          "expected one of \"model_ref\", \"ref_model\", found \"model-ref\"; did you mean "
          "\"model_ref\"?"},
         {"mask = \"answers\"\n", "", 6, 8,
          "expected one of \"answer\", \"attention\", \"canary\", \"replay\", found"},
         {"normaliser = \"mean\"\n", "", 6, 14, "expected one of \"token_mean_step\", found"},
         {"form = \"sum\"\n", "", 6, 8, "expected one of \"additive\", \"convex\", found"},
         {"site = \"bach\"\n", "", 6, 8, "did you mean \"batch\"?"},
         {"unit = \"\"\n", "", 6, 8, "leave the key out where any fits"},
         {"", "[signal.\"canary/js\"]\nvariant = \"\"\n", 7, 11, "leave the key out"}});
}

TEST_CASE("asks: a wrong type", "[policy][hostile]") {
  check({{"direction = 1\n", "", 6, 13, "found the integer 1"},
         {"mask = true\n", "", 6, 8, "found true"},
         {"normaliser = 1\n", "", 6, 14, "found the integer 1"},
         {"form = 1\n", "", 6, 8, "found the integer 1"},
         {"site = [\"batch\"]\n", "", 6, 8, "expected one of"},
         {"unit = 1\n", "", 6, 8, "expected a string in quotes, found the integer 1"},
         {"per_sample = \"true\"\n", "", 6, 14, "expected true or false"},
         {"", "[signal.\"canary/js\"]\nunit = 1\n", 7, 8, "expected a string in quotes"},
         {"", "[signal.\"canary/js\"]\nvariant = 1\n", 7, 11, "expected a string in quotes"}});
}

TEST_CASE("asks: keys and tables that are not of the language", "[policy][hostile]") {
  check({{"directon = \"model_ref\"\n", "", 6, 1, "did you mean \"direction\"?"},
         {"", "[signal.\"canary/js\"]\nunits = \"nats\"\n", 7, 1, "did you mean \"unit\"?"},
         {"", "[signal.\"canary/js\"]\n", 6, 9, "asks for nothing; add unit ="},
         {"", "[signal.js]\nunit = \"nats\"\n", 6, 9, "the name of a signal, group/name"},
         {"", "[signal.\"canary/*\"]\nunit = \"nats\"\n", 6, 9, "the name of a signal"}});
}

TEST_CASE("asks: a signal that nothing reads", "[policy][hostile]") {
  check({{"", "[signal.\"canary/sj\"]\nunit = \"nats\"\n", 6, 9,
          "no detector and no controller of this policy reads \"canary/sj\"; did you mean "
          "\"canary/js\"?"},
         {"", "[signal.\"data/llr_share\"]\nunit = \"1\"\n", 6, 9, "they read: canary/js, m/*"}});
}

}  // namespace
}  // namespace phaseguard::policy
