// Policy tests as text: a declaration, series in, decisions expected (docs/POLICY.md has the
// language). parse_script reads one, run_script plays it through the policy engine. Pure but for
// the policy file that a script names.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "monitor/base/result.h"
#include "monitor/policy/document.h"
#include "monitor/wire/messages.h"

namespace phaseguard::ctl {

// One measurement of a series: what is in the sample, or that nothing is sent.
struct ScriptValue {
  bool sent = true;
  wire::Sample sample;  // signal left empty
};

struct ScriptSeries {
  std::string signal;
  std::int64_t from = 0;
  std::int64_t every = 1;
  std::vector<ScriptValue> values;
  int line = 0;

  [[nodiscard]] std::int64_t last() const {
    return from + every * (static_cast<std::int64_t>(values.size()) - 1);
  }
};

// `do STEP: ...`: what an operator or the trainer does, after the reports of that step.
struct ScriptEvent {
  enum class Kind : std::uint8_t { kCommand, kApplied, kOutcome, kEnd };
  Kind kind = Kind::kCommand;
  std::int64_t step = 0;
  wire::Command command;       // kCommand; expected_version -2: the one in force
  std::string name;            // kApplied: knob; kOutcome: type of request; kEnd: reason
  double value = 0.0;          // kApplied
  std::string status, detail;  // kOutcome
  int line = 0;
};

// One item of `at STEP: ...` or `at FIRST..LAST: ...`.
struct Expectation {
  enum class Kind : std::uint8_t {
    kRule,       // name, word: quiet | active | latched; at_floor
    kKnob,       // name, comparison, value
    kSite,       // name: knob, word: site
    kInForce,    // name: knob, comparison, value: what the trainer has, in shadow mode too
    kRequest,    // name: type; to
    kAlert,      // word: severity; name: source or ""
    kVote,       // name: detector, word: votes | quiet
    kStatistic,  // name: detector, comparison, value
    kAnswer,     // word: logged | refused | conflict
    kNothing
  };
  Kind kind = Kind::kNothing;
  std::int64_t first = 0;
  std::int64_t last = 0;
  std::string name, word, comparison;
  double value = 0.0;
  std::optional<std::int64_t> to;
  bool at_floor = false;
  std::string text;  // as written
  int line = 0;
};

// A stretch of steps that only go up: from the start, a rollback or a resume.
struct ScriptPhase {
  enum class Begin : std::uint8_t { kStart, kRollback, kResume };
  Begin begin = Begin::kStart;
  std::int64_t start = 0;
  std::vector<ScriptSeries> series;
  std::vector<ScriptEvent> events;
  std::vector<Expectation> expected;

  [[nodiscard]] std::int64_t last() const;
};

struct ScriptTest {
  std::string name;
  int line = 0;
  bool others_allowed = false;  // firings, requests and alerts that are not listed are no failure
  std::vector<ScriptPhase> phases;
};

struct Script {
  std::string file;
  policy::Document document;
  std::string policy_file;  // as the script names it; "": inline
  wire::Hello hello;
  double step_seconds = 1.0;  // of the trainer's clock
  std::vector<ScriptTest> tests;
};

// Errors name the file and the line; a policy with errors gives all of them.
[[nodiscard]] Result<Script> parse_script(std::string_view text, const std::filesystem::path& file);

// Where a test and the engine disagree.
struct ScriptFinding {
  int line = 0;  // of the expectation; of the test when something came that nobody expected
  std::int64_t step = 0;
  std::string expected;  // "": nothing
  std::string found;
};

struct TestResult {
  std::string name;
  int line = 0;
  std::vector<ScriptFinding> findings;
  std::vector<std::string> decisions;  // "step 20: ...", everything the policy decided
};

[[nodiscard]] TestResult run_test(const Script& script, const ScriptTest& test);

}  // namespace phaseguard::ctl
