// What the panels print, as plain rows: made from a Model or a RunState and nothing else, so that
// every word an operator reads can be tested without a window. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "monitor/dashboard/model/alarms.h"
#include "monitor/dashboard/model/knobs.h"
#include "monitor/dashboard/model/model.h"

namespace phaseguard::dashboard {

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

struct RuleRow {
  std::string name;
  std::string state;  // what is true of it now: "latched since step 10", "streak 1 of 2", ...
  bool fired = false;
  bool inhibited = false;
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
  bool active = false;         // frames come
  Level level = Level::kNone;  // of the alarm that it is
  std::string protection;      // broken: what still holds
};
[[nodiscard]] std::vector<LinkRow> link_rows(const Model& model);

enum class EventKind { kTrip, kDecision, kCommand, kApplied, kRequest, kSegment, kLink, kEnd };
struct EventRow {
  EventKind kind = EventKind::kDecision;
  Seq seq;
  Step step{-1};
  double t = 0.0;
  std::string text;             // whole sentence
  std::string mark;             // short, for a plot; "": not marked
  Level level = Level::kNone;   // of a trip
  std::int64_t decision = 0;    // whose evidence a click shows; 0: none
  bool without_effect = false;  // a command that was refused, or that changed nothing
};
// Newest last, at most `limit` of the newest.
[[nodiscard]] std::vector<EventRow> event_rows(const run::RunState& state, std::size_t limit);

// The rule that this very decision of a step made fire (later ones repeat its step in their
// evidence); a rule that moves a knob or asks for something goes before one that only raises an
// alert. nullptr: none.
[[nodiscard]] const std::string* rule_fired_by(const wire::Decision& decision, Step step);

// Steps in which some knob protected the run in the present segment, and by whom; an open one ends
// at `until`. They do not overlap: where several knobs were in force, all are named.
struct Interval {
  double from = 0.0;
  double to = 0.0;
  std::string text;                                   // "kl by rule defend"
  wire::CauseKind cause = wire::CauseKind::kInitial;  // an operator's before all others
  bool by_guard = false;                              // of the trainer, without the daemon
};
[[nodiscard]] std::vector<Interval> protected_intervals(const run::RunState& state, double until);

// "rule defend", "operator ann", "policy base" from a setting's cause.
[[nodiscard]] std::string who(const wire::Cause& cause);
// "force kl 2", "release kl".
[[nodiscard]] std::string text_of(const wire::Command& command);
// Why no run is shown, and what is waited for.
[[nodiscard]] std::string waiting_text(const Model& model);
// Of a recording on its way: "reading 34 %: 3400 of 10000 messages"; "" when it is all there. And
// what part of it has come, 0..1.
[[nodiscard]] std::string reading_text(const SourceState& source);
[[nodiscard]] double part_read(const SourceState& source);
// Four digits: "2", "0.000305", "1e+300"; "-" for NaN.
[[nodiscard]] std::string short_number(double value);
// "< 1 s", "12 s", "3 min", "2 h"; "-" for NaN.
[[nodiscard]] std::string age_text(double seconds);
// Whether every word of `wanted` stands in `text`, whatever the case of A to Z. No word: it does.
[[nodiscard]] bool has_words(const std::string& text, const std::string& wanted);
// Outside text on one line, cut: plain() (monitor/base/printable.h).
[[nodiscard]] std::string one_line(const std::string& text, std::size_t max_bytes = 240);

}  // namespace phaseguard::dashboard
