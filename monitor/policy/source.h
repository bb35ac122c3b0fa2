// Sources against what a trainer declares. Private to the policy room; pure.
#pragma once

#include <cstdint>
#include <string>

#include "monitor/base/result.h"
#include "monitor/policy/source_spec.h"
#include "monitor/wire/messages.h"

namespace phaseguard::policy {

// A source as declared, for check_fit.
struct SourceFit {
  std::string unit;     // of the series; "": its members' units differ
  std::string variant;  // of the signal, the group or the first of two
  wire::Word<wire::Items>
      items;         // of a source that is one declared signal: what its items run over
  double min = 0.0;  // what GOOD values of the series can be
  double max = 0.0;
  std::int64_t every_steps = 0;  // cadence; the least common multiple of the members'; 0: none
  std::int64_t rows = 0;         // of items = "distribution"
  std::int64_t columns = 0;
};

// Errors: a signal that is not declared (names the declared ones and a near one), a group without
// members, distributions where numbers are needed.
[[nodiscard]] Result<SourceFit> fit_source(const wire::Hello& hello, const SourceSpec& source);

// Cadence of a declared signal: its own, or the trainer's for canary/*; 0: none.
[[nodiscard]] std::int64_t cadence_of(const wire::Hello& hello, const wire::SignalDecl& signal);

// Of two cadences: their least common multiple; 0 when one is 0 or it is too long to matter.
[[nodiscard]] std::int64_t common_cadence(std::int64_t a, std::int64_t b);

// The declaration that `signal` names, itself or by one of its canary items; null: none. `item`:
// its index, -1 for the value itself.
[[nodiscard]] const wire::SignalDecl* find_declared(const wire::Hello& hello,
                                                    const std::string& signal, std::int64_t& item);

// The declared vector signal of which `group` ("canary/js/*") names the items; null: the group
// names declared signals by their prefix.
[[nodiscard]] const wire::SignalDecl* find_vector(const wire::Hello& hello,
                                                  const std::string& group);

// "canary/" of "canary/*".
[[nodiscard]] inline std::string prefix_of(const std::string& group) {
  return group.substr(0, group.size() - 1);
}

}  // namespace phaseguard::policy
