// RunState = fold(messages): everything a viewer, a report or a restarted daemon knows of a run,
// made from its recorded messages in order. The same function in daemon, dashboard, command line
// and replay. Pure; the caller owns the state and its thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory_resource>
#include <optional>
#include <string>
#include <vector>

#include "monitor/run/derived.h"
#include "monitor/run/lineage.h"
#include "monitor/run/report_fate.h"
#include "monitor/run/series.h"
#include "monitor/wire/messages.h"
#include "monitor/wire/parts.h"

namespace phaseguard::run {

// Lists of events keep their newest entries; `dropped` says how many older ones went.
inline constexpr std::size_t kMaxEntries = 20000;

template <class T>
struct Log {
  std::deque<T> entries;
  std::int64_t dropped = 0;

  void push(T entry) {
    entries.push_back(std::move(entry));
    if (entries.size() > kMaxEntries) {
      entries.pop_front();
      ++dropped;
    }
  }
};

// A message of the record with its place.
template <class Body>
struct Entry {
  Seq seq;
  Step step;
  double t = 0.0;
  Body body;
};

struct SignalState {
  wire::SignalDecl declaration;  // of the last Hello that names it; name alone when none does
  bool declared = false;
  bool is_item = false;  // one canary's values of a signal whose items are canaries
  Series series;
  double value = wire::kNaN;  // last one, raw: what the trainer sent, even when BAD
  Quality quality = Quality::kMissing;
  Step step{-1};  // -1: none yet
  double t = 0.0;
  std::vector<double> items;  // of the last sample
  double lower = wire::kNaN;
  double upper = wire::kNaN;
  std::int64_t good = 0;
  std::int64_t bad = 0;
  std::int64_t missing = 0;
};

// Steps [from, to] of one segment in which a knob protected the run (protection.h). `to` = -1: it
// still does.
struct OnInterval {
  std::int64_t attempt = 0;
  std::int64_t segment = 0;
  Step from{0};
  Step to{-1};
};

// From this step of a segment on, what the trainer had in force was there for this reason.
struct AppliedCause {
  std::int64_t attempt = 0;
  std::int64_t segment = 0;
  Step step;
  wire::Cause cause;
  bool by_guard = false;  // the trainer's own guard decided, without the daemon
};

struct KnobState {
  wire::KnobDecl declaration;
  // One point per change, at the step of the change: a staircase. The last value holds.
  Series decided;
  Series applied;
  double decided_value = wire::kNaN;
  double applied_value = wire::kNaN;
  Step decided_step{-1};   // of the decision that set the present decided value
  Step applied_step{-1};   // first step at which the present applied value was in force
  Step reported_step{-1};  // of the last Applied
  Seq reported_seq;
  wire::Cause cause;  // of the decided value
  std::int64_t decision = 0;
  wire::Cause applied_cause;
  std::int64_t applied_decision = 0;
  std::vector<OnInterval> on_decided;
  std::vector<OnInterval> on_applied;
  std::vector<AppliedCause> applied_causes;  // one for each change of it

  // The trainer reported the decided value as in force.
  [[nodiscard]] bool confirmed() const { return decided_value == applied_value; }
};

// An attempt (one trainer process), or a rollback within it.
struct Segment {
  std::int64_t attempt = 0;
  std::int64_t segment = 0;  // 0, then +1 for each rollback of the attempt
  Step start;                // first step of the segment
  Step from_step{-1};        // rollback: the step at which the trainer stood; -1: a new attempt
  double t = 0.0;
  Seq seq;
};

struct RequestState {
  wire::Request request;
  Seq seq;                            // of the decision
  Step step;                          // of the decision
  double t = 0;                       // of the decision
  wire::Word<wire::Outcome> outcome;  // not given: none was reported yet
  std::string detail;
  Step restored_step{-1};
  Step done_step{-1};  // at which the trainer stood when it reported the outcome
};

// Messages of the present attempt that are not in the record, and never will be.
struct Gaps {
  std::int64_t skipped = 0;  // the trainer said that it cannot send them any more
  std::int64_t missing = 0;  // nobody said anything
  Seq from{-1};              // the newest gap
  Seq to{-1};
  Step step{-1};
};

struct RunState {
  RunId run;
  // Where the points of its signals are kept; it must outlive the state and its copies.
  std::pmr::memory_resource* memory = std::pmr::get_default_resource();
  // Declaration: the last Hello.
  std::optional<wire::Hello> hello;
  std::int64_t attempt = 0;  // highest seen; 0: no trainer yet
  std::int64_t segment = 0;  // of that attempt
  std::vector<Segment> segments;
  Lineage lineage;
  wire::Word<wire::Label> label;
  std::int64_t total_steps = 0;
  std::int64_t cadence_steps = 0;
  Step step{-1};       // of the trainer's last message; falls on rollback
  double t = 0.0;      // wall seconds of the last recorded message; annotation only
  double first_t = 0;  // of the first one

  // By signal name, plus one derived series `canary/js/<canary id>` per item of a signal whose
  // items are canaries.
  std::map<std::string, SignalState> signals;
  // What detectors of the policy watch that is no signal, by DetectorInfo::signal.
  std::map<std::string, Derived> derived;
  std::map<std::string, KnobState> knobs;
  Fates fates;        // of all values that were reported
  wire::Parts parts;  // of a step that are not all there yet
  Gaps gaps;          // numbers of the trainer that never came

  std::optional<wire::PolicyLoaded> policy;
  Log<Entry<wire::Decision>> decisions;
  Log<Entry<wire::Command>> commands;
  Log<Entry<wire::LinkChange>> links;
  Log<Entry<wire::Alert>> alerts;  // of decisions, in order
  std::vector<RequestState> requests;
  std::optional<wire::Goodbye> goodbye;  // of the present attempt
  // State version of the newest control that the present attempt said it obeys; -1: it does not
  // say.
  std::int64_t applied_version = -1;

  // Latest known, from the last Decision or a later Status.
  std::vector<wire::DetectorEvidence> detectors;
  std::vector<wire::RuleEvidence> rules;
  std::int64_t state_version = 0;
  wire::Word<wire::Mode> mode;
  // First step at which the trainer applied a value that an operator raised, or that was adopted
  // from it, under a policy in shadow mode: from there on the run is not as if unwatched. -1:
  // never.
  Step intervened_step{-1};

  // The last Status of a live daemon: link word and ages, override, epoch. Not part of the record.
  std::optional<wire::Status> status;
  double status_t = 0.0;  // the daemon's wall clock when it was sent

  Seq last_seq;                 // highest folded
  std::int64_t duplicates = 0;  // messages dropped because their seq was already folded
  std::int64_t skipped = 0;     // seqs that never came (a hole in the feed)
};

// A recorded message (seq > 0) whose seq is not above last_seq is dropped and counted; one of
// another run is dropped silently. Status may come at any time and leaves last_seq alone. Messages
// without a place in the record (seq 0, and kinds that are never recorded) change nothing.
void fold(RunState& state, const wire::Message& message);

}  // namespace phaseguard::run
