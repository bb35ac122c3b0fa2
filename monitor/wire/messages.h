// Every message of protocol 1.1 as plain data, listed in one place (docs/PROTOCOL.md is the
// contract for other languages; words.h has its vocabularies). The same structs travel on the
// sockets, are recorded in the run file and are folded into a RunState. C++17-clean, pure; no
// MessagePack type appears here. Units are in the names; `step` counts completed optimiser updates.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "monitor/base/types.h"
#include "monitor/wire/held.h"
#include "monitor/wire/words.h"

namespace phaseguard::wire {

inline constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

struct Version {
  int major = 1;
  int minor = 0;
};
inline constexpr Version kProtocolVersion{1, 1};

// ---- what a trainer declares

// A knob the trainer can move. A penalty's value has no meaning without direction, mask,
// normaliser, form and reference.
struct KnobDecl {
  std::string name;  // "kl", "feature_l2", ...
  std::string unit;  // "1" for a plain weight
  double min = 0.0;
  double max = 0.0;
  double initial = 0.0;  // in force before any decision
  Word<Site> site;
  Word<Direction> direction;
  Word<Mask> mask;
  Word<Normaliser> normaliser;
  Word<Form> form;
  std::string reference;          // id of the frozen reference model
  bool per_sample = false;        // accepts one value per sample of a batch
  std::vector<Word<Site>> sites;  // where a policy may move the penalty to; empty: nowhere else
  Word<Protects> protects{};      // which way it protects the run; not given: up. From 1.1
  bool forcible = false;          // an operator may raise it in shadow mode. From 1.1
  // lambda* = 2 / L of the data, as a pass of the reference found it: the weight above which its
  // answers are not learned. NaN: not measured. From 1.1
  double lambda_star = kNaN;
};

// A signal the trainer will send. `items` names what a per-item vector runs over.
struct SignalDecl {
  std::string name;  // group/name: "canary/js", "judge/score", "train/loss", ...
  std::string unit;  // "nats", "1", ...
  double min = -std::numeric_limits<double>::infinity();
  double max = std::numeric_limits<double>::infinity();
  std::string variant;  // of a divergence: "full", "union_topk_tail", ...
  // Canaries in the order of Hello::canary_ids, samples in that of the batch, or rows of `columns`
  // probabilities, one row per canary.
  Word<Items> items;
  std::int64_t every_steps = 0;  // measured every n steps; 0 = no fixed cadence
  std::int64_t columns = 0;      // of items = "distribution": outcomes of a row; else 0
  Word<Join> join{};             // of the parts of one step (parts.h). From 1.1
  // What it shows of samples known to be clean: mean and sd of its measurements, and their number.
  // NaN, -1: not measured. From 1.1
  double noise_mean = kNaN;
  double noise_sd = kNaN;
  std::int64_t noise_n = -1;
};

// GOOD when finite and inside the declared range, else BAD (docs/POLICY.md). -0.0 and
// denormals are GOOD.
[[nodiscard]] Quality assess(const SignalDecl& declared, double value);

// ---- trainer -> daemon

// First message of an attempt: the run's declaration.
struct Hello {
  std::string session;               // random token of this trainer process
  std::int64_t parent_attempt = -1;  // -1: none
  Step start_step;                   // where this attempt begins (> 0 on resume)
  std::int64_t total_steps = 0;      // as the trainer says; 0 = not known
  std::int64_t cadence_steps = 0;    // canary measurement interval
  std::string hook_version;
  std::string model_id;
  std::string reference_id;
  Word<Label> label;
  std::string canary_set;     // name
  std::string canary_digest;  // SHA-256, 64 hex characters
  std::vector<std::string> canary_ids;
  std::vector<KnobDecl> knobs;
  std::vector<SignalDecl> signals;
  std::vector<Word<RequestType>> requests;  // what the trainer can do
  // "name: text" for the record, such as "preflight: ..."; nothing decides by them.
  std::vector<std::string> notes;

  // From 1.1: what the trainer knows of the record, and what it holds.
  std::string record;         // identity that the last welcome brought; "": none
  Seq position{-1};           // last place in it that the trainer was told of
  Seq from{-1};               // its first number that it can still send
  std::int64_t segment = -1;  // rollbacks of this attempt
  std::vector<Held> held;
  // Of a resume: rollbacks of the whole run that were done when the checkpoint was written, so that
  // one of a line that was given up is known. -1: the checkpoint does not say.
  std::int64_t rollbacks = -1;
  // Which process on which machine this is (base/process.h), so that a daemon there can see that it
  // is dead. "": not said.
  std::string process;
  // What else the trainer can do; nothing is said of it that is not declared.
  bool guard = false;      // decides by the policy itself while no daemon answers
  bool snapshots = false;  // keeps states to roll back to
  bool segments = false;   // counts its rollbacks in Applied::segment

  // Written by the daemon when it records the hello.
  std::vector<Word<Law>> laws;
  std::string key{};  // as Command::key
};

// One value of one signal. Non-finite means "could not be computed".
struct Sample {
  std::string signal;
  double value = kNaN;
  bool missing = false;       // due at this step, and deliberately skipped
  std::vector<double> items;  // per canary or per sample, as declared; empty: none
  double lower = kNaN;        // certified interval of a truncated divergence; NaN: exact value
  double upper = kNaN;
};

// A bundle of values of one step. Sent as kind "step" (train/*), "canary" (canary/*, drift/*, probe
// on canaries) or "batch" (data/*, judge/*: may be sent before the step's update, and before the
// first one).
struct Report {
  enum class Origin : std::uint8_t { kStep, kCanary, kBatch };
  Origin origin = Origin::kStep;
  std::vector<Sample> samples;
  std::int64_t batch = 0;  // id of the batch the values belong to; 0: none
  // decide(): the trainer waits for a Control with answers_batch = batch. Of any origin.
  bool wants_control = false;

  // From 1.1. Part k of n of its step, from 1, as {k, n}; n = 0: not said. Empty: all of it.
  std::vector<std::int64_t> part{};
  double weight = kNaN;  // of the part, > 0: tokens or samples; NaN: 1
};

struct AppliedKnob {
  std::string name;
  double value = kNaN;        // in force during header.step
  std::int64_t decision = 0;  // id of the decision it came from; 0: initial value or local guard
  Cause cause;
  Word<Site> site;  // where its penalty is computed; not given: as declared
};
struct RequestOutcome {
  std::int64_t id = 0;  // of the Request
  Word<Outcome> status;
  std::string detail;      // "restored snapshot of step 0", or why not
  Step restored_step{-1};  // rollback: the snapshot's step
};
// What the hook really did: sent when a value changes and every second.
struct Applied {
  std::vector<AppliedKnob> knobs;
  std::vector<RequestOutcome> requests;
  std::int64_t segment = 0;  // 0, then +1 for each rollback
  Word<Source> source;
  std::int64_t state_version = -1;  // of the newest control obeyed; -1: not said. From 1.1
};

// Both directions.
struct Heartbeat {
  std::string state;  // sender's view of the link: a HookLink of a trainer, a LinkState of a daemon
  std::int64_t dropped = 0;    // values lost to a full ring since the start
  std::int64_t journaled = 0;  // values waiting for the link
  // Of a trainer whose guard lacks what went before: send it a Snapshot. From 1.1.
  bool snapshot = false;
};

struct Goodbye {
  Word<GoodbyeReason> reason;
  std::string detail;
};

// ---- daemon -> trainer

// What a knob goes to when a setting expires.
struct Then {
  double value = kNaN;
  Cause cause;
  Word<Site> site;
};

struct KnobSetting {
  std::string knob;
  double value = 0.0;
  std::vector<double> items;  // one value per sample; empty: `value` for all
  Cause cause;
  std::int64_t decision = 0;  // id of the decision that set it; 0: none yet
  Word<Site> site;            // one of KnobDecl::sites; not given: as declared

  // From 1.1, in welcome and control alone: a lowering ends at this step at the trainer, whether or
  // not the daemon is there. Counts updates in Control::segment; -1: it has no end.
  Step expires_step{-1};
  Then then{};
  // The batch whose own report gave the value, which counts for that batch alone; -1: none did.
  std::int64_t batch = -1;
  // Of such a value: what holds for every other batch; NaN: `value`.
  double unscored = kNaN;
};

struct Welcome {
  std::int64_t epoch = 0;  // fencing: grows with each daemon start and each takeover
  std::int64_t heartbeat_ms = 200;
  std::int64_t stale_ms = 2000;
  std::int64_t lease_ms = 10000;
  std::string policy_text;  // for the local guard; at most 64 KiB
  std::string policy_digest;
  Word<Mode> mode;
  Word<OnLoss> on_loss;
  Seq ack;  // highest sender seq of this attempt already recorded

  // From 1.1.
  std::string record;              // the record's identity, made with its file
  Seq position{-1};                // its last durable place
  std::vector<KnobSetting> knobs;  // in force now, as the next control has them
  std::vector<Held> held;          // of the hello, each with its outcome
  std::int64_t rollbacks = -1;     // of the run before this attempt, as recorded
  Word<Profile> profile{};         // of the policy; not given: watch
  std::vector<Word<Law>> laws{};   // of the recorded hello, for the trainer's own copy
};

struct Reject {
  Word<RejectCode> code;
  std::string reason;  // names what was expected, what was found and what to do
  Version ours;
  Version theirs;
  bool retry = false;
};

// The full desired state, sent on change, every second, and in answer to decide(). Level, not edge.
struct Control {
  std::int64_t epoch = 0;
  std::int64_t state_version = 0;
  Word<Mode> mode;
  std::vector<KnobSetting> knobs;  // shadow mode: empty
  std::int64_t answers_batch = 0;
  Step valid_until_step{std::numeric_limits<std::int64_t>::max()};
  Seq ack;  // highest sender seq recorded

  // From 1.1.
  Seq position{-1};           // last durable place of the record
  std::int64_t segment = -1;  // that expires_step and valid_until_step count in
  std::vector<Held> held;     // all that the record says is held
  std::vector<Inhibited> inhibited;
};

// Something to be done once, at the next step boundary. Re-sent until its outcome is reported; `id`
// makes it idempotent.
struct Request {
  std::int64_t epoch = 0;
  std::int64_t id = 0;
  Word<RequestType> type;
  std::string reason;
  std::int64_t decision = 0;
  Step before_step{-1};  // rollback: newest snapshot of this step or earlier; -1: oldest there is
};

// Where the policy engine stands after the trainer's event `number`, for the trainer's own copy:
// part `part` of `parts`, each in a frame of its own; the bytes together are a Machine::snapshot().
// From 1.1.
struct Snapshot {
  std::int64_t epoch = 0;
  Seq number;
  std::int64_t part = 1;  // from 1
  std::int64_t parts = 1;
  std::string bytes;
};

// The daemon waits for number `from` of this trainer: it may not come by itself. From 1.1.
struct Resend {
  std::int64_t epoch = 0;
  Seq from;
};

// ---- operator

struct Command {
  std::string id;  // chosen by the sender; the same id takes effect at most once
  Word<Action> action;
  std::string operator_name;
  std::string reason;
  std::string knob;                      // force, release
  double value = kNaN;                   // force
  std::string rule;                      // reset: which latch; inhibit, allow
  std::int64_t expires_after_steps = 0;  // 0: until released (raising only)
  // Compare-and-set of Status::state_version; -1: not checked (raising only).
  std::int64_t expected_version = -1;

  // Written by the daemon when it records the command: id and role of the key that it came with
  // ("ann#3f2a91c0 operator"); "": its sockets ask for no keys. From 1.1
  std::string key{};
};

struct Query {
  std::string id;
  Word<QueryWhat> what;
  Seq from_seq;            // first event wanted, or first status of all, from 1
  std::int64_t limit = 0;  // events: at most so many; 0: the daemon's page size
};

struct Reply {
  std::string id;  // of the command or query
  Word<ReplyStatus> status;
  std::string text;   // for a person
  Seq seq;            // command: its place in the record; events: last one included
  bool more = false;  // events: ask again from seq + 1
  // Encoded messages: Status for "status" and "runs", records for "events".
  std::vector<std::string> messages;
};

// ---- records the daemon makes

// What a viewer needs to know of a detector without parsing the policy.
struct DetectorInfo {
  std::string name;
  std::string signal;
  std::string type;  // of the policy language: "level", "ewma", ...
  double threshold = kNaN;
  std::string unit;
  std::int64_t needed = 1;  // consecutive
  std::int64_t warmup = 0;
  // Computed at load with libm (an EWMA's alpha); their bits are part of the record.
  std::vector<double> constants;
};
struct RuleInfo {
  std::string name;
  std::string when;             // "all" | "any" | "2_of_n" | "not" | "always"
  std::vector<std::string> of;  // detectors, and other rules as "rule.NAME"
  bool latch = false;
  Word<Severity> alert;
  std::vector<KnobSetting> sets;  // of a controller: the most it may set
  std::vector<Word<RequestType>> requests;
};
struct PolicyLoaded {
  std::string name;
  std::string digest;  // SHA-256 of `text`
  std::string text;    // the TOML file
  Word<Mode> mode;
  std::vector<DetectorInfo> detectors;
  std::vector<RuleInfo> rules;
  std::int64_t request_base = -1;  // ids of requests count from here; not said: from 0. From 1.1
};

struct DetectorEvidence {
  std::string detector;
  std::string signal;
  Step step{-1};  // of the last counted measurement; -1: none yet
  Quality quality = Quality::kMissing;
  double value = kNaN;      // raw
  double statistic = kNaN;  // what is compared: the value, or an EWMA
  double threshold = kNaN;
  std::int64_t streak = 0;
  std::int64_t needed = 1;
  std::int64_t n = 0;  // counted measurements
  std::int64_t warmup = 0;
  bool voting = false;  // condition holds now
};
struct RuleEvidence {
  std::string rule;
  Word<RuleState> state;
  std::int64_t votes = 0;
  std::int64_t needed = 0;
  std::int64_t of = 0;
  // At which it could have fired at all, from cadence and warm-up; -1: not known.
  Step earliest_step{-1};
  Step fired_step{-1};  // -1: has not fired
  // Fired at the earliest possible step: the firing step carries no information.
  bool at_floor = false;

  // In Status alone, from 1.1.
  Word<RulePhase> phase{};
  Step until_step{-1};              // kInhibited: first step at which it may fire again
  std::int64_t streak = -1;         // kStreak: measurements in a row so far ...
  std::int64_t streak_needed = -1;  // ... of so many
};
struct Alert {
  Word<Severity> severity;
  AlertSource source;
  std::string text;
};

// One decision with its evidence. Recorded when a knob, a rule's state, a request, an alert or an
// override changes.
struct Decision {
  std::int64_t id = 0;             // 1, 2, ... within the run
  Seq because;                     // the event it answers
  std::int64_t state_version = 0;  // after it
  Word<Mode> mode;
  std::string policy_digest;
  std::vector<KnobSetting> before;
  std::vector<KnobSetting> knobs;  // after: every knob the policy sets
  std::vector<Request> requests;   // epoch left 0: it is not part of the decision
  std::vector<Alert> alerts;
  std::vector<DetectorEvidence> detectors;
  std::vector<RuleEvidence> rules;
  std::string summary;  // one line for a person
};

// The trainer's link as the daemon saw it.
struct LinkChange {
  Word<LinkEvent> state;
  std::string detail;
  std::int64_t epoch = 0;
  // kSkipped, kMissing: the trainer's numbers, first and last. From 1.1.
  Seq from{-1};
  Seq to{-1};
};

// Passing of time, recorded only when it changes something (an override that expires, a signal
// overdue).
struct Tick {};

// ---- published, never recorded

struct KnobStatus {
  std::string name;
  double decided = kNaN;
  double sent = kNaN;
  double applied = kNaN;
  Step applied_step{-1};  // first step at which the present value was in force
  Cause cause;
  std::int64_t decision = 0;
  bool confirmed = false;  // the trainer reported the decided value

  // From 1.1.
  double min = kNaN;  // the range in force ...
  double max = kNaN;
  Word<LimitBy> limit_by{};   // ... and who set it
  double trip_value = kNaN;   // what trips and adopted floors hold it at; NaN: none
  Word<Protects> protects{};  // not given: up
  bool protecting = false;    // the applied value protects the run (run/protection.h)
};
struct FateCount {
  Word<ReportFate> fate;
  std::int64_t values = 0;
};
struct SignalStatus {
  std::string name;
  double value = kNaN;
  Quality quality = Quality::kMissing;
  Step step{-1};
  double age_s = kNaN;
  // From 1.1, of all its values so far: each fate that occurred, and the steps that were joined
  // although parts of them were missing; -1: none.
  std::vector<FateCount> fates{};
  std::int64_t incomplete = -1;
};
struct RequestStatus {
  std::int64_t id = 0;
  Word<RequestType> type;
  Word<Progress> status;
  std::string detail;
};
struct OverrideStatus {
  bool active = false;
  std::string knob;
  double value = kNaN;
  std::string operator_name;
  std::string reason;
  Step expires_step{-1};  // -1: until released
};
struct Status {
  Word<LinkState> link;
  double age_s = kNaN;  // since the trainer's last frame
  std::int64_t attempt = 0;
  std::int64_t segment = 0;
  std::int64_t total_steps = 0;
  Word<Label> label;
  std::string policy;
  std::string policy_digest;
  Word<Mode> mode;
  Word<ControlBy> control;
  std::int64_t state_version = 0;
  std::int64_t epoch = 0;
  Seq last_seq;
  std::string run_file;
  std::vector<KnobStatus> knobs;
  std::vector<SignalStatus> signals;
  std::vector<DetectorEvidence> detectors;
  std::vector<RuleEvidence> rules;
  std::vector<RequestStatus> requests;
  std::vector<Alert> alerts;  // worst first
  OverrideStatus override_;
  // From 1.1: first step at which an operator's value was in force under a policy in shadow; -1:
  // none was.
  Step intervened_step{-1};
  Word<RunEnd> end{};  // of the present attempt. From 1.1
  // From 1.1: the trainer's messages of this attempt that are not in the record: those that it said
  // it can no longer send, and those of which nothing is known; -1: none.
  std::int64_t skipped = -1;
  std::int64_t missing = -1;
};

// ---- envelope

// `seq`: on a socket, the sender's own count of its stream from 1; in a record and on the feed, the
// event's place in the run's one order. `source_seq`: in a record, the sender's seq.
struct Header {
  Version version = kProtocolVersion;
  RunId run;
  Seq seq;
  Step step;
  double t = 0.0;            // wall seconds at the sender
  std::int64_t attempt = 0;  // of the trainer process within the run, from 1; 0: not a trainer's
  Seq source_seq;
};

using Body = std::variant<Hello, Report, Applied, Heartbeat, Goodbye, Welcome, Reject, Control,
                          Request, Command, Query, Reply, PolicyLoaded, Decision, LinkChange, Tick,
                          Status, Adopted, Snapshot, Resend>;

struct Message {
  Header header;
  Body body;
};

// The `kind` string on the wire: "hello", "step", "canary", "batch", "applied", ... (a Report has
// three).
[[nodiscard]] std::string_view kind_of(const Body& body);

}  // namespace phaseguard::wire
