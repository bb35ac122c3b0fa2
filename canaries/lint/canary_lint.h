// What is wrong with a canary set beyond its format: what would make its mean say less than it
// seems to. For `phaseguard canaries check`, before a run; the hook loads by canary_set.h. Pure,
// any thread, no LibTorch. C++17-clean.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "canaries/prompts/canary_set.h"

namespace phaseguard::canaries {

enum class Flaw : std::uint8_t {
  kBroken,           // parse_canary refuses the line
  kDuplicateId,      // the id of an earlier line
  kDuplicateText,    // the messages of an earlier line: the prompt counts twice in the mean
  kNearIdentical,    // reads as an earlier one, or their pieces overlap by near_identical or more
  kEmpty,            // a message of white space and of what is not seen alone
  kAnswered,         // ends with the assistant's message: nothing is left to answer
  kTooLong,          // costs more of every measurement than a canary should
  kNoCategory,       // no tag: the set's balance cannot be seen
  kMissingCategory,  // a category that was asked for has no canary; line 0
  kEmptySet,         // no canary at all; line 0
};
[[nodiscard]] const char* name_of(Flaw flaw);

struct LintFinding {
  std::size_t line = 0;  // from 1; 0: the whole set
  Flaw flaw = Flaw::kBroken;
  std::string message;  // names the other line where there is one
};

struct LintOptions {
  std::size_t max_prompt_bytes = 4096;  // contents of a canary's messages together
  double near_identical = 0.9;          // Jaccard index of their pieces (likeness.h), 0..1
  std::vector<std::string> categories;  // tags of which each must have a canary
  SetLimits limits;
};

struct LintReport {
  std::vector<LintFinding> findings;              // by line
  std::size_t canaries = 0;                       // lines that could be read
  std::map<std::string, std::size_t> categories;  // canaries by tag
  std::optional<Digest> digest;                   // of the set; none when it would not load
};

// Texts are compared as they read, roles apart. Time grows with the square of the number of
// canaries.
[[nodiscard]] LintReport lint(std::string_view jsonl, std::string_view source,
                              const LintOptions& options = {});

}  // namespace phaseguard::canaries
