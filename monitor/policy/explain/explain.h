// A policy in plain English: what it watches, when it acts, what then happens, who wins, and what
// becomes of bad data, missing data and a lost link. For `phaseguard policy explain`; pure.
#pragma once

#include <string>
#include <vector>

#include "monitor/base/types.h"
#include "monitor/policy/document.h"
#include "monitor/wire/messages.h"

namespace phaseguard::policy {

// One knob, detector or rule.
struct ExplainedPart {
  std::string name;
  std::string text;                // sentences
  std::string null_hypothesis;     // detectors: what its false alarms assume, or that nothing does
  Step earliest{-1};               // rules: first step at which it can fire; -1: not known
  std::vector<std::string> above;  // rules: detectors and rules it looks at
};

struct Explanation {
  std::string summary;                                          // one sentence
  std::vector<ExplainedPart> knobs, signals, detectors, rules;  // signals: what they must mean
  std::vector<std::string> precedence;                          // who wins on a knob, highest first
  std::vector<std::string> failures;                            // bad, missing, lost link, resume
};

// `hello` says the cadence that earliest steps come from. A policy that does not fit it is
// explained all the same, with no earliest steps.
[[nodiscard]] Explanation explain(const Document& document, const wire::Hello& hello);

// The whole as text of lines up to 100 columns.
[[nodiscard]] std::string to_text(const Explanation& explanation);

// A declaration that this policy fits, with every signal measured each `cadence` steps (> 0): for
// explaining a policy before there is a trainer.
[[nodiscard]] wire::Hello assumed_declaration(const Document& document, std::int64_t cadence);

}  // namespace phaseguard::policy
