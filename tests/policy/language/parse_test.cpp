#include <algorithm>
#include <string>
#include <vector>

#include "tests/policy/support.h"
#include "tests/support/catch.h"
#include "tests/support/words.h"

namespace phaseguard::policy {
namespace {

const std::string kGood = R"(version = 1
name = "t"

[knob.kl]
base = 0.5
min = 0.0
max = 4.0

[detector.js]
signal = "canary/js"
type = "level"
above = 0.15

[detector.llr]
signal = "data/llr_share"
type = "ewma"
above = 0.2
halflife = 2

[rule.r]
when = "all"
of = ["js", "llr"]
set.kl = 2.0
)";

// The good policy with one line replaced, or with lines added at the end ("" replaced).
std::string with(const std::string& line, const std::string& replacement) {
  std::string toml = kGood;
  if (line.empty()) return toml + replacement;
  const std::size_t at = toml.find(line);
  REQUIRE(at != std::string::npos);
  return toml.replace(at, line.size(), replacement);
}

struct Case {
  std::string line;
  std::string replacement;
  std::uint32_t at_line;
  std::uint32_t at_column;
  std::string says;  // a piece of the message
};

void check(const std::vector<Case>& cases, Severity severity) {
  for (const Case& c : cases) {
    const Parsed parsed = parse(with(c.line, c.replacement), "t.toml");
    INFO("instead of " << c.line << ": " << c.replacement);
    REQUIRE(parsed.document.has_value() == (severity == Severity::kWarning));
    REQUIRE(parsed.diagnostics.size() == 1);
    const Diagnostic& found = parsed.diagnostics[0];
    CHECK(found.severity == severity);
    CHECK(found.line == c.at_line);
    CHECK(found.column == c.at_column);
    INFO(found.message);
    CHECK(found.message.find(c.says) != std::string::npos);
  }
}

TEST_CASE("the good policy of these tests has nothing to complain about", "[policy]") {
  const Parsed parsed = parse(kGood, "t.toml");
  REQUIRE(parsed.document);
  CHECK(parsed.diagnostics.empty());
  CHECK(parsed.document->detectors[0].consecutive == 1);
  CHECK(parsed.document->missing_after_intervals == 3);
  CHECK(parsed.document->link_loss == wire::OnLoss::kLocal);
  CHECK(parsed.document->digest.size() == 64);
}

TEST_CASE("a profile sets defaults, and a key of its own wins", "[policy]") {
  const auto with = [](const std::string& head, const std::string& on) {
    std::string text = kGood;
    text.insert(text.find("name = \"t\"\n") + 11, head);
    return parse(text + on, "t.toml");
  };
  const std::string enforce = "profile = \"enforce\"\n";
  CHECK(with("", "").document->profile == wire::Profile::kWatch);
  CHECK(with("", "").document->bad_signal == BadSignal::kAlarm);
  CHECK(with("profile = \"watch\"\n", "").document->bad_signal == BadSignal::kAlarm);
  CHECK(with(enforce, "").document->profile == wire::Profile::kEnforce);
  CHECK(with(enforce, "").document->bad_signal == BadSignal::kVote);
  const Parsed own = with(enforce, "\n[on]\nbad_signal = \"alarm\"\n");
  REQUIRE(own.document);
  CHECK(own.document->bad_signal == BadSignal::kAlarm);
}

TEST_CASE("bad input: the head of the file", "[policy][hostile]") {
  check(
      {{"version = 1\n", "", 1, 1, "add version = 1"},
       {"version = 1", "version = 2", 1, 11, "this build reads policies of version 1"},
       {"version = 1", "version = \"1\"", 1, 11, "found the string \"1\""},
       {"name = \"t\"", "", 1, 1, "add name = \"...\""},
       {"name = \"t\"", "name = 3", 2, 8, "expected a string in quotes, found the integer 3"},
       {"name = \"t\"", "name = \"\"", 2, 8, "1 to 64 bytes"},
       {"name = \"t\"", "name = \"t\"\nmode = \"enforced\"", 3, 8, "did you mean \"enforce\"?"},
       {"name = \"t\"", "name = \"t\"\nprofile = \"enforced\"", 3, 11, "did you mean \"enforce\"?"},
       {"name = \"t\"", "name = \"t\"\nprofile = true", 3, 11, "found true"},
       {"name = \"t\"", "name = \"t\"\nmod = \"shadow\"", 3, 1, "did you mean \"mode\"?"},
       {"name = \"t\"", "name = \"t\"\nmode = \"shadow\"\nshadow = \"strickt\"", 4, 10,
        "did you mean \"strict\"?"},
       {"name = \"t\"", "name = \"t\"\nshadow = \"strict\"", 3, 10, "it needs mode = \"shadow\""}},
      Severity::kError);
}

TEST_CASE("bad input: knobs", "[policy][hostile]") {
  check({{"base = 0.5\n", "", 4, 7, "[knob.kl] has no \"base\""},
         {"max = 4.0\n", "", 4, 7, "[knob.kl] has no \"max\""},
         {"base = 0.5", "base = nan", 5, 8, "finite number"},
         {"max = 4.0", "max = inf", 7, 7, "finite number"},
         {"min = 0.0", "min = true", 6, 7, "expected a number, found true"},
         {"base = 0.5", "base = -1", 5, 8, "expected a value from min = 0 to max = 4, found -1"},
         {"min = 0.0", "min = 9.0", 7, 7, "expected min <= max"},
         {"max = 4.0", "max = 4.0\nslew = 1", 8, 1, "unknown key \"slew\""},
         {"max = 4.0", "max = 4.0\nslew_per_step = 0.0", 8, 17, "above 0"},
         {"max = 4.0", "max = 4.0\nsubstitute = -1", 8, 14, "substitute"},
         {"[knob.kl]", "[knob.\"k l\"]\n[knob.kl]", 4, 7, "letters, digits"},
         {"[knob.kl]", "[knob]\nx = 1\n[knob.kl]", 5, 1, "expected a table [knob.NAME]"}},
        Severity::kError);
}

TEST_CASE("bad input: detectors", "[policy][hostile]") {
  check(
      {{"above = 0.15", "above = nan", 12, 9, "finite number"},
       {"above = 0.15", "above = -inf", 12, 9, "finite number"},
       {"above = 0.15", "above = \"0.15\"", 12, 9, "expected a number, \"noise\" or"},
       {"above = 0.15", "abov = 0.15\nabove = 0.15", 12, 1, "did you mean \"above\"?"},
       {"above = 0.15\n", "", 9, 11, "[detector.js] has no \"above\""},
       {"signal = \"canary/js\"\n", "", 9, 11, "has no \"signal\""},
       {"signal = \"canary/js\"", "signal = \"js\"", 10, 10, "group/name"},
       {"type = \"level\"\n", "", 9, 11, "has no \"type\""},
       {"type = \"level\"", "type = \"levle\"", 11, 8, "did you mean \"level\"?"},
       {"type = \"level\"", "type = \"mad_shift\"", 12, 9, "belongs to type = \"level\" or"},
       {"type = \"level\"", "type = 1", 11, 8, "found the integer 1"},
       {"above = 0.15", "above = 0.15\nconsecutive = 0", 13, 15, "from 1 to 1000000"},
       {"above = 0.15", "above = 0.15\nconsecutive = 2.0", 13, 15, "a whole number"},
       {"above = 0.15", "above = 0.15\nwarmup = -1", 13, 10, "found the integer -1"},
       {"above = 0.15", "above = 0.15\nbad = \"ignore\"", 13, 7, "\"alarm\", \"vote\""},
       {"above = 0.15", "above = 0.15\nclear = 0.2", 13, 9, "expected a number up to above = 0.15"},
       {"above = 0.15", "above = 0.15\nhalflife = 2", 13, 12, "belongs to type = \"ewma\""},
       {"halflife = 2\n", "", 14, 11, "has no \"halflife\""},
       {"halflife = 2", "halflife = 0", 18, 12, "from 0.01"},
       {"halflife = 2", "halflife = nan", 18, 12, "finite number"}},
      Severity::kError);
}

TEST_CASE("bad input: rules and [on]", "[policy][hostile]") {
  check({{"of = [\"js\", \"llr\"]\n", "", 20, 7, "has no \"of\""},
         {"of = [\"js\", \"llr\"]", "of = []", 22, 6, "at least one detector"},
         {"of = [\"js\", \"llr\"]", "of = [\"js\", \"lr\"]", 22, 13, "did you mean \"llr\"?"},
         {"of = [\"js\", \"llr\"]", "of = [\"js\", \"js\"]", 22, 13, "listed twice"},
         {"of = [\"js\", \"llr\"]", "of = [\"js\", 3]", 22, 13, "found the integer 3"},
         {"of = [\"js\", \"llr\"]", "of = \"js\"", 22, 6, "an array of strings"},
         {"when = \"all\"\n", "", 20, 7, "add when ="},
         {"when = \"all\"", "when = \"3_of_n\"", 21, 8, "from 1 to 2 votes"},
         {"when = \"all\"", "when = \"0_of_n\"", 21, 8, "from 1 to 2 votes"},
         {"when = \"all\"", "when = \"2_of_3\"", 21, 8, "from 1 to 2 votes"},
         {"when = \"all\"", "when = \"most\"", 21, 8, "found \"most\""},
         {"when = \"all\"", "when = true", 21, 8, "found true"},
         {"set.kl = 2.0", "set.lk = 2.0", 23, 10, "did you mean \"kl\"?"},
         {"set.kl = 2.0", "set.kl = 9.0", 23, 10, "expected a value from 0 to 4"},
         {"set.kl = 2.0", "set.kl = nan", 23, 10, "finite number"},
         {"set.kl = 2.0", "set = 2.0", 23, 7, "expected set.KNOB = a number"},
         {"set.kl = 2.0", "set.kl = {controller = \"ramp\", steps = 3}", 23, 10, "has no \"to\""},
         {"set.kl = 2.0", "set.kl = {value = 1.0}", 23, 10, "has no \"controller\""},
         {"set.kl = 2.0", "latch = \"yes\"\nset.kl = 2.0", 23, 9, "true or false"},
         {"set.kl = 2.0", "request = \"rolback\"", 23, 11, "did you mean \"rollback\"?"},
         {"set.kl = 2.0", "request = [\"stop\", \"stop\"]", 23, 20, "listed twice"},
         {"set.kl = 2.0", "alert = \"loud\"", 23, 9, "\"critical\", found \"loud\""},
         {"", "[on]\nbad_signal = \"vot\"\n", 25, 14, "did you mean \"vote\"?"},
         {"", "[on]\nmissing_after = \"3 steps\"\n", 25, 17, "\"N intervals\""},
         {"", "[on]\nmissing_after = \"0 intervals\"\n", 25, 17, "\"N intervals\""},
         {"", "[on]\nmissing_after = 3\n", 25, 17, "found the integer 3"},
         {"", "[on]\nlink_loss = \"ignore\"\n", 25, 13, "\"substitute\", \"pause\""},
         {"", "[on]\nlink_loss = \"substitute\"\n", 25, 13, "needs the value to put in"},
         {"", "[on]\nlinkloss = \"hold\"\n", 25, 1, "did you mean \"link_loss\"?"}},
        Severity::kError);
}

TEST_CASE("warnings leave a document", "[policy]") {
  const std::string lone =
      "[detector.margin]\nsignal = \"canary/margin\"\ntype = \"level\"\nabove = 1\n";
  check({{"", lone, 24, 11, "no rule uses [detector.margin]"},
         {"set.kl = 2.0", "", 20, 7, "has no action"},
         {"set.kl = 2.0", "set.kl = 0.25", 23, 10, "below the base of 0.5"},
         {"set.kl = 2.0", "request = \"rollback\"", 23, 11, "add latch = true"},
         {"above = 0.15", "above = 0.9", 12, 9, "is the threshold in bits?"}},
        Severity::kWarning);
}

TEST_CASE("several errors come in one pass, in the order of the file", "[policy][hostile]") {
  std::string toml = with("above = 0.15", "above = nan");
  toml.replace(toml.find("base = 0.5"), 10, "bass = 0.5");
  toml.replace(toml.find("\"all\""), 5, "\"5_of_n\"");
  const Parsed parsed = parse(toml, "t.toml");
  std::vector<std::uint32_t> lines;
  for (const Diagnostic& d : parsed.diagnostics) lines.push_back(d.line);
  CHECK(lines == std::vector<std::uint32_t>{4, 5, 12, 21});
}

TEST_CASE("text that is not a policy at all", "[policy][hostile]") {
  const auto only = [](const std::string& toml) {
    const Parsed parsed = parse(toml, "t.toml");
    CHECK_FALSE(parsed.document);
    REQUIRE(parsed.diagnostics.size() == 1);
    return parsed.diagnostics[0];
  };
  CHECK(only(kGood + "[rule.r\n").line == 24);
  CHECK(only(kGood + "x = \"\xff\xfe\"\n").line == 24);
  CHECK(only(with("above = 0.15", "above = 0.15\nabove = 0.2")).line == 13);
  CHECK(only(std::string(kMaxPolicyBytes + 1, '#')).message.find("65536 bytes") !=
        std::string::npos);
  CHECK(parse("", "t.toml").diagnostics.size() == 2);  // no version, no name
  for (std::size_t cut = 0; cut < kGood.size(); ++cut) {
    const Parsed parsed = parse(std::string_view(kGood).substr(0, cut), "t.toml");
    CHECK((parsed.document || !parsed.diagnostics.empty()));
  }
}

TEST_CASE("a diagnostic reads like a compiler's", "[policy]") {
  const Parsed parsed = parse(with("above = 0.15", "abov = 1\nabove = 0.15"), "t.toml");
  REQUIRE(parsed.diagnostics.size() == 1);
  CHECK(to_text(parsed.diagnostics[0], "t.toml") ==
        "t.toml:12:1: error: unknown key \"abov\" in [detector.js]; did you mean \"above\"?");
}

// A trainer that measures all there is and can do all that is asked.
wire::Hello everything_declared() {
  wire::Hello hello = usual_hello();
  hello.knobs[0].per_sample = true;
  hello.knobs[0].sites = {wire::Site::kBatch, wire::Site::kReplay};
  for (wire::SignalDecl& signal : hello.signals) {
    if (signal.name == "judge/score") {
      signal.min = 0.0;
      signal.max = 1.0;
    }
  }
  wire::SignalDecl llr = signal_decl("data/llr");
  llr.unit = "nats";
  llr.items = wire::Items::kSample;
  wire::SignalDecl risk = signal_decl("probe/risk");
  risk.min = 0.0;
  risk.max = 1.0;
  hello.signals.push_back(llr);
  hello.signals.push_back(risk);
  add_second_defense(hello);
  return hello;
}

TEST_CASE("the shipped policies have no error and no warning", "[policy]") {
  for (const char* name :
       {"hybrid", "hybrid-provider", "observe-only", "phaseguard-kl", "phaseguard-proposal",
        "always-on", "fixed-switch", "adaptive-judge", "adaptive-judge-deadzone", "adaptive-probe",
        "per-sample-llr", "replay-kl", "hybrid-v2"}) {
    const Parsed parsed = parse(asset(name), name);
    INFO(name);
    for (const Diagnostic& d : parsed.diagnostics) INFO(to_text(d, name));
    REQUIRE(parsed.document);
    CHECK(parsed.diagnostics.empty());
    CHECK(parsed.document->name == name);
    for (const Diagnostic& d : check_fit(*parsed.document, everything_declared())) {
      FAIL_CHECK(to_text(d, name));
    }
  }
}

TEST_CASE("both forms of a constant; a list of requests; order of the file", "[policy]") {
  const Document document =
      must_parse(with("set.kl = 2.0",
                      "set.kl = {controller = \"constant\", value = 2.0}\n"
                      "request = [\"checkpoint\", \"pause\"]\n[rule.a]\nof = [\"js\"]\n"
                      "alert = \"info\""));
  CHECK(std::get<ConstantController>(document.rules[0].sets[0].controller).value == 2.0);
  CHECK(document.rules[0].requests ==
        std::vector<wire::RequestType>{wire::RequestType::kCheckpoint, wire::RequestType::kPause});
  CHECK(document.rules[0].name == "r");
  CHECK(document.rules[1].name == "a");
}

}  // namespace
}  // namespace phaseguard::policy
