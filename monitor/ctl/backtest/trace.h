// What policies make of one recorded run, in numbers: for backtests and their benchmark. One pass
// over the file for any number of policies; memory does not grow with the run.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "monitor/base/result.h"
#include "monitor/policy/document.h"
#include "monitor/store/reader.h"
#include "monitor/wire/messages.h"

namespace phaseguard::ctl {

// The largest value that a detector compared with its threshold, past its warm-up.
struct DetectorPeak {
  double peak = wire::kNaN;  // NaN: it never had one
  Step step{-1};
  std::int64_t measurements = 0;  // counted ones
};

// One policy on one run.
struct RunTrace {
  // The first time the policy acted: raised a knob above its base, or asked the trainer for
  // something. A policy that can do neither acts by an alert above "info". Step -1: never.
  Step acted{-1};
  std::string rule;           // the rule behind it; "": a controller at work since the start
  std::string summary;        // of the decision
  bool at_floor = false;      // at the earliest step at which that rule could fire
  bool after_raise = false;   // after the recording's own first raise: a hypothesis
  Step floor{-1};             // earliest step at which any acting rule could fire; -1: not known
  std::int64_t lead = 0;      // updates between acting and the end of the record
  std::vector<double> spent;  // per knob of the policy: value summed over the updates made
  std::vector<DetectorPeak> peaks;  // per detector of the policy
};

struct TraceOptions {
  std::string rule;          // count only this rule's firing as acting; "": as RunTrace::acted says
  Step until_step{-1};       // peaks up to this step; -1: to the end
  bool until_raise = false;  // peaks up to the recording's own first raise
};

// What a file says of itself, and one trace per policy, or why the policy does not fit.
struct TracedRun {
  RunId run;
  std::string label;  // of its last declaration
  // First step at which the trainer reported a knob above its initial value, or a rollback: signals
  // after it were made under it. -1: never.
  Step raised{-1};
  Step intervened{-1};       // as run::Intervened
  std::int64_t updates = 0;  // made in all, those that a rollback undid included
  std::int64_t samples = 0;
  std::vector<Result<RunTrace>> traces;
};

// Commands in the record are passed over: an operator gave them under another policy. Errors: the
// file cannot be read, or declares no trainer.
[[nodiscard]] Result<TracedRun> trace(const store::Reader& reader,
                                      const std::vector<policy::Document>& documents,
                                      const TraceOptions& options);

// Names of the rules whose firing counts under `options`.
[[nodiscard]] std::vector<std::string> acting_rules(const policy::Document& document,
                                                    const TraceOptions& options);

}  // namespace phaseguard::ctl
