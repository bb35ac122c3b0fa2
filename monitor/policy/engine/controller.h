// What rules want of their knobs from one event to the next. Private to the policy room; the laws
// are in lambda_laws.h.
//
// Inputs. A controller looks at its series' newest measurement once per event, and only when there
// is a new one; the baseline (step 0) counts. ladder, risk_linear, risk_clamp and per_sample listen
// whether or not their rule is in force, so that there is an output at once when it fires.
// adaptive_kl listens while its rule is in force, the event of firing included. An input that is
// BAD, MISSING or outside the law's scale leaves the output as it is; while the rule is in force
// the first of them in a row is told in an alert. Without any GOOD input there is no output, and
// the rule leaves the knob to others.
//
// ramp: output = from + (to - from) * min((step - start) / steps, 1); at firing from = the knob's
// value and start = the step. adaptive_kl: at firing there is no output; the first GOOD input
// updates clamp(init, floor, ceiling), each later one the output.
//
// Bumpless: while the knob has its value from an operator, a ramp begins anew at every event (from
// = that value, start = the step), and adaptive_kl's output is that value within floor..ceiling and
// is not updated.
//
// per_sample: an item is scored when it is finite and, without `above`, in 0..1. Fewer than half
// scored, or no items: BAD. Others: items by the law, an unscored one gets the mean of the scored
// (`unscored` base, law: that), and the knob's value is the mean.
//
// A value that a batch's own report gave holds for that batch alone. For one of which the input
// tells nothing, or what is BAD, the output is by `unscored`: hold (of values per sample the most
// protecting of the last batch's, never their mean), the base, or what the law gives at its highest
// risk. Records without Law::kBatches hold the mean.
#pragma once

#include <vector>

#include "monitor/policy/engine/machine_state.h"

namespace phaseguard::policy {

// A new attempt declares its signals: finds every controller's input again. To be called after
// declare_signals and before restart_signals.
void resolve_controllers(MachineState& state, const wire::Hello& hello);

// A new attempt or segment from `start` on (before the state's step is set to it): outputs are kept
// (of values of a batch what holds for others), and so is what a ramp has done; a risk_linear's
// average begins anew unless it is `carried` over.
void restart_controllers(MachineState& state, Step start, bool carried);

// Rule `index` has just fired.
void start_controllers(MachineState& state, std::size_t index);

// The batch that an event tells of.
struct BatchEvent {
  bool is_new = false;   // items of the one before hold no longer
  std::int64_t id = -1;  // -1: it has none
};

// Takes inputs and lets time pass, after the rules were run. Alerts are added to `alerts`.
void run_controllers(MachineState& state, BatchEvent batch, std::vector<wire::Alert>& alerts);

}  // namespace phaseguard::policy
