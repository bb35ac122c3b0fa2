// The compact notation of a series in a policy test. Pure.
#pragma once

#include <string>
#include <vector>

#include "monitor/base/result.h"
#include "monitor/ctl/policytest/policy_script.h"

namespace phaseguard::ctl {

// `words`: 0.1  0.1x3 (three times)  0.1..0.5x5 (a straight line)  nan  inf  missing  - (nothing is
// sent)  [0.1,0.2] (one value per item; | may separate rows). A number for a signal that runs over
// canaries stands for each of them. Errors begin with `where`.
[[nodiscard]] Result<std::vector<ScriptValue>> parse_values(const std::vector<std::string>& words,
                                                            const wire::Hello& hello,
                                                            const wire::SignalDecl& signal,
                                                            const std::string& where);

}  // namespace phaseguard::ctl
