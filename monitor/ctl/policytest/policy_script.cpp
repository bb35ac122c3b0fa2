#include "monitor/ctl/policytest/policy_script.h"

#include <algorithm>

#include "monitor/base/table_text.h"
#include "monitor/base/text.h"
#include "monitor/ctl/files.h"
#include "monitor/ctl/policytest/declaration.h"
#include "monitor/ctl/policytest/script_lines.h"
#include "monitor/ctl/policytest/script_values.h"
#include "monitor/ctl/text_lines.h"

namespace phaseguard::ctl {

namespace {

using Words = std::vector<std::string>;

constexpr const char* kFence = "\"\"\"";

// Where the inline policy begins: its line has nothing else, since a comment may name it.
std::size_t opening_of(const std::string& text) {
  const std::string opening = std::string("policy ") + kFence;
  std::size_t at = text.find(opening);
  while (at != std::string::npos) {
    const std::size_t before = at == 0 ? std::string::npos : text.find_last_not_of(" \t", at - 1);
    if (before == std::string::npos || text[before] == '\n') break;
    at = text.find(opening, at + 1);
  }
  return at;
}

// The inline policy between two lines of three quotes, which are blanked out of the script so that
// line numbers stay.
Result<std::optional<std::string>> cut_inline(std::string& text, const std::string& file) {
  const std::size_t begin = opening_of(text);
  if (begin == std::string::npos) return std::nullopt;
  const std::size_t from = text.find('\n', begin);
  const std::size_t to = text.find(std::string("\n") + kFence, begin);
  if (from == std::string::npos || to == std::string::npos) {
    return fail(Errc::kMalformed,
                file + ": expected a line of three double quotes after the inline policy");
  }
  const auto first_line = std::count(text.begin(), text.begin() + static_cast<long>(from), '\n');
  // Blank lines before it keep the policy's own line numbers those of the script.
  const std::string policy =
      std::string(static_cast<std::size_t>(first_line), '\n') + text.substr(from, to - from) + "\n";
  for (std::size_t i = begin; i < to + 4; ++i) {
    if (text[i] != '\n') text[i] = ' ';
  }
  return policy;
}

class Parser {
 public:
  explicit Parser(Script& script) : script_(script) {}

  Result<void> take(const TextLine& line) {
    where_ = script_.file + ":" + std::to_string(line.number) + ": ";
    number_ = line.number;
    const std::size_t colon = line.text.find(':');
    const Words words = words_of(line.text.substr(0, colon));
    const std::string first = words.empty() ? "" : words.front();
    if (first == "test") return take_test(words_of(line.text));
    if (script_.tests.empty()) return take_head(words_of(line.text));
    if (first == "others") return take_others(words);
    if (first != "series" && first != "do" && first != "at") {
      return fail(Errc::kMalformed, where_ + "expected test, series, do, at or others allowed, " +
                                        "found " + quoted(line.text, 60));
    }
    if (colon == std::string_view::npos) {
      return fail(Errc::kMalformed,
                  where_ + "expected a colon, as in " +
                      (first == "series" ? "series judge/score: 0.1x3 0.9" : first + " 20: ...") +
                      ", found none");
    }
    const std::string_view rest = trimmed(line.text.substr(colon + 1));
    if (first == "series") return take_series(words, words_of(rest));
    if (first == "do") return take_event(words, words_of(rest));
    return take_expected(words, rest);
  }

  [[nodiscard]] const std::string& policy_path() const { return policy_path_; }

 private:
  ScriptPhase& phase() { return script_.tests.back().phases.back(); }

  Result<void> take_head(const Words& words) {
    if (words.front() == "policy") {
      if (words.size() != 2) return fail(Errc::kMalformed, where_ + "expected policy FILE");
      policy_path_ = words[1];
      return {};
    }
    if (words.front() == "step_seconds") {
      const auto seconds = words.size() == 2 ? parse_number(words[1]) : std::nullopt;
      if (!seconds || !(*seconds >= 0.0 && *seconds < 1e9)) {
        return fail(Errc::kMalformed, where_ + "expected step_seconds S with S of 0 or more");
      }
      script_.step_seconds = *seconds;
      return {};
    }
    auto taken = take_declaration(script_.hello, words, where_);
    if (!taken) return tl::unexpected(taken.error());
    if (*taken) return {};
    const std::string near = nearest(words.front(), {"policy", "step_seconds", "cadence", "steps",
                                                     "canaries", "signal", "knob", "can", "test"});
    return fail(Errc::kMalformed,
                where_ +
                    "expected policy, step_seconds, cadence, steps, canaries, signal, knob, "
                    "can or test, found " +
                    quoted(words.front(), 40) +
                    (near.empty() ? "" : "; did you mean \"" + near + "\"?"));
  }

  Result<void> take_test(const Words& words) {
    if (words.size() != 2) {
      return fail(Errc::kMalformed, where_ + "expected test \"NAME\" in double quotes");
    }
    for (const ScriptTest& other : script_.tests) {
      if (other.name != words[1]) continue;
      return fail(Errc::kMalformed, where_ + "the test " + quoted(words[1], 80) +
                                        " is there already, on line " + std::to_string(other.line));
    }
    script_.tests.emplace_back();
    script_.tests.back().name = words[1];
    script_.tests.back().line = number_;
    script_.tests.back().phases.emplace_back();
    return {};
  }

  Result<void> take_others(const Words& words) {
    if (words != Words{"others", "allowed"}) {
      return fail(Errc::kMalformed, where_ + "expected: others allowed");
    }
    script_.tests.back().others_allowed = true;
    return {};
  }

  Result<void> take_series(const Words& words, const Words& values) {
    if (words.size() < 2) return fail(Errc::kMalformed, where_ + "expected series SIGNAL: VALUES");
    const auto& signals = script_.hello.signals;
    const auto signal = std::find_if(signals.begin(), signals.end(),
                                     [&](const auto& s) { return s.name == words[1]; });
    if (signal == signals.end()) {
      Words names;
      for (const auto& s : signals) names.push_back(s.name);
      return fail(Errc::kMalformed, where_ + "no signal " + quoted(words[1], 64) +
                                        " is declared (declared: " + joined(names, ", ") + ")");
    }
    ScriptSeries series;
    series.signal = signal->name;
    series.line = number_;
    const bool canary = signal->name.rfind("canary/", 0) == 0;
    const std::int64_t cadence = signal->every_steps > 0 ? signal->every_steps
                                 : canary                ? script_.hello.cadence_steps
                                                         : 0;
    std::optional<std::int64_t> from, every;
    for (std::size_t i = 2; i < words.size(); i += 2) {
      const std::int64_t n = i + 1 < words.size() ? parse_integer(words[i + 1]).value_or(-1) : -1;
      const bool known = words[i] == "from" || words[i] == "every";
      if (!known || n < (words[i] == "every" ? 1 : 0)) {
        return fail(Errc::kMalformed, where_ + "expected series SIGNAL [from STEP] [every N]: ...");
      }
      (words[i] == "from" ? from : every) = n;
    }
    if (!every && cadence == 0) {
      return fail(Errc::kMalformed, where_ + signal->name +
                                        " is declared without a cadence: say every N steps here, "
                                        "or in its declaration");
    }
    series.every = every.value_or(cadence);
    series.from = from.value_or(phase().start / series.every * series.every + series.every);
    auto parsed = parse_values(values, script_.hello, *signal, where_);
    if (!parsed) return tl::unexpected(parsed.error());
    series.values = std::move(*parsed);
    phase().series.push_back(std::move(series));
    return {};
  }

  Result<void> take_event(const Words& words, const Words& rest) {
    const auto step = words.size() == 2 ? parse_integer(words[1]) : std::nullopt;
    if (!step || *step < phase().start || rest.empty()) {
      return fail(Errc::kMalformed, where_ + "expected do STEP: ... with a step of at least " +
                                        std::to_string(phase().start));
    }
    if (auto next = next_phase(rest)) {
      // What comes after it belongs to the new stretch; the old one lasts up to here.
      ScriptEvent stop;
      stop.kind = ScriptEvent::Kind::kApplied;
      stop.step = *step;
      phase().events.push_back(stop);
      script_.tests.back().phases.push_back(*next);
      return {};
    }
    auto event = parse_event(rest, where_);
    if (!event) return tl::unexpected(event.error());
    event->step = *step;
    event->line = number_;
    phase().events.push_back(std::move(*event));
    return {};
  }

  // "rollback to 0" and "resume at 30" begin one.
  [[nodiscard]] static std::optional<ScriptPhase> next_phase(const Words& words) {
    if (words.size() != 3) return std::nullopt;
    const auto step = parse_integer(words[2]);
    if (!step || *step < 0) return std::nullopt;
    ScriptPhase phase;
    phase.start = *step;
    if (words[0] == "rollback" && words[1] == "to") {
      phase.begin = ScriptPhase::Begin::kRollback;
    } else if (words[0] == "resume" && words[1] == "at") {
      phase.begin = ScriptPhase::Begin::kResume;
    } else {
      return std::nullopt;
    }
    return phase;
  }

  Result<void> take_expected(const Words& words, std::string_view rest) {
    const std::string range = words.size() == 2 ? words[1] : "";
    const std::size_t dots = range.find("..");
    const auto first = parse_integer(range.substr(0, dots));
    const auto last = dots == std::string::npos ? first : parse_integer(range.substr(dots + 2));
    if (!first || !last || *first < phase().start || *last < *first) {
      return fail(Errc::kMalformed, where_ +
                                        "expected at STEP: ... or at FIRST..LAST: ... with steps "
                                        "of at least " +
                                        std::to_string(phase().start));
    }
    auto expected = parse_expectations(rest, script_.document, where_);
    if (!expected) return tl::unexpected(expected.error());
    for (Expectation& item : *expected) {
      item.first = *first;
      item.last = *last;
      item.line = number_;
      phase().expected.push_back(std::move(item));
    }
    return {};
  }

  Script& script_;
  std::string where_;
  std::string policy_path_;
  int number_ = 0;
};

Result<policy::Document> document_of(const std::string& path, const std::string& inline_text,
                                     const std::filesystem::path& script) {
  if (!path.empty()) {
    const std::filesystem::path named(path);
    return read_policy(named.is_absolute() ? named : script.parent_path() / named);
  }
  policy::Parsed parsed = policy::parse(inline_text, script.string());
  if (parsed.document) return std::move(*parsed.document);
  std::string all;
  for (const policy::Diagnostic& diagnostic : parsed.diagnostics) {
    if (diagnostic.severity != policy::Severity::kError) continue;
    all += (all.empty() ? "" : "; ") + policy::to_text(diagnostic, script.string());
  }
  return fail(Errc::kMalformed, all);
}

}  // namespace

std::int64_t ScriptPhase::last() const {
  std::int64_t out = start;
  for (const ScriptSeries& line : series) out = std::max(out, line.last());
  for (const ScriptEvent& event : events) out = std::max(out, event.step);
  for (const Expectation& item : expected) out = std::max(out, item.last);
  return out;
}

Result<Script> parse_script(std::string_view text, const std::filesystem::path& file) {
  Script script;
  script.file = file.string();
  script.hello = empty_declaration();
  std::string own(text);
  auto inline_policy = cut_inline(own, script.file);
  if (!inline_policy) return tl::unexpected(inline_policy.error());
  // The policy first: expectations name its rules, knobs and detectors.
  for (const TextLine& line : lines_of(own)) {
    const Words words = words_of(line.text);
    if (words.front() == "policy" && words.size() == 2) script.policy_file = words[1];
  }
  if (script.policy_file.empty() == !inline_policy->has_value()) {
    return fail(Errc::kMalformed, script.file +
                                      ": expected one policy, as policy FILE (relative to this "
                                      "file) or between lines policy \"\"\" and \"\"\"");
  }
  auto document = document_of(script.policy_file, inline_policy->value_or(""), file);
  if (!document) return tl::unexpected(document.error());
  script.document = std::move(*document);
  Parser parser(script);
  for (const TextLine& line : lines_of(own)) {
    if (auto taken = parser.take(line); !taken) return tl::unexpected(taken.error());
  }
  if (script.tests.empty()) {
    return fail(Errc::kMalformed,
                script.file + ": expected at least one line test \"NAME\", found none");
  }
  return script;
}

}  // namespace phaseguard::ctl
