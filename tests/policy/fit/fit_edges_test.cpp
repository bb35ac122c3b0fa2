// A policy against a declaration that it nearly fits: the whole of each message and its place. And
// what the record says of a policy.
#include <limits>
#include <string>
#include <vector>

#include "tests/policy/rules_support.h"
#include "tests/support/catch.h"
#include "tests/support/words.h"

namespace phaseguard::policy {
namespace {

std::string misfits(const std::string& toml, const wire::Hello& hello) {
  std::string all;
  for (const Diagnostic& d : check_fit(must_parse(toml), hello)) {
    all += (all.empty() ? "" : "\n") + to_text(d, "t");
  }
  return all;
}

// Signals s/0, s/1, s/risk (0..1), s/items (samples), s/rows (distributions); knob kl 0..2.
wire::Hello narrow_hello() {
  wire::Hello hello = rules_hello();
  hello.knobs[0].max = 2.0;
  for (wire::SignalDecl& signal : hello.signals) {
    if (signal.name != "s/risk" && signal.name != "s/items") continue;
    signal.min = 0.0;
    signal.max = 1.0;
  }
  wire::SignalDecl rows = signal_decl("s/rows");
  rows.items = wire::Items::kDistribution;
  rows.columns = 8;
  hello.signals.push_back(rows);
  return hello;
}

TEST_CASE("fit: values beyond the trainer's range, above it and below", "[policy][hostile]") {
  wire::Hello hello = narrow_hello();
  CHECK(misfits(head("substitute = 3.0\n"), hello) ==
        "t:3:7: error: [knob.kl] substitute = 3 is outside the trainer's range of kl, 0 to 2");
  CHECK(misfits(one_rule("set.kl = 3.0\n"), hello) ==
        "t:12:10: error: [rule.r] set.kl = 3 is outside the trainer's range of kl, 0 to 2");
  CHECK(misfits(one_rule("set.kl = { controller = \"ladder\", signal = \"s/0\", rungs = [[0.1, "
                         "1.0], [0.2, 3.0]] }\n"),
                hello) ==
        "t:12:10: error: [rule.r] set.kl reaching 3 is outside the trainer's range of kl, 0 to 2");
  hello.knobs[0].min = 0.5;
  CHECK(misfits(one_rule("set.kl = 1.0\n"), hello) ==
        "t:3:7: error: [knob.kl] base = 0 is outside the trainer's range of kl, 0.5 to 2");
  std::string low = one_rule("set.kl = 0.25\n");
  low.replace(low.find("base = 0.0"), 10, "base = 1.0");
  CHECK(misfits(low, hello) ==
        "t:12:10: error: [rule.r] set.kl = 0.25 is outside the trainer's range of kl, 0.5 to 2");
}

TEST_CASE("fit: a policy of several faults has each, in the order of the file",
          "[policy][hostile]") {
  wire::Hello hello = narrow_hello();
  hello.knobs[0].name = "kll";
  hello.requests = {wire::RequestType::kCheckpoint, wire::RequestType::kPause};
  // What is set on a knob that is not declared is not reported again.
  const std::string all = misfits(one_rule("set.kl = 3.0\nsite.kl = \"replay\"\nlatch = true\n"
                                           "request = [\"rollback\", \"pause\"]\n"
                                           "rollback = { without_snapshot = \"stop\" }\n"),
                                  hello);
  CHECK(all ==
        "t:3:7: error: the policy uses the knob \"kl\", which the trainer did not declare "
        "(declared: kll); did you mean \"kll\"?\n"
        "t:10:7: error: [rule.r] requests \"rollback\", which the trainer cannot do (it can: "
        "checkpoint, pause)\n"
        "t:10:7: error: [rule.r] falls back to \"stop\", which the trainer cannot do (it can: "
        "checkpoint, pause)");
}

TEST_CASE("fit: what is asked for when there is no snapshot must be possible", "[policy]") {
  const std::string rollback = "latch = true\nrequest = \"rollback\"\nrollback = ";
  wire::Hello hello = narrow_hello();
  hello.requests = {wire::RequestType::kRollback, wire::RequestType::kPause};
  const auto says = [&](const std::string& instead) {
    return misfits(one_rule(rollback + "{ without_snapshot = \"" + instead + "\" }\n"), hello);
  };
  CHECK(says("pause").empty());
  CHECK(says("reference").empty());
  CHECK(says("nothing").empty());
  CHECK(says("stop") ==
        "t:10:7: error: [rule.r] falls back to \"stop\", which the trainer cannot do (it can: "
        "rollback, pause)");
  hello.requests = {};
  CHECK(misfits(one_rule("request = \"pause\"\n"), hello) ==
        "t:10:7: error: [rule.r] requests \"pause\", which the trainer cannot do (it can: none)");
}

TEST_CASE("fit: sites", "[policy][hostile]") {
  wire::Hello hello = narrow_hello();
  CHECK(misfits(one_rule("site.kl = \"replay\"\n"), hello).empty());
  CHECK(
      misfits(one_rule("site.kl = \"reply\"\n"), hello) ==
      "t:12:11: error: [rule.r] moves kl to the site \"reply\", which the trainer did not declare "
      "(declared: batch, replay); did you mean \"replay\"?");
  CHECK(misfits(one_rule("site.kl = \"elsewhere\"\n"), hello) ==
        "t:12:11: error: [rule.r] moves kl to the site \"elsewhere\", which the trainer did not "
        "declare (declared: batch, replay)");
}

TEST_CASE("fit: what a controller reads", "[policy][hostile]") {
  const wire::Hello hello = narrow_hello();
  const auto says = [&](const std::string& keys) {
    return misfits(one_rule("set.kl = { controller = " + keys + " }\n", ""), hello);
  };
  CHECK(says("\"risk_linear\", signal = \"s/risk\", max = 1.0").empty());
  CHECK(says("\"risk_linear\", signal = \"s/rows\", max = 1.0") ==
        "t:12:10: error: [rule.r] set.kl: risk_linear of s/rows carries distributions, not a "
        "number");
  CHECK(says("\"per_sample\", signal = \"s/items\", max = 1.0").empty());
  CHECK(says("\"adaptive_kl\", signal = \"train/loss\", target = 1.0, horizon = 9, floor = 0.1, "
             "ceiling = 1.0, init = 0.1")
            .empty());
  CHECK(says("\"ladder\", signal = \"train/loss\", rungs = [[5.0, 1.0]]").empty());
}

TEST_CASE("fit: a law of a risk and a signal of another scale", "[policy]") {
  wire::Hello hello = narrow_hello();
  hello.knobs[0].max = 10.0;
  const auto says = [&](double min, double max, const std::string& keys) {
    for (wire::SignalDecl& signal : hello.signals) {
      if (signal.name != "s/risk" && signal.name != "s/items") continue;
      signal.min = min;
      signal.max = max;
    }
    std::string toml = one_rule("set.kl = { controller = " + keys + " }\n");
    return misfits(toml.replace(toml.find("max = 4.0"), 9, "max = 10.0"), hello);
  };
  constexpr double kInf = std::numeric_limits<double>::infinity();
  const std::string linear = "\"risk_linear\", signal = \"s/risk\", max = 1.0";
  const std::string scale =
      "t:12:10: warning: [rule.r] set.kl: risk_linear of s/risk reads values from 0 to 1, and the "
      "trainer declares ";
  const std::string held = ": what is outside counts as bad, and the knob is held";
  CHECK(says(0.0, 1.0, linear).empty());
  CHECK(says(-kInf, kInf, linear).empty());  // nothing is known
  CHECK(says(0.0, 5.0, linear) == scale + "0 to 5" + held);
  CHECK(says(-1.0, 1.0, linear) == scale + "-1 to 1" + held);
  CHECK(says(-1.0, kInf, linear) == scale + "-1 to Infinity" + held);
  const std::string clamp = "\"risk_clamp\", signal = \"s/risk\", scale = ";
  CHECK(says(1.0, 5.0, clamp + "\"score\"").empty());
  CHECK(says(0.0, 1.0, clamp + "\"score\"") ==
        "t:12:10: warning: [rule.r] set.kl: risk_clamp of s/risk reads values from 1 to 5, and the "
        "trainer declares 0 to 1" +
            held);
  CHECK(says(0.0, 1.0, clamp + "\"risk\"").empty());
  const std::string items = "\"per_sample\", signal = \"s/items\", max = 1.0";
  CHECK(says(0.0, 3.0, items).find("reads values from 0 to 1") != std::string::npos);
  CHECK(says(0.0, 3.0, items + ", above = 2.0").empty());  // a flag reads any scale
}

// ---- how soon a detector can vote at all

std::string watch(const std::string& keys) {
  return "version = 1\nname = \"t\"\n[detector.d]\nsignal = \"s/risk\"\n" + keys +
         "\n[rule.r]\nof = [\"d\"]\nalert = \"info\"\n";
}

TEST_CASE("fit: evidence that grows too slowly is followed for 4096 measurements", "[policy]") {
  const auto earliest = [](const std::string& keys) {
    wire::Hello hello = narrow_hello();
    for (wire::SignalDecl& signal : hello.signals) signal.every_steps = 1;
    Run run(watch(keys), hello);
    return run.machine.rule_evidence().at(0).earliest_step.value;
  };
  const std::string bets = "type = \"eprocess\"\nnull_mean = 0.5\nalpha = 0.05\nbet = ";
  CHECK(earliest(bets + "1.0") == 8);        // 1.5^8 > 20
  CHECK(earliest(bets + "0.0001") == 4096);  // a lower bound
  const std::string sums = "type = \"cusum\"\nmean = 0\nslack = 0\nlimit = ";
  CHECK(earliest(sums + "9.5") == 10);
  CHECK(earliest(sums + "1e6") == 4096);
  // Never by its values; three lost in a row vote all the same.
  CHECK(earliest("type = \"cusum\"\nmean = 1\nslack = 0\nlimit = 1\nbad = \"vote\"") == 3);
  CHECK(earliest(sums + "9.5\nbad = \"vote\"") == 3);
  CHECK(earliest(sums + "1.5\nbad = \"vote\"") == 2);
}

// ---- what the record says of a policy

TEST_CASE("describe: the unit of each kind of statistic", "[policy]") {
  wire::Hello hello = narrow_hello();
  for (wire::SignalDecl& signal : hello.signals) {
    if (signal.name == "s/0") signal.unit = "";
    if (signal.name == "s/1") signal.unit = "nats";
  }
  const auto unit = [&](const std::string& keys, const std::string& signal = "s/risk") {
    std::string toml = watch(keys);
    toml.replace(toml.find("s/risk"), 6, signal);
    return describe(must_parse(toml), hello).detectors.at(0).unit;
  };
  const std::string rate = "type = \"rate\"\nwindow = 2\nabove = 0.1";
  CHECK(unit(rate) == "1/step");
  CHECK(unit(rate, "s/1") == "nats/step");
  CHECK(unit(rate, "s/0").empty());
  CHECK(unit(rate, "s/nowhere").empty());
  CHECK(unit("type = \"window_js\"\nwindow = 2\nabove = 0.1", "s/rows") == "nats");
  CHECK(unit("type = \"stale\"\nafter = \"2 s\"") == "s");
  CHECK(unit("type = \"stale\"\nafter = \"2 steps\"") == "steps");
  CHECK(unit("type = \"stale\"\nafter = \"2 intervals\"") == "intervals");
}

TEST_CASE("describe: each gate by its word, rules over rules by their names", "[policy]") {
  std::string toml = head() + detector("a", "s/0") + detector("b", "s/1");
  const std::vector<std::string> gates = {"all", "any", "not", "2_of_n", "1_of_n"};
  for (std::size_t i = 0; i < gates.size(); ++i) {
    toml += "[rule.r" + std::to_string(i) + "]\nwhen = \"" + gates[i] +
            "\"\nof = [\"a\", \"b\"]\nalert = \"info\"\n";
  }
  toml += "[rule.on]\nwhen = \"always\"\nset.kl = 1.0\n";
  toml += "[rule.over]\nwhen = \"any\"\nof = [\"a\", \"rule.on\"]\nalert = \"info\"\n";
  const wire::PolicyLoaded loaded = describe(must_parse(toml));
  REQUIRE(loaded.rules.size() == 7);
  for (std::size_t i = 0; i < gates.size(); ++i) CHECK(loaded.rules[i].when == gates[i]);
  CHECK(loaded.rules[5].when == "always");
  CHECK(loaded.rules[6].of == std::vector<std::string>{"a", "rule.on"});
}

TEST_CASE("recorded constants of another policy are refused by name", "[policy][hostile]") {
  Document document = must_parse(asset("hybrid"));
  const wire::PolicyLoaded good = describe(document);
  const auto refused = [&](const wire::PolicyLoaded& recorded) {
    const Result<void> status = adopt_constants(document, recorded);
    REQUIRE_FALSE(status);
    CHECK(status.error().code == Errc::kConflict);
    return status.error().message;
  };
  const std::string other = "the recorded policy is not this one: ";
  wire::PolicyLoaded recorded = good;
  recorded.detectors.pop_back();
  CHECK(refused(recorded) == other + "expected 4 detectors, found 3");
  recorded = good;
  recorded.detectors[0].name = "llrs";
  CHECK(refused(recorded) == other + "the constants of detector \"llr\" do not belong to it");
  recorded = good;
  recorded.detectors[0].constants.push_back(0.1);
  CHECK(refused(recorded) == other + "the constants of detector \"llr\" do not belong to it");
  recorded = good;
  recorded.digest = std::string(64, '0');
  CHECK(refused(recorded) ==
        other + "expected digest " + document.digest + ", found " + recorded.digest);
  CHECK(adopt_constants(document, good));
}

}  // namespace
}  // namespace phaseguard::policy
