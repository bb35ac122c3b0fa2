// What the panels print, as plain rows: made from a Model or a RunState and nothing else, so that
// every word an operator reads can be tested without a window. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "monitor/dashboard/model/model.h"

namespace phaseguard::dashboard {

enum class Level { kNone, kInfo, kMedium, kHigh, kCritical };
[[nodiscard]] Level level_of(const wire::Word<wire::Severity>& severity);

// An alarm in force. `number`: 1 critical, 2 high, 3 medium, as on the banner.
struct Alarm {
  Level level = Level::kMedium;
  int number = 3;
  std::string word;  // "CRITICAL" | "HIGH" | "MEDIUM"
  std::string text;
};
// Worst first; information is not an alarm.
[[nodiscard]] std::vector<Alarm> alarms(const Model& model);

struct SignalRow {
  std::string name;  // "canary/js"
  std::string unit;
  double value = wire::kNaN;
  Quality quality = Quality::kMissing;
  Step step{-1};
  bool overdue = false;
  bool watched = false;         // a detector looks at it
  bool voting = false;          // and its condition holds
  Level level = Level::kNone;   // of the gravest rule a voting detector counts for
  double of_line = wire::kNaN;  // statistic / threshold: 1 at the line
  const run::Series* series = nullptr;
  std::string fates;  // "3 late, 12 joined": of its values, those not decided on as they came
  bool declared = true;
};
// Those that were not declared come last. In the order of the plots: watched first, derived ones
// among them; items are left out.
[[nodiscard]] std::vector<SignalRow> signal_rows(const run::RunState& state,
                                                 const run::Health& health);

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
  // The trainer applies what it was sent: the decided value; in shadow mode what an operator
  // raised.
  bool confirmed = false;
  bool asked = true;  // false: shadow mode, and nothing is sent that it could confirm
  double decided = wire::kNaN;
  double sent = wire::kNaN;  // NaN: not known (a recording keeps no copy of what was sent)
  double applied = wire::kNaN;
  double in_force = wire::kNaN;  // what a command is a raise or a lowering against
  Step since{-1};
  std::string who;                   // "rule defend", "operator ann", "policy base"
  double forced_value = wire::kNaN;  // of an operator's override, with who and why
  std::string forced_by;
  std::string reason;
  Step expires{-1};
  double min = 0.0;  // the range in force
  double max = 0.0;
  std::string limits;  // who set it: "the policy", ...
  double trip_value = wire::kNaN;
  wire::Protects protects = wire::Protects::kUp;
  double initial = 0.0;
};
// Of the daemon's own judgement: the decided value; in shadow mode, where that is not sent, the
// applied one.
[[nodiscard]] double in_force_of(const run::RunState& state, const run::KnobState& knob);
// In the order of the declaration.
[[nodiscard]] std::vector<KnobView> knob_views(const Model& model);

// "PROTECTED: kl 2, lr_scale 0.1", "NO PROTECTION IN FORCE", "shadow: nothing is sent", "no knob";
// of a run in shadow mode in which somebody raised a knob, since when.
[[nodiscard]] std::string protection_text(const Model& model);

struct RuleRow {
  std::string name;
  std::string state;  // what is true of it now: "latched since step 10", "streak 1 of 2", ...
  bool fired = false;
  bool at_floor = false;
  std::string votes;                   // "2 of 3, needs 2"
  std::string earliest;                // "earliest possible: step 10"
  std::vector<std::string> detectors;  // "llr 2/2"
  std::vector<bool> voting;            // of each of them
  Level level = Level::kNone;
};
[[nodiscard]] std::vector<RuleRow> rule_rows(const run::RunState& state);

// A hop of the chain trainer - daemon - dashboard.
struct LinkRow {
  std::string name;
  std::string word;  // "active", "silent", ...
  double age_s = wire::kNaN;
  bool good = false;
  bool active = false;     // frames come
  std::string protection;  // broken: what still holds
};
[[nodiscard]] std::vector<LinkRow> link_rows(const Model& model);

enum class EventKind { kTrip, kDecision, kCommand, kApplied, kRequest, kSegment, kLink, kEnd };
struct EventRow {
  EventKind kind = EventKind::kDecision;
  Seq seq;
  Step step{-1};
  double t = 0.0;
  std::string text;            // whole sentence
  std::string mark;            // short, for a plot; "": not marked
  Level level = Level::kNone;  // of a trip
  std::int64_t decision = 0;   // whose evidence a click shows; 0: none
};
// Newest last, at most `limit` of the newest.
[[nodiscard]] std::vector<EventRow> event_rows(const run::RunState& state, std::size_t limit);

// Steps in which some knob protected the run in the present segment; an open one ends at `until`.
struct Interval {
  double from = 0.0;
  double to = 0.0;
};
[[nodiscard]] std::vector<Interval> protected_intervals(const run::RunState& state, double until);

// The severity a rule declares; a rule that moves a knob counts as high when it declares none.
[[nodiscard]] Level level_of_rule(const run::RunState& state, const std::string& rule);

// The gravest of the rules that count this detector; at least information.
[[nodiscard]] Level level_of_detector(const run::RunState& state, const std::string& detector);

// "rule defend", "operator ann", "policy base" from a setting's cause.
[[nodiscard]] std::string who(const wire::Cause& cause);
// "0.2 s", "12 s", "3 min", "2 h"; "-" for NaN.
[[nodiscard]] std::string age_text(double seconds);
// Outside text on one line, cut: plain() (monitor/base/printable.h).
[[nodiscard]] std::string one_line(const std::string& text, std::size_t max_bytes = 240);

}  // namespace phaseguard::dashboard
