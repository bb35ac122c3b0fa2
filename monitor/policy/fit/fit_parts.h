// The parts of check_fit. Private to the policy room.
#pragma once

#include <string>
#include <vector>

#include "monitor/base/table_text.h"
#include "monitor/policy/document.h"
#include "monitor/wire/messages.h"

namespace phaseguard::policy {

using Words = std::vector<std::string>;

// "a, b", or "none".
[[nodiscard]] inline std::string or_none(const Words& words) {
  return words.empty() ? "none" : joined(words);
}

// One detector against the declaration: its source, variant, range, cadence, and whether it can
// hold at all.
void check_detector_fit(const DetectorSpec& spec, const wire::Hello& hello,
                        std::vector<Diagnostic>& out);

// One rule against the declaration: requests, values, sites, and what its controllers look at. A
// knob that is not declared is reported with the knob.
void check_rule_fit(const Document& document, const RuleSpec& rule, const wire::Hello& hello,
                    std::vector<Diagnostic>& out);

}  // namespace phaseguard::policy
