#include "monitor/policy/engine/rule.h"

#include "tests/policy/support.h"
#include "tests/support/catch.h"
#include "tests/support/words.h"

namespace phaseguard::policy {
namespace {

// n level detectors on signals s/0, s/1, ..., one rule.
std::string policy_of(std::size_t n, const std::string& when, bool latch) {
  std::string toml = "version = 1\nname = \"votes\"\n[knob.kl]\nbase = 0.0\nmax = 4.0\n";
  std::string of;
  for (std::size_t i = 0; i < n; ++i) {
    const std::string d = "d" + std::to_string(i);
    toml += "[detector." + d + "]\nsignal = \"s/" + std::to_string(i) +
            "\"\ntype = \"level\"\nabove = 0.5\n";
    of += (i == 0 ? "\"" : ", \"") + d + "\"";
  }
  return toml + "[rule.r]\nwhen = \"" + when + "\"\nof = [" + of +
         "]\nlatch = " + (latch ? "true" : "false") + "\nset.kl = 1.0\n";
}

wire::Hello hello_of(std::size_t n) {
  wire::Hello hello = usual_hello();
  for (std::size_t i = 0; i < n; ++i) {
    hello.signals.push_back(signal_decl("s/" + std::to_string(i)));
  }
  return hello;
}

Values pattern_values(std::size_t n, unsigned pattern) {
  Values values;
  for (std::size_t i = 0; i < n; ++i) {
    values.emplace_back("s/" + std::to_string(i), (pattern >> i & 1U) != 0 ? 0.9 : 0.1);
  }
  return values;
}

int bits(unsigned pattern) {
  int count = 0;
  for (; pattern != 0; pattern >>= 1) count += static_cast<int>(pattern & 1U);
  return count;
}

TEST_CASE("a rule counts votes: every pattern of up to 5 detectors", "[policy]") {
  for (std::size_t n = 1; n <= 5; ++n) {
    for (std::size_t k = 1; k <= n; ++k) {
      Run quiet(policy_of(n, std::to_string(k) + "_of_n", true), hello_of(n));
      for (unsigned pattern = 0; pattern < (1U << n); ++pattern) {
        Run run = quiet;
        const auto decision = run.at(5, pattern_values(n, pattern));
        INFO(k << " of " << n << ", pattern " << pattern);
        REQUIRE(run.machine.rule_evidence()[0].votes == bits(pattern));
        REQUIRE(decision.has_value() == (bits(pattern) >= static_cast<int>(k)));
        REQUIRE(run.value() == (bits(pattern) >= static_cast<int>(k) ? 1.0 : 0.0));
      }
    }
    for (unsigned pattern = 0; pattern < (1U << n); ++pattern) {
      Run all(policy_of(n, "all", true), hello_of(n));
      all.at(5, pattern_values(n, pattern));
      REQUIRE((all.value() == 1.0) == (bits(pattern) == static_cast<int>(n)));
      Run any(policy_of(n, "any", true), hello_of(n));
      any.at(5, pattern_values(n, pattern));
      REQUIRE((any.value() == 1.0) == (pattern != 0));
    }
  }
}

TEST_CASE("a latch stays, a rule without one goes quiet", "[policy]") {
  Run latched(policy_of(1, "all", true), hello_of(1));
  latched.at(5, {{"s/0", 0.9}});
  CHECK_FALSE(latched.at(10, {{"s/0", 0.1}}));
  CHECK(latched.rule_state() == "latched");
  CHECK(latched.value() == 1.0);
  Run plain(policy_of(1, "all", false), hello_of(1));
  plain.at(5, {{"s/0", 0.9}});
  CHECK(plain.rule_state() == "active");
  const auto decision = plain.at(10, {{"s/0", 0.1}});
  REQUIRE(decision);
  CHECK(plain.rule_state() == "quiet");
  CHECK(plain.value() == 0.0);
}

TEST_CASE("lost data never turn an active rule off", "[policy]") {
  Run run(policy_of(1, "all", false), hello_of(1));
  run.at(5, {{"s/0", 0.9}});
  run.at(10, {{"s/0", wire::kNaN}});
  CHECK(run.value() == 1.0);
  run.at(15, {{"s/0", 0.5}});  // evidence: not above
  CHECK(run.value() == 0.0);
}

TEST_CASE("a new attempt or segment leaves an active rule on until there is evidence", "[policy]") {
  Run run(policy_of(1, "all", false), hello_of(1));
  run.at(5, {{"s/0", 0.9}});
  run.rolled_back_to(0);
  CHECK(run.value() == 1.0);
  CHECK(run.machine.detector_evidence()[0].n == 0);
  run.at(0, {{"s/0", 0.1}});  // the baseline is no evidence
  CHECK(run.value() == 1.0);
  run.at(5, {{"s/0", 0.1}});
  CHECK(run.value() == 0.0);
}

TEST_CASE("earliest step of a rule: the needed-th smallest of its detectors", "[policy]") {
  std::string toml = policy_of(3, "2_of_n", true);
  const auto with = [&](const std::string& detector, const std::string& line) {
    const std::string head = "[detector." + detector + "]\n";
    toml.insert(toml.find(head) + head.size(), line + "\n");
  };
  with("d0", "warmup = 3");       // 20
  with("d1", "consecutive = 3");  // 15
  Run run(toml, hello_of(3));     // d2: 5
  CHECK(run.machine.rule_evidence()[0].earliest_step == Step{15});
  wire::Hello hello = hello_of(3);
  hello.signals.back().every_steps = 0;
  CHECK(Run(toml, hello).machine.rule_evidence()[0].earliest_step == Step{-1});
}

TEST_CASE("the rule that tripped first is told from its followers", "[policy]") {
  std::string toml = policy_of(2, "any", true);
  toml = toml.substr(0, toml.find("[rule.r]"));
  toml +=
      "[rule.zebra]\nof = [\"d0\"]\nlatch = true\nset.kl = 1.0\nalert = \"high\"\n"
      "[rule.ant]\nof = [\"d1\"]\nlatch = true\nset.kl = 2.0\nalert = \"high\"\n";
  Run run(toml, hello_of(2));
  const auto decision = run.at(5, {{"s/0", 0.9}, {"s/1", 0.9}});
  REQUIRE(decision);
  CHECK(run.machine.first_out() == "zebra");  // order of the file, not of the alphabet
  REQUIRE(decision->alerts.size() == 2);
  CHECK(decision->alerts[0].severity == wire::Severity::kHigh);
  CHECK(decision->alerts[1].severity == wire::Severity::kInfo);
  CHECK(decision->alerts[1].text.find("after zebra") != std::string::npos);
  CHECK(run.value() == 2.0);  // the larger of the two
}

}  // namespace
}  // namespace phaseguard::policy
