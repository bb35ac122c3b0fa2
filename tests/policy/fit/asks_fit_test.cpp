// A trainer that does not declare what the policy asks for is refused, and both sides are named.
#include <filesystem>
#include <string>
#include <vector>

#include "monitor/policy/asks.h"
#include "tests/policy/support.h"
#include "tests/support/catch.h"

namespace phaseguard::policy {
namespace {

std::string policy(const std::string& knob, const std::string& signal = "") {
  return "version = 1\nname = \"t\"\n[knob.kl]\nbase = 0.0\nmax = 4.0\n" + knob + "\n" + signal +
         "\n[detector.js]\nsignal = \"canary/js\"\ntype = \"level\"\nabove = 0.15\n"
         "[rule.r]\nof = [\"js\"]\nset.kl = 2.0\n";
}

// Of errors alone.
std::string misfits(const std::string& toml, const wire::Hello& hello) {
  std::string out;
  for (const Diagnostic& found : check_fit(must_parse(toml), hello)) {
    if (found.severity == Severity::kError) out += found.message + "\n";
  }
  return out;
}

bool says(const std::string& message, const std::string& piece) {
  INFO(message);
  return message.find(piece) != std::string::npos;
}

struct Asked {
  const char* key;
  const char* word;   // asked for
  const char* other;  // declared instead
};

TEST_CASE("asks of a knob: the very word fits, another and none do not", "[policy][hostile]") {
  for (const Asked& one : std::vector<Asked>{{"unit", "1", "nats"},
                                             {"site", "batch", "replay"},
                                             {"direction", "model_ref", "ref_model"},
                                             {"mask", "answer", "attention"},
                                             {"normaliser", "token_mean_step", "sequence_sum"},
                                             {"form", "additive", "convex"}}) {
    const std::string toml = policy(one.key + std::string(" = \"") + one.word + "\"");
    const auto* row = find_ask(knob_asks(), one.key);
    REQUIRE(row != nullptr);
    wire::Hello hello = usual_hello();
    row->say(hello.knobs[0], one.word);
    CHECK(misfits(toml, hello).empty());
    CHECK(misfits(policy(""), hello).empty());
    row->say(hello.knobs[0], one.other);
    CHECK(says(misfits(toml, hello), "[knob.kl]: the policy asks for " + std::string(one.key) +
                                         " \"" + one.word + "\", the trainer declares \"" +
                                         one.other + "\""));
    CHECK_FALSE(Machine::create(must_parse(toml), hello));
    CHECK(misfits(policy(""), hello).empty());
    row->say(hello.knobs[0], "");
    CHECK(says(misfits(toml, hello), "[knob.kl]: the policy asks for " + std::string(one.key) +
                                         " \"" + one.word + "\", the trainer does not say"));
  }
}

TEST_CASE("asks of a knob: per_sample, both ways", "[policy][hostile]") {
  wire::Hello hello = usual_hello();
  const std::string with = policy("per_sample = true");
  const std::string without = policy("per_sample = false");
  CHECK(says(misfits(with, hello), "asks for per_sample true, the trainer declares false"));
  CHECK(misfits(without, hello).empty());
  hello.knobs[0].per_sample = true;
  CHECK(misfits(with, hello).empty());
  CHECK(says(misfits(without, hello), "asks for per_sample false, the trainer declares true"));
}

TEST_CASE("asks of a signal: unit and variant", "[policy][hostile]") {
  const std::string unit = policy("", "[signal.\"canary/js\"]\nunit = \"nats\"\n");
  const std::string variant = policy("", "[signal.\"canary/js\"]\nvariant = \"full\"\n");
  wire::Hello hello = usual_hello();
  CHECK(misfits(unit, hello).empty());
  CHECK(misfits(variant, hello).empty());
  hello.signals[0].unit = "bits";
  hello.signals[0].variant = "ref_topk_tail";
  const std::string where = "[signal.\"canary/js\"]: the policy asks for ";
  CHECK(says(misfits(unit, hello), where + "unit \"nats\", the trainer declares \"bits\""));
  CHECK(says(misfits(variant, hello),
             where + "variant \"full\", the trainer declares \"ref_topk_tail\""));
  hello.signals[0].unit = "";
  hello.signals[0].variant = "";
  CHECK(says(misfits(unit, hello), where + "unit \"nats\", the trainer does not say"));
  CHECK(says(misfits(variant, hello), where + "variant \"full\", the trainer does not say"));
}

TEST_CASE("every misfit is named, each at its own line", "[policy][hostile]") {
  wire::Hello hello = usual_hello();
  hello.knobs[0].direction = wire::Direction::kRefModel;
  hello.knobs[0].mask = {};
  hello.signals[0].unit = "bits";
  const auto found = check_fit(must_parse(policy("direction = \"model_ref\"\nmask = \"answer\"",
                                                 "[signal.\"canary/js\"]\nunit = \"nats\"\n")),
                               hello);
  REQUIRE(found.size() == 3);
  CHECK(found[0].line == 6);
  CHECK(found[1].line == 7);
  CHECK(found[2].line == 9);
}

std::vector<std::string> shipped() {
  std::vector<std::string> names;
  const std::filesystem::path folder = test::source_dir() + "/assets/policies";
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() == ".toml") names.push_back(entry.path().stem().string());
  }
  return names;
}

bool moves_kl(const Document& document) {
  for (const RuleSpec& rule : document.rules) {
    for (const KnobAction& action : rule.sets) {
      if (document.knobs[action.knob].name == "kl") return true;
    }
  }
  return false;
}

// The lab's, with the signals that hybrid does not read.
wire::Hello lab_hello() {
  wire::Hello hello = usual_hello();
  hello.knobs[0].per_sample = true;
  hello.knobs[0].sites = {wire::Site::kBatch, wire::Site::kReplay};
  hello.signals.push_back(signal_decl("probe/risk"));
  wire::SignalDecl llr = signal_decl("data/llr", 1);
  llr.unit = "nats";
  llr.items = wire::Items::kSample;
  hello.signals.push_back(llr);
  wire::SignalDecl prompt = signal_decl("data/prompt_risk", 1);
  hello.signals.push_back(prompt);
  add_second_defense(hello);
  for (wire::SignalDecl& signal : hello.signals) {
    if (signal.name == "train/loss") signal.unit = "nats";
  }
  return hello;
}

// As a policy asks for it: the published laws run with another penalty.
wire::Hello hello_for(const Document& document) {
  wire::Hello hello = lab_hello();
  if (document.name.rfind("published-", 0) != 0) return hello;
  hello.knobs[0].direction = wire::Direction::kRefModel;
  hello.knobs[0].form = wire::Form::kConvex;
  hello.knobs[0].max = 10.0;
  return hello;
}

TEST_CASE("a shipped policy that moves kl refuses the other direction", "[policy][hostile]") {
  std::size_t moving = 0;
  for (const std::string& name : shipped()) {
    INFO(name);
    const std::string toml = asset(name);
    const Document document = must_parse(toml);
    const wire::Hello hello = hello_for(document);
    CHECK(misfits(toml, hello) == "");
    if (!moves_kl(document)) continue;
    ++moving;
    const bool is_model_ref = hello.knobs[0].direction == wire::Direction::kModelRef;
    wire::Hello other = hello;
    other.knobs[0].direction =
        is_model_ref ? wire::Direction::kRefModel : wire::Direction::kModelRef;
    CHECK(says(misfits(toml, other),
               is_model_ref
                   ? "asks for direction \"model_ref\", the trainer declares \"ref_model\""
                   : "asks for direction \"ref_model\", the trainer declares \"model_ref\""));
    CHECK_FALSE(Machine::create(document, other));
    other.knobs[0].direction = {};
    CHECK(says(misfits(toml, other), "the trainer does not say"));
  }
  CHECK(moving == 18);  // all but observe-only and starter
}

TEST_CASE("the shipped policies ask for the unit of every signal they read", "[policy]") {
  for (const std::string& name : shipped()) {
    INFO(name);
    const Document document = must_parse(asset(name));
    for (const std::string& read : signals_read(document)) {
      if (read.back() == '*') continue;  // whose members the trainer names
      const SignalSpec* spec = find_signal_spec(document, read);
      REQUIRE(spec != nullptr);
      CHECK(spec->asks.at(0).key == "unit");
    }
  }
}

}  // namespace
}  // namespace phaseguard::policy
