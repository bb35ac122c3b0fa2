// Why a rule has not fired: what is missing, told from the evidence that a Status or a Decision
// carries. Pure.
#pragma once

#include <string>
#include <vector>

#include "monitor/base/types.h"
#include "monitor/policy/document.h"
#include "monitor/wire/messages.h"

namespace phaseguard::policy {

// One thing that would have to be otherwise. Each term of a rule that counts already has none.
struct Missing {
  std::string what;    // a detector or "rule NAME" that does not count yet; "": of the rule itself
  std::string text;    // "0.28, has to be > 0.4 (0.12 more)", "not before step 40", ...
  double of_line = 0;  // statistic / threshold where both are known and above 0; NaN otherwise
};

// What stands between a quiet rule and its firing, the rule's own reasons first, then its terms as
// in the policy. Empty: it is in force, or nothing is missing that the evidence tells. `rules` and
// `detectors`: of RunState, newest; `step`: where the trainer is. A rule that is not of the
// document: empty.
[[nodiscard]] std::vector<Missing> why_not_yet(const Document& document, const std::string& rule,
                                               const std::vector<wire::RuleEvidence>& rules,
                                               const std::vector<wire::DetectorEvidence>& detectors,
                                               Step step);

// "judge: 0.28, has to be > 0.4 (0.12 more)".
[[nodiscard]] std::string to_text(const Missing& missing);

}  // namespace phaseguard::policy
