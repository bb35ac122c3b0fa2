// Sentences about one detector and one rule. Private to the policy room.
#pragma once

#include <string>

#include "monitor/policy/document.h"

namespace phaseguard::policy {

[[nodiscard]] std::string detector_text(const Document& document, const DetectorSpec& detector);

[[nodiscard]] std::string rule_text(const Document& document, const RuleSpec& rule);

// "judge", or "rule defend".
[[nodiscard]] std::string term_name(const Document& document, const Term& term);

}  // namespace phaseguard::policy
