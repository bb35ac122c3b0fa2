// What a trainer is held to: the rows of the checker's table, each with the section of
// docs/PROTOCOL.md that asks for it, and what was found of each. Pure.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "monitor/base/types.h"

namespace phaseguard::check {

enum class Rule : std::uint8_t {
  kFrames,
  kDeclaration,
  kSession,
  kSequence,
  kSteps,
  kParts,
  kValues,
  kSignals,
  kClock,
  kHeartbeat,
  kApplied,
  kKnobs,
  kRange,
  kOrder,
  kExpiry,
  kRequests,
  kJournal,
  kLoss,
  kGoodbye
};
inline constexpr std::size_t kRules = 19;

struct RuleInfo {
  std::string_view name;
  std::string_view section;  // its heading in docs/PROTOCOL.md
};
[[nodiscard]] const RuleInfo& info_of(Rule rule);

// One mistake of a rule; the first of its kind, how often it was seen, and where first.
struct Finding {
  std::string mistake;  // a few words that name its kind: "gap", "micro-batches"
  std::string text;     // what was expected and what was found
  Seq number;           // the trainer's message; 0: none in particular
  Step step{-1};
  std::int64_t times = 1;
};

enum class Verdict : std::uint8_t { kRight, kWrong, kNotSeen };

struct Row {
  std::vector<Finding> findings;
  std::string seen;      // what was measured of a rule that was kept; "": nothing
  std::string not_seen;  // why nothing was
};

[[nodiscard]] inline double seconds_between(Nanos from, Nanos to) {
  return static_cast<double>(to.value - from.value) * 1e-9;
}

class Findings {
 public:
  void add(Rule rule, Finding finding);
  // What was measured; the newest counts.
  void saw(Rule rule, std::string what) { row(rule).seen = std::move(what); }
  // Why it could not be; the first counts.
  void missed(Rule rule, const std::string& why);

  [[nodiscard]] Row& row(Rule rule) { return rows_[static_cast<std::size_t>(rule)]; }
  [[nodiscard]] const Row& row(Rule rule) const { return rows_[static_cast<std::size_t>(rule)]; }
  [[nodiscard]] Verdict verdict(Rule rule) const;
  [[nodiscard]] bool has(Rule rule, std::string_view mistake) const;
  // Rules with a finding.
  [[nodiscard]] std::size_t wrong() const;

 private:
  std::array<Row, kRules> rows_;
};

}  // namespace phaseguard::check
