// What a person can get wrong in a policy: one clear message for each, with its place, and no
// document. Nothing here may crash, hang or be half taken.
#include <algorithm>
#include <cctype>
#include <string>
#include <vector>

#include "monitor/base/text.h"
#include "tests/policy/language/slips.h"
#include "tests/policy/support.h"
#include "tests/support/catch.h"
#include "tests/support/words.h"

namespace phaseguard::policy {
namespace {

// Every key of the language that takes a number or an amount, each on a line of its own.
const std::string kEverything = R"(version = 1
name = "everything"
[knob.kl]
base = 0.5
min = 0.0
max = 10.0
slew_per_step = 0.1
substitute = 1.0
[on]
missing_after = "3 intervals"
[detector.level]
signal = "a/b"
type = "level"
above = 0.5
consecutive = 2
warmup = 3
clear = 0.4
clear_consecutive = 2
[detector.ewma]
signal = "a/b"
type = "ewma"
above = 0.5
halflife = 2.0
[detector.rate]
signal = "a/b"
type = "rate"
above = 0.5
window = 4
[detector.zscore]
signal = "a/b"
type = "zscore"
above = 3.0
window = 20
[detector.mad]
signal = "a/b"
type = "mad_shift"
keep = 0.9
calibrate = 5
mads = 3.0
[detector.cusum]
signal = "a/b"
type = "cusum"
mean = 0.1
slack = 0.05
limit = 1.0
[detector.page]
signal = "a/b"
type = "page_hinkley"
delta = 0.05
limit = 1.0
[detector.window]
signal = "a/p"
type = "window_js"
window = 2
above = 0.1
[detector.bets]
signal = "a/b"
type = "eprocess"
null_mean = 0.5
bet = 1.0
alpha = 0.05
[detector.stale]
signal = "a/b"
type = "stale"
after = "20 steps"
[rule.first]
when = "5_of_n"
of = ["level", "ewma", "rate", "zscore", "mad", "cusum", "page", "window", "bets", "stale"]
from_step = 5
for_points = 2
for = "10 s"
hold = "10 steps"
release_points = 2
cooldown = "3 points"
priority = 2
request = "rollback"
[rule.first.rollback]
at_most = 1
every = "50 steps"
[rule.first.set]
kl = 2.0
[rule.constant]
of = ["level"]
[rule.constant.set.kl]
controller = "constant"
value = 2.0
[rule.ramp]
of = ["level"]
[rule.ramp.set.kl]
controller = "ramp"
to = 2.0
steps = 10
[rule.ladder]
of = ["level"]
[rule.ladder.set.kl]
controller = "ladder"
signal = "a/b"
rungs = [[0.3, 1.0]]
hysteresis = 0.05
[rule.risk]
of = ["level"]
[rule.risk.set.kl]
controller = "risk_linear"
signal = "a/b"
min = 0.3
max = 0.8
smoothing = 0.5
noise_floor = 0.1
[rule.items]
of = ["level"]
[rule.items.set.kl]
controller = "per_sample"
signal = "a/llr"
max = 2.0
above = 0.5
[rule.adaptive]
of = ["level"]
[rule.adaptive.set.kl]
controller = "adaptive_kl"
signal = "a/kl"
target = 0.1
horizon = 100.0
floor = 0.3
ceiling = 2.0
init = 0.5
per_update = 4
)";

// One number of kEverything: `size` bytes at `begin`, in the line `line`; the value it is part of
// begins at `value`.
struct Number {
  std::size_t begin, size, value;
  std::uint32_t line;
};

bool in_number(char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0 || c == '.'; }

std::vector<Number> numbers_of_everything() {
  std::vector<Number> found;
  std::uint32_t line = 1;
  std::size_t value = 0;  // 0: before the "=" of this line
  for (std::size_t i = 0; i < kEverything.size(); ++i) {
    if (kEverything[i] == '\n') {
      ++line;
      value = 0;
    } else if (kEverything[i] == '=' && value == 0) {
      value = i + 2;
    } else if (value > 0 && in_number(kEverything[i])) {
      std::size_t end = i;
      while (in_number(kEverything[end])) ++end;
      if (kEverything[end] != '_') found.push_back({i, end - i, value, line});  // not "5_of_n"
      i = end - 1;
    }
  }
  return found;
}

std::uint32_t column_of(std::size_t offset) {
  return static_cast<std::uint32_t>(offset - kEverything.rfind('\n', offset - 1));
}

TEST_CASE("bad input: NaN and infinities at every number of the language", "[policy][hostile]") {
  REQUIRE(parse(kEverything, "t").document);
  const std::vector<Number> numbers = numbers_of_everything();
  CHECK(numbers.size() == 60);
  for (const Number& number : numbers) {
    for (const std::string word : {"nan", "inf", "-inf"}) {
      std::string toml = kEverything;
      toml.replace(number.begin, number.size, word);
      INFO("line " << number.line << ": " << word);
      const Parsed parsed = parse(toml, "t.toml");
      CHECK_FALSE(parsed.document);
      REQUIRE(parsed.diagnostics.size() == 1);
      const Diagnostic& d = parsed.diagnostics[0];
      INFO(d.message);
      CHECK(d.severity == Severity::kError);
      CHECK(d.line == number.line);
      CHECK(d.column >= column_of(number.value));
      CHECK(d.column <= column_of(number.begin));
      CHECK(d.message.find("expected ") != std::string::npos);
      CHECK(d.message.find("found ") != std::string::npos);
    }
  }
}

TEST_CASE("bad input: a negative where none has a meaning", "[policy][hostile]") {
  // Their keys may be below 0: nothing else may.
  const std::vector<std::string> free = {"above", "clear", "mean", "min", "priority", "rungs"};
  int refused = 0;
  for (const Number& number : numbers_of_everything()) {
    const std::size_t start = kEverything.rfind('\n', number.value) + 1;
    const std::string key = kEverything.substr(start, number.value - 3 - start);
    std::string toml = kEverything;
    toml.insert(number.begin, "-");
    INFO("line " << number.line << ": " << key);
    const Parsed parsed = parse(toml, "t.toml");
    if (std::find(free.begin(), free.end(), key) != free.end()) continue;
    ++refused;
    CHECK_FALSE(parsed.document);
    REQUIRE_FALSE(parsed.diagnostics.empty());
    CHECK(parsed.diagnostics[0].message.find("expected ") != std::string::npos);
  }
  CHECK(refused > 40);
}

// ---- the rest of the list, on a small policy

void check(const std::vector<Slip>& slips) {
  for (const Slip& slip : slips) {
    INFO("instead of " << slip.line << ": " << slip.replacement);
    const Parsed parsed = parse_slip(slip);
    CHECK_FALSE(parsed.document);
    CHECK(said(parsed) == slip.says);
  }
}

TEST_CASE("bad input: a group is a name, and more than one detector's", "[policy][hostile]") {
  for (const char* group : {"", "a b", "\xc3\xa4"}) {
    const std::string words = quoted(group, 60);
    check(
        {{"above = 0.15", "above = 0.15\ngroup = \"" + std::string(group) + "\"",
          "12:9: \"group\" in [detector.js]: expected a name of 1 to 64 letters, digits, \"_\" or "
          "\"-\", found " +
              words}});
  }
  const Parsed alone = parse_slip({"above = 0.15", "above = 0.15\ngroup = \"solo\"", ""});
  REQUIRE(alone.document);
  CHECK(said(alone) ==
        "8:11: [detector.js] is alone in the group \"solo\", which so does nothing: name a group "
        "that "
        "another detector is in, or take it out");
}

TEST_CASE("bad input: what is unknown is named, with what was probably meant",
          "[policy][hostile]") {
  check({{"type = \"level\"", "type = \"levell\"",
          "10:8: \"type\" in [detector.js]: expected one of \"level\", \"ewma\", \"rate\", "
          "\"zscore\", \"mad_shift\", \"cusum\", \"page_hinkley\", \"window_js\", \"eprocess\", "
          "\"stale\", found \"levell\"; did you mean \"level\"?"},
         {"of = [\"js\"]", "of = [\"jss\"]",
          "14:7: [rule.defend] names the detector \"jss\", which this file does not have; did you "
          "mean \"js\"?"},
         {"of = [\"js\"]", "of = [\"judge\"]",
          "14:7: [rule.defend] names the detector \"judge\", which this file does not have; add "
          "[detector.judge]"},
         {"of = [\"js\"]", "of = [\"defend\"]",
          "14:7: [rule.defend] names the detector \"defend\", which this file does not have; there "
          "is a rule of that name: write \"rule.defend\""},
         {"of = [\"js\"]", "of = [\"rule.other\"]",
          "14:7: [rule.defend] names the rule \"other\", which this file does not have; add "
          "[rule.other]"},
         {"latch = true", "latched = true",
          "15:1: unknown key \"latched\" in [rule.defend]; did you mean \"latch\"?"},
         {"latch = true", "zzzzzz = true",
          "15:1: unknown key \"zzzzzz\" in [rule.defend]; expected one of: when, of, from_step, "
          "for_points, for, latch, hold, release_points, cooldown, priority, set, site, request, "
          "rollback, alert"},
         {"above = 0.15", "above = 0.15\nzzzzzz = 1",
          "12:1: unknown key \"zzzzzz\" in [detector.js]; expected one of: type, variant, bad, "
          "group, until_step, signal, combine, minus, over, above, consecutive, warmup, clear, "
          "clear_consecutive"},
         {"name = \"small\"", "name = \"small\"\ninclude = \"other.toml\"",
          "3:1: \"include\" in the policy file is not supported in this version; remove it, or use "
          "a version that has it"},
         {"set.kl = 2.0", "set.lambda = 2.0",
          "16:14: [rule.defend] sets the knob \"lambda\", which this file does not have; add "
          "[knob.lambda]"}});
}

TEST_CASE("bad input: impossible combinations and circles", "[policy][hostile]") {
  check({{"latch = true", "latch = true\nrelease_points = 2",
          "16:18: [rule.defend]: impossible combination: latch = true stays until an operator's "
          "reset, so \"release_points\" means nothing; remove one of the two"},
         {"latch = true", "latch = true\nhold = \"3 steps\"",
          "16:8: [rule.defend]: impossible combination: latch = true stays until an operator's "
          "reset, so \"hold\" means nothing; remove one of the two"},
         {"of = [\"js\"]", "when = \"any\"\nof = [\"js\", \"rule.defend\"]",
          "13:7: rules wait for one another in a circle: rule.defend -> rule.defend; "
          "break it"}});
}

TEST_CASE("bad input: the same name twice", "[policy][hostile]") {
  const Parsed twice =
      parse(kSmall + "[detector.js]\nsignal = \"a/b\"\ntype = \"level\"\nabove = 1\n", "t");
  REQUIRE(twice.diagnostics.size() == 1);
  CHECK(twice.diagnostics[0].line == 17);
  CHECK(twice.diagnostics[0].message.find("each name may be there once") != std::string::npos);
  for (const char* table : {"[knob.kl]\n", "[rule.defend]\n", "latch = true\nlatch = false\n"}) {
    INFO(table);
    const Parsed parsed = parse(kSmall + table, "t");
    CHECK_FALSE(parsed.document);
    REQUIRE(parsed.diagnostics.size() == 1);
    CHECK(parsed.diagnostics[0].line >= 17);
  }
}

TEST_CASE("bad input: target = 0, horizon = 0, units missing", "[policy][hostile]") {
  const auto adaptive = [](const std::string& keys) {
    return "set.kl = { controller = \"adaptive_kl\", signal = \"a/kl\", " + keys +
           ", floor = 0.1, ceiling = 1.0, init = 1.0 }";
  };
  check({{"set.kl = 2.0", adaptive("target = 0.0, horizon = 9"),
          "16:66: \"target\" in set.kl: expected a number above 0, found 0"},
         {"set.kl = 2.0", adaptive("target = 1.0, horizon = 0"),
          "16:81: \"horizon\" in set.kl: expected a number above 0, found 0"},
         {"set.kl = 2.0", adaptive("target = -1.0, horizon = 9"),
          "16:66: \"target\" in set.kl: expected a number above 0, found -1"},
         {"latch = true", "hold = 3",
          "15:8: \"hold\" in [rule.defend]: expected an amount with its unit, such as \"10 "
          "points\", \"10 steps\", \"10 s\", found the integer 3"},
         {"latch = true", "hold = \"3\"",
          "15:8: \"hold\" in [rule.defend]: expected an amount with its unit, such as \"10 "
          "points\", \"10 steps\", \"10 s\", found \"3\""},
         {"latch = true", "hold = \"3steps\"",
          "15:8: \"hold\" in [rule.defend]: expected an amount with its unit, such as \"10 "
          "points\", \"10 steps\", \"10 s\", found \"3steps\""},
         {"latch = true", "hold = \"3 \"",
          "15:8: \"hold\" in [rule.defend]: expected an amount with its unit, such as \"10 "
          "points\", \"10 steps\", \"10 s\", found \"3 \""},
         {"latch = true", "cooldown = \"2000000000 steps\"",
          "15:12: \"cooldown\" in [rule.defend]: expected a whole number above 0 and up to 1e9, "
          "found \"2000000000 steps\""}});
}

TEST_CASE("bad input: ten megabytes, and text that only looks like TOML", "[policy][hostile]") {
  const auto only = [](const std::string& toml) {
    const Parsed parsed = parse(toml, "t.toml");
    CHECK_FALSE(parsed.document);
    REQUIRE(parsed.diagnostics.size() == 1);
    return to_text(parsed.diagnostics[0], "t.toml");
  };
  CHECK(only(std::string(std::size_t{10} * 1024 * 1024, '#')) ==
        "t.toml:1:1: error: expected a policy of at most 65536 bytes, found 10485760; is this the "
        "right file?");
  CHECK(only(std::string(60000, '[')) ==
        "t.toml:1:1025: error: expected at most 1024 bytes in a key, found more");
  CHECK(only("x = " + std::string(60000, '[')).find("inside each other") != std::string::npos);
  std::string parts = "a";
  for (int i = 0; i < 30000; ++i) parts += ".a";
  CHECK(only(parts + " = 1") ==
        "t.toml:1:32: error: expected at most 16 parts in a key, found more");
  for (const char* key : {"[=]", "[[=]]", "[[[", "[[#", "a.[ = 1", "x = {[}"}) {
    INFO(key);
    CHECK(only(key).find("not valid TOML") != std::string::npos);
  }
  CHECK(only(std::string("\0\0\0", 3)).find("not valid TOML") != std::string::npos);
  CHECK(only("SQLite format 3").find("not valid TOML") != std::string::npos);
  CHECK(only("\xef\xbb\xbf" + kSmall + "x = \xc3\x28\n").find("t.toml:17") == 0);
  CHECK(parse("\xef\xbb\xbf" + kSmall, "t").document);  // a byte-order mark is no fault
  std::string crlf;
  for (const char c : kSmall) crlf += c == '\n' ? std::string("\r\n") : std::string(1, c);
  CHECK(parse(crlf, "t").document);
}

TEST_CASE("bad input: no more than a hundred messages, errors among them", "[policy][hostile]") {
  std::string toml = kSmall;
  for (int i = 0; i < 300; ++i) toml += "[detector.d" + std::to_string(i) + "]\nabove = 1\n";
  const Parsed parsed = parse(toml, "t.toml");
  CHECK_FALSE(parsed.document);
  CHECK(parsed.diagnostics.size() == 100);
}

TEST_CASE("bad input: a policy for signals and knobs that the trainer did not declare",
          "[policy][hostile]") {
  const Document document = must_parse(kSmall);
  wire::Hello none;
  const auto found = check_fit(document, none);
  REQUIRE(found.size() == 2);
  CHECK(to_text(found[0], "t") ==
        "t:4:7: error: the policy uses the knob \"kl\", which the trainer did not declare "
        "(declared: none)");
  CHECK(
      to_text(found[1], "t") ==
      "t:8:11: error: the policy uses the signal \"canary/js\", which the trainer did not declare "
      "(declared: none)");
  CHECK_FALSE(Machine::create(document, none));
  wire::Hello near = usual_hello();
  near.knobs[0].name = "kll";
  near.knobs.push_back(near.knobs[0]);
  near.knobs[1].name = "lr";
  const auto slip = check_fit(document, near);
  REQUIRE(slip.size() == 1);
  CHECK(slip[0].message ==
        "the policy uses the knob \"kl\", which the trainer did not declare (declared: kll, lr); "
        "did you mean \"kll\"?");
}

}  // namespace
}  // namespace phaseguard::policy
