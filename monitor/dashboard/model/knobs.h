// The knobs of the run that is shown and what a command to one is about. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "monitor/dashboard/model/alarms.h"
#include "monitor/dashboard/model/model.h"

namespace phaseguard::dashboard {

enum class KnobMode {
  kOff,        // it does not protect the run, and the policy decides
  kAutoOn,     // it protects the run, by the policy
  kForcedOn,   // by an operator
  kForcedOff,  // an operator holds it where it does not protect
  kShadow      // decided and recorded, never sent
};
[[nodiscard]] const char* name_of(KnobMode mode);  // "OFF", "AUTO-ON", ...

// One declared knob and its three lives.
struct KnobView {
  std::string name;
  KnobMode mode = KnobMode::kOff;
  bool protecting = false;  // the value that the trainer applies protects the run
  bool forced = false;
  bool adopted = false;  // it is where it is because the daemon adopted that from the trainer
  // The trainer applies what it was sent: the decided value; in shadow mode what an operator
  // raised.
  bool confirmed = false;
  bool asked = true;  // false: shadow mode, and nothing is sent that it could confirm
  double decided = wire::kNaN;
  double sent = wire::kNaN;  // NaN: not known (a recording keeps no copy of what was sent)
  double applied = wire::kNaN;
  double in_force = wire::kNaN;      // what a command is a raise or a lowering against
  Step since{-1};                    // first step at which the applied value was in force
  Step decided_since{-1};            // step of the decision that set the decided value
  std::string who;                   // "rule defend", "operator ann", "policy base"
  Level alarm = Level::kNone;        // in force about this knob
  double forced_value = wire::kNaN;  // of an operator's override, with who and why
  std::string forced_by;
  std::string reason;
  Step expires{-1};
  double min = 0.0;  // the range in force
  double max = 0.0;
  std::string limits;  // who set it: "the policy", ...
  double trip_value = wire::kNaN;
  double rule_value = wire::kNaN;  // the most protecting that a rule of the policy sets; NaN: none
  wire::Protects protects = wire::Protects::kUp;
  double initial = 0.0;
};
// Of the daemon's own judgement: the decided value; in shadow mode, where that is not sent, the
// applied one.
[[nodiscard]] double in_force_of(const run::RunState& state, const run::KnobState& knob);
// In the order of the declaration.
[[nodiscard]] std::vector<KnobView> knob_views(const Model& model);
// Its three lives in a line: "2 decided, sent, applied since step 14", "decided 2, sent 2, applied
// 0: NOT YET CONFIRMED". Of a recording nobody knows what was sent.
[[nodiscard]] std::string values_text(const KnobView& knob, bool live);
// Whose the decided value is: "rule defend since step 14", "operator ann since step 30 until step
// 230: looks odd".
[[nodiscard]] std::string author_text(const KnobView& knob);

// "PROTECTED: kl 2, lr_scale 0.1", "NO PROTECTION IN FORCE", "shadow: nothing is sent", "no knob";
// of a run in shadow mode in which somebody raised a knob, since when.
[[nodiscard]] std::string protection_text(const Model& model);

// What a dialog proposes to force it to: what the policy itself would set at most, else its limit
// on the side that protects; never less than what is in force, and within the limits in force.
[[nodiscard]] double proposed_value(const KnobView& knob);

// What a dialog showed of a knob when it opened. The command is about this and nothing else.
struct Subject {
  RunId run;
  Step step{-1};
  std::int64_t version = 0;  // of the run's state
  KnobView knob;
};
// A run is shown.
[[nodiscard]] Subject subject_of(const Model& model, const KnobView& knob);
// Why no command about it can be given any more, in a sentence: another run is shown, the link is
// down, the run has ended, knob or limits are not what they were. "": it can. That the run went on
// is no reason.
[[nodiscard]] std::string obstacle_to(const Model& model, const Subject& subject);
// Why this value would not be the raise, or the same, that it was when the dialog opened.
[[nodiscard]] std::string obstacle_to_raise(const Model& model, const Subject& subject,
                                            double value);
// The same of what was adopted for it: nothing is any more.
[[nodiscard]] std::string obstacle_to_let_go(const Model& model, const Subject& subject);
// The same of a release: the override is not the one that was shown.
[[nodiscard]] std::string obstacle_to_release(const Model& model, const Subject& subject);

}  // namespace phaseguard::dashboard
