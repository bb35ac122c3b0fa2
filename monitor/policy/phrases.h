// Numbers in sentences for people: explain, and the text of a decision. Pure. Private to the policy
// room.
#pragma once

#include <cstdint>
#include <string>

#include "monitor/policy/span.h"

namespace phaseguard::policy {

// "1 step", "3 steps".
[[nodiscard]] std::string count_of(std::int64_t n, const std::string& thing);

// "first step", "first 3 steps".
[[nodiscard]] std::string first_of(std::int64_t n, const std::string& thing);

// "3 measuring intervals", "1 measurement", "1.5 seconds".
[[nodiscard]] std::string amount(const Span& span);

// Three significant digits, for the eye: exact values are in the evidence.
[[nodiscard]] std::string rounded(double value);

}  // namespace phaseguard::policy
