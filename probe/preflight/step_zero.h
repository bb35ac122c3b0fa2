// What a policy would do with a data set, told before the run: its detectors are fed with the
// batches that the run would draw, at step 0 and at the measurements after it, and nothing else.
// Signals that only a model in training has are not known here and stay silent. Pure; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "monitor/base/result.h"
#include "monitor/policy/document.h"
#include "monitor/wire/messages.h"
#include "probe/preflight/summary.h"

namespace phaseguard::preflight {

struct StepZeroOptions {
  double flag_llr = 1.0;          // of data/llr_share, as in Options
  std::size_t batch = 16;         // samples a step
  std::int64_t cadence = 5;       // steps between measurements
  std::size_t measurements = 20;  // after step 0
};

// One measurement and what became of it.
struct Decided {
  std::int64_t step = 0;
  std::string summary;                   // the decision's one line
  std::vector<wire::KnobSetting> knobs;  // after it
  std::vector<std::string> requests;
  std::vector<wire::Alert> alerts;
};

struct StepZero {
  wire::PolicyLoaded policy;
  std::vector<wire::DetectorEvidence> detectors, detectors_after;  // at step 0; after the last
  std::vector<wire::RuleEvidence> rules, rules_after;
  std::vector<Decided> decisions;          // at or after step 0
  std::optional<std::int64_t> first_rise;  // first step at which a knob leaves its base
  std::int64_t last_step = 0;
  std::vector<std::string> fed, silent;  // signals of the policy that the pass knows, and not
};

// The largest value any rule can set the knob "kl" to, with the rule's name; none: no rule sets it.
struct LargestLambda {
  double value = 0.0;
  std::string rule;
};
[[nodiscard]] std::optional<LargestLambda> largest_lambda(const policy::Document& document);

// Errors: no sample; a policy that does not fit any declaration made of these signals (the message
// names every misfit).
[[nodiscard]] Result<StepZero> step_zero(const policy::Document& document,
                                         const std::vector<probe::SampleScore>& samples,
                                         const StepZeroOptions& options);

}  // namespace phaseguard::preflight
