// A rule as a dialog showed it, and what may have changed while it was open. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "monitor/dashboard/model/model.h"

namespace phaseguard::dashboard {

// What a dialog showed of a rule when it opened. The command is about this and nothing else.
struct RuleSubject {
  RunId run;
  Step step{-1};
  std::int64_t version = 0;  // of the run's state
  wire::RuleEvidence rule;
  std::string words;  // its state as it was shown
};
// A run is shown and has this rule.
[[nodiscard]] RuleSubject rule_subject_of(const Model& model, const std::string& rule);
// Why this cannot be done to it any more, in a sentence; "": it can.
[[nodiscard]] std::string obstacle_to(const Model& model, const RuleSubject& subject,
                                      RuleOrder order);
// What it does to the run, in words: "It holds kl at 2: after the reset the policy decides, ...".
[[nodiscard]] std::string effect_of(const Model& model, const RuleSubject& subject,
                                    RuleOrder order);

}  // namespace phaseguard::dashboard
