// What a Machine knows, as plain data: all of it is in a snapshot. Private to the policy room.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "monitor/base/elapsed.h"
#include "monitor/base/types.h"
#include "monitor/policy/document.h"
#include "monitor/policy/engine/machine.h"
#include "monitor/policy/laws/detector.h"
#include "monitor/wire/messages.h"
#include "monitor/wire/parts.h"

namespace phaseguard::policy {

// How a track's measurement comes about.
enum class TrackForm : std::uint8_t {
  kValue,      // Sample::value of the declared signal
  kItem,       // one of its items
  kItemsMax,   // the largest of its items
  kItemsMean,  // their mean, summed in order
  kRows,       // its items are distributions; the value is carried for show
  // Of several tracks: a measurement at each step at which every member has one of that same step.
  // A BAD member makes it BAD, else a MISSING one MISSING.
  kMax,
  kMean,
  kDifference,
  kRatio  // BAD where the second is 0
};

// What came so far of one step of a track that joins others.
struct PartialJoin {
  Step step{-1};
  std::int64_t arrived = 0;
  std::vector<Quality> qualities;  // by member; only of those that arrived
  std::vector<double> values;
};

// One series that detectors and controllers look at: a declared signal, an item or group of it, or
// a series derived from others.
struct SignalTrack {
  std::string name;      // to_text of its source
  std::string declared;  // name in the declaration; "" of a track that joins others
  std::string unit;
  TrackForm form = TrackForm::kValue;
  std::int64_t item = -1;  // kItem: index into Sample::items
  bool runs_over_canaries = false;
  bool keeps_items = false;  // `items` below is wanted
  std::int64_t columns = 0;  // kRows: probabilities of one row
  double min = 0.0;          // GOOD range
  double max = 0.0;
  std::int64_t every_steps = 0;        // 0: no fixed cadence, never inferred to be MISSING
  bool watched = false;                // by a detector, a controller or a join
  std::vector<std::int64_t> watchers;  // detectors that look at it
  std::vector<std::int64_t> joins;     // tracks of which it is a member
  std::vector<std::int64_t> members;   // of a track that joins others, in the order of its source

  // The newest measurement, inferred ones and the baseline included.
  Step last{-1};  // -1: none yet
  Quality quality = Quality::kMissing;
  double value = wire::kNaN;  // raw
  std::vector<double> items;  // per sample or canary, where keeps_items; empty: none
  std::int64_t measured = 0;  // grows by one with each measurement of the run
  Step covered{0};            // as `last`, or where the attempt began: gaps start here
  std::int64_t faults = 0;    // BAD or MISSING in a row
  // Of a join: steps of which not every member is there yet, in the order in which they were begun.
  std::vector<PartialJoin> partials;  // kMaxPartials; the first `waiting` are in use
  std::int64_t waiting = 0;
};

struct Override {
  bool active = false;
  bool lowering = false;  // below what the policy would have set when it was accepted
  double value = 0.0;
  std::string operator_name;
  std::string reason;
  Step expires{-1};      // -1: until released
  std::string command;   // id of the command that made it
  bool adopted = false;  // on the trainer's word: the record lacks that command
};

// On whose behalf a knob has its value. KnobSetting::cause says it in words.
enum class MovedBy : std::uint8_t { kBase = 0, kRule = 1, kOperator = 2, kAdopted = 3 };

struct KnobState {
  double min = 0.0;  // limits: the policy's and the declared ones together
  double max = 0.0;
  // As declared, with each hello; not in a snapshot.
  wire::LimitBy limit_by = wire::LimitBy::kPolicy;
  wire::Protects protects = wire::Protects::kUp;
  double value = 0.0;            // decided
  double target = 0.0;           // where slewed moves go
  std::vector<double> items;     // one per sample of the newest batch; empty: `value` for all
  double unscored = wire::kNaN;  // for any other batch; NaN: `value`
  wire::Word<wire::Site> site;   // where its penalty is computed; not given: as declared
  MovedBy cause = MovedBy::kBase;
  std::int64_t cause_rule = -1;  // kRule: index
  std::string cause_operator;    // kOperator, kAdopted: name
  std::int64_t decision = 0;
  Step slewed_to{0};  // step up to which the slew allowance is used
  Override override_;
};

enum class RuleMode : std::uint8_t { kQuiet = 0, kActive = 1, kLatched = 2 };

// When something began, for spans of steps, measurements or seconds.
struct Mark {
  Step step{-1};                  // -1: it has not begun
  std::int64_t points = 0;        // RuleState::points then
  double time = wire::kNaN;       // the trainer's clock then; NaN: not known yet
  std::int64_t before_steps = 0;  // went by in earlier attempts and segments ...
  double before_s = 0.0;          // ... and, in earlier attempts, seconds
};

// One of a rule's controllers; controller.h says what each law keeps.
struct ControllerState {
  std::int64_t track = -1;       // its input; -1: it has none, or it is no longer declared
  std::int64_t seen = 0;         // SignalTrack::measured when the input was last looked at
  double smoothed = wire::kNaN;  // risk_linear: EMA; NaN: no GOOD input yet
  double output = wire::kNaN;    // NaN: none yet, the rule leaves the knob alone
  std::vector<double> items;     // per_sample
  double unscored = wire::kNaN;  // for a batch of which its input tells nothing; NaN: `output`
  std::int64_t rung = -1;        // ladder: -1 is below the first
  double from = 0.0;             // ramp: value ...
  Step start{0};                 // ... and step from which it runs
  std::int64_t batch = -1;       // whose report gave the output; -1: no batch's
  bool bad = false;              // the newest input was BAD or MISSING: output is held
  bool told = false;             // and an alert said so
};

struct Inhibition {
  Step until{-1};  // -1: none
  std::string operator_name;
  std::string reason;
};

// What made something happen: a command, or an event of the trainer in its own numbers.
struct Because {
  std::string command;
  std::int64_t attempt = -1;
  std::int64_t number = -1;
};

struct RuleState {
  RuleMode mode = RuleMode::kQuiet;
  bool armed = true;  // false: reset while its condition held; fires again after it has not held
  Step fired{-1};
  bool at_floor = false;
  std::int64_t order = 0;            // of firing within the run, from 1; 0: has not fired
  std::vector<std::uint8_t> voters;  // by place in `of`: voted since it became active
  std::int64_t seen = 0;             // measurements of its terms' series when it was last run
  std::int64_t points = 0;           // events that brought new ones
  std::int64_t held_points = 0;      // of these, in a row with its condition holding, while quiet
  std::int64_t quiet_points = 0;     // in a row with its condition gone, while active
  Mark held_since;                   // its condition holds since, while quiet
  Mark fired_at;
  Mark quiet_at;                             // it became quiet; not set: it was never active
  std::int64_t rollbacks = 0;                // it asked for
  Mark rollback_at;                          // the newest of them
  Inhibition inhibited;                      // an operator's: it does not fire
  Because because;                           // what made it fire
  std::vector<ControllerState> controllers;  // by place in `sets`
};

struct IssuedRequest {
  std::int64_t id = 0;
  wire::Word<wire::RequestType> type;
  std::int64_t rule = -1;  // that asked for it
  bool fallback = false;   // in place of a rollback that failed
  bool settled = false;    // its outcome has been seen
};

struct HandledCommand {
  std::string id;
  Verdict verdict;
};

// What follows of a rule from the policy, the declaration and the start of the attempt.
struct RuleIndex {
  std::vector<std::size_t> detectors;  // its terms, those of its rule terms included
  std::vector<std::size_t> tracks;     // that they look at
  bool is_timed = false;               // passing time alone can change it
  Step earliest{-1};                   // at which it can fire; -1: not known
};

// The tracks that a sample of one declared signal feeds.
struct DeclaredTracks {
  std::string name;
  std::vector<std::size_t> tracks;
};

struct MachineState {
  Document document;
  std::vector<SignalTrack> tracks;
  std::vector<std::int64_t> track_of;      // by detector: index into tracks; -1: not declared
  std::vector<std::int64_t> least_points;  // by detector, see laws.h; -1: it can never vote
  std::int64_t n_canaries = 0;
  std::int64_t attempt = 0;
  std::int64_t segment = 0;
  Step start_step;  // of the attempt or segment
  Step step;        // newest seen in it
  // Seconds by the clock of the attempt's own events: of what went by (Law::kClock), else the
  // newest header.t; NaN: none yet.
  double time = wire::kNaN;
  bool sums_time = false;  // Law::kClock; not in a snapshot
  bool by_batch = false;   // Law::kBatches; not in a snapshot
  Elapsed elapsed;
  wire::Parts parts;  // of a step that are not all there yet
  std::int64_t decisions = 0;
  std::int64_t firings = 0;
  std::int64_t version = 0;
  std::int64_t steady_version = 0;  // at the last change that was not a slewed move
  std::vector<DetectorState> detectors;
  std::vector<RuleState> rules;
  std::vector<KnobState> knobs;  // of the document, and behind them of `adopted` (knobs.h)
  std::vector<KnobSpec> adopted;
  std::vector<wire::KnobDecl> declared_knobs;  // of the newest hello; not in a snapshot
  std::vector<wire::Held> trainer_held;  // floors (kAdopted), and what it keeps (kKept): held.h
  std::int64_t requests_skipped = 0;     // ids that a lost part of the record may have given out
  std::vector<IssuedRequest> requests;
  std::vector<HandledCommand> commands;  // newest last, at most kMaxCommands

  // Only to find things faster: not in a snapshot, and nothing is decided by it. Tracks that read
  // one declared signal, and the order of the samples in the last report of each origin.
  std::vector<DeclaredTracks> declared;
  std::array<std::vector<std::size_t>, 3> sample_order;  // indices into `declared`
  std::vector<RuleIndex> rule_index;                     // by rule, see index_rules
};

inline constexpr std::size_t kMaxCommands = 4096;
inline constexpr std::int64_t kFaultsToAlarm = 3;  // BAD or MISSING in a row

}  // namespace phaseguard::policy
