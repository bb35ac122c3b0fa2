// What stands after the colon of `do` and `at` lines of a policy test. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "monitor/base/result.h"
#include "monitor/ctl/policytest/policy_script.h"

namespace phaseguard::ctl {

// force KNOB VALUE, release KNOB, reset RULE, inhibit RULE, allow RULE, each with by NAME, reason
// TEXT, expires N, version N; applied KNOB VALUE; REQUEST done|failed|refused [TEXT]; end [REASON].
// Errors begin with `where`.
[[nodiscard]] Result<ScriptEvent> parse_event(const std::vector<std::string>& words,
                                              const std::string& where);

// "rule.defend latched, kl = 2, request rollback to 0, alert critical, nothing". Names are those of
// the policy.
[[nodiscard]] Result<std::vector<Expectation>> parse_expectations(std::string_view text,
                                                                  const policy::Document& document,
                                                                  const std::string& where);

}  // namespace phaseguard::ctl
