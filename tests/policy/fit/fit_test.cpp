#include <cmath>
#include <string>

#include "tests/policy/support.h"
#include "tests/support/catch.h"
#include "tests/support/words.h"

namespace phaseguard::policy {
namespace {

// The one error that create() gives for hybrid and this declaration.
std::string refusal(const wire::Hello& hello, const std::string& toml = asset("hybrid")) {
  const Result<Machine> machine = Machine::create(must_parse(toml), hello);
  REQUIRE_FALSE(machine);
  CHECK(machine.error().code == Errc::kRefused);
  return machine.error().message;
}

bool says(const std::string& message, const std::string& piece) {
  INFO(message);
  return message.find(piece) != std::string::npos;
}

TEST_CASE("the shipped policies fit the usual trainer", "[policy]") {
  for (const char* name : {"hybrid", "hybrid-provider", "observe-only", "phaseguard-kl"}) {
    const Document document = must_parse(asset(name));
    CHECK(check_fit(document, usual_hello()).empty());
    CHECK(Machine::create(document, usual_hello()));
  }
}

TEST_CASE("a signal or knob that the trainer did not declare", "[policy][hostile]") {
  wire::Hello hello = usual_hello();
  hello.signals[3].name = "judge/scores";
  const std::string message = refusal(hello);
  CHECK(says(message, "the signal \"judge/score\", which the trainer did not declare"));
  CHECK(says(message, "did you mean \"judge/scores\"?"));
  hello = usual_hello();
  hello.knobs.clear();
  CHECK(
      says(refusal(hello), "the knob \"kl\", which the trainer did not declare (declared: none)"));
}

TEST_CASE("values outside the declared range, a request the trainer cannot do",
          "[policy][hostile]") {
  wire::Hello hello = usual_hello();
  hello.knobs[0].max = 1.0;
  CHECK(says(refusal(hello), "[rule.defend] set.kl = 2 is outside the trainer's range of kl"));
  hello = usual_hello();
  hello.knobs[0].min = 0.5;
  CHECK(says(refusal(hello), "[knob.kl] base = 0 is outside"));
  hello = usual_hello();
  hello.requests = {wire::RequestType::kCheckpoint};
  CHECK(says(refusal(hello),
             "requests \"rollback\", which the trainer cannot do (it can: checkpoint)"));
}

TEST_CASE("a divergence of another variant is refused", "[policy][hostile]") {
  std::string toml = asset("phaseguard-kl");
  toml.replace(toml.find("type = \"level\""), 14, "type = \"level\"\nvariant = \"ref_topk_tail\"");
  CHECK(says(refusal(usual_hello(), toml), "the trainer measures \"full\""));
}

TEST_CASE("warnings: no cadence, a line that cannot be crossed", "[policy]") {
  wire::Hello hello = usual_hello();
  hello.signals[3].every_steps = 0;
  hello.signals[2].max = 0.2;
  const auto found = check_fit(must_parse(asset("hybrid")), hello);
  REQUIRE(found.size() == 2);
  CHECK(found[0].severity == Severity::kWarning);
  CHECK(says(found[0].message, "[detector.llr] never holds"));
  CHECK(found[0].line > 1);
  CHECK(says(found[1].message, "the earliest firing step is not known"));
}

TEST_CASE("one canary can be watched by its id", "[policy]") {
  std::string toml = asset("phaseguard-kl");
  toml.replace(toml.find("= \"canary/js\""), 13, "= \"canary/js/b\"");
  Run run(toml);
  wire::Report report;
  wire::Sample sample;
  sample.signal = "canary/js";
  sample.value = 0.2;
  sample.items = {0.05, 0.35};
  report.samples = {sample};
  run.say(report, 5);
  CHECK(run.machine.detector_evidence()[0].value == 0.35);
  CHECK(run.machine.detector_evidence()[0].streak == 1);
  report.samples[0].items = {0.05};  // wrong shape
  run.say(report, 10);
  CHECK(run.machine.detector_evidence()[0].quality == Quality::kBad);
  toml.replace(toml.find("canary/js/b"), 11, "canary/js/c");
  CHECK_FALSE(Machine::create(must_parse(toml), usual_hello()));
}

TEST_CASE("describe: what a viewer needs, with units and constants", "[policy]") {
  const Document document = must_parse(asset("hybrid"));
  const wire::PolicyLoaded loaded = describe(document, usual_hello());
  CHECK(loaded.mode == wire::Mode::kEnforce);
  CHECK(loaded.text == asset("hybrid"));
  REQUIRE(loaded.detectors.size() == 4);
  CHECK(loaded.detectors[0].type == "ewma");
  REQUIRE(loaded.detectors[0].constants.size() == 1);
  CHECK(loaded.detectors[3].unit == "nats");
  REQUIRE(loaded.rules.size() == 2);
  CHECK(loaded.rules[0].when == "2_of_n");
  CHECK(loaded.rules[0].sets.at(0).value == 2.0);
  CHECK(loaded.rules[0].requests ==
        std::vector<wire::Word<wire::RequestType>>{wire::RequestType::kRollback});
}

TEST_CASE("recorded constants replace this machine's, within rounding", "[policy]") {
  Document document = must_parse(asset("hybrid"));
  wire::PolicyLoaded recorded = describe(document);
  recorded.detectors[0].constants[0] = std::nextafter(recorded.detectors[0].constants[0], 1.0);
  REQUIRE(adopt_constants(document, recorded));
  CHECK(std::get<EwmaLaw>(document.detectors[0].law).alpha == recorded.detectors[0].constants[0]);
  recorded.detectors[0].constants[0] = 0.5;
  CHECK_FALSE(adopt_constants(document, recorded));
  recorded.digest[0] = recorded.digest[0] == 'a' ? 'b' : 'a';
  CHECK_FALSE(adopt_constants(document, recorded));
}

}  // namespace
}  // namespace phaseguard::policy
