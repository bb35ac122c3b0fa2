// Every closed vocabulary of the wire as an enum with one table of its texts, and what carries such
// a word in a message: a word that this version does not know is kept and shown as itself.
// C++17-clean, pure, any thread. docs/PROTOCOL.md lists the same words; tests/wire/words_test.py
// holds the two against each other, and each text against the name of its enumerator.
//
// A viewer asks known() and switches over the enum without a default, so that a new word does not
// compile until every viewer has said what it makes of it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace phaseguard::wire {

// `kTexts`: the words of E in the order of its enumerators.
template <class E>
struct Words;

template <class E>
[[nodiscard]] constexpr std::string_view text_of(E word) {
  return Words<E>::kTexts[static_cast<std::size_t>(word)];
}

// Nothing: no word of E.
template <class E>
[[nodiscard]] constexpr std::optional<E> word_of(std::string_view text) {
  for (std::size_t i = 0; i < Words<E>::kTexts.size(); ++i) {
    if (Words<E>::kTexts[i] == text) return static_cast<E>(i);
  }
  return std::nullopt;
}

// "pause, stop" or, with `last`, "pause or stop": for messages that say what was expected.
template <class E>
[[nodiscard]] std::string list_of_words(const std::string& last = ", ") {
  std::string out;
  const auto& texts = Words<E>::kTexts;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    out += (i == 0 ? "" : i + 1 == texts.size() ? last : ", ") + std::string(texts[i]);
  }
  return out;
}

// A word of E as it stands in a message; empty: not given.
template <class E>
class Word {
 public:
  Word() = default;
  Word(E word) : text_(text_of(word)) {}  // NOLINT(google-explicit-constructor): a word of it
  // Any text, kept as it is. NOLINTNEXTLINE(performance-unnecessary-value-param): it is moved from
  [[nodiscard]] static Word from(std::string text) {
    Word word;
    word.text_ = std::move(text);
    return word;
  }

  [[nodiscard]] std::optional<E> known() const { return word_of<E>(text_); }
  [[nodiscard]] const std::string& text() const { return text_; }
  [[nodiscard]] bool empty() const { return text_.empty(); }

  friend bool operator==(const Word& a, const Word& b) { return a.text_ == b.text_; }
  friend bool operator!=(const Word& a, const Word& b) { return a.text_ != b.text_; }
  friend bool operator==(const Word& a, E b) { return a.text_ == text_of(b); }
  friend bool operator!=(const Word& a, E b) { return a.text_ != text_of(b); }

 private:
  std::string text_;
};

// A word that may name somebody: "base", "rule:defend", "operator:ann".
template <class E>
class NamedWord {
 public:
  NamedWord() = default;
  NamedWord(E kind) : text_(text_of(kind)) {}  // NOLINT(google-explicit-constructor)
  NamedWord(E kind, std::string_view name) : text_(std::string(text_of(kind)) + ":") {
    text_ += name;
  }  // NOLINTNEXTLINE(performance-unnecessary-value-param): it is moved from
  [[nodiscard]] static NamedWord from(std::string text) {
    NamedWord word;
    word.text_ = std::move(text);
    return word;
  }

  [[nodiscard]] std::optional<E> kind() const {
    return word_of<E>(std::string_view(text_).substr(0, text_.find(':')));
  }
  [[nodiscard]] bool is(E kind) const { return this->kind() == kind; }
  [[nodiscard]] std::string name() const {
    const std::size_t colon = text_.find(':');
    return colon == std::string::npos ? std::string() : text_.substr(colon + 1);
  }
  [[nodiscard]] const std::string& text() const { return text_; }
  [[nodiscard]] bool empty() const { return text_.empty(); }

  friend bool operator==(const NamedWord& a, const NamedWord& b) { return a.text_ == b.text_; }
  friend bool operator!=(const NamedWord& a, const NamedWord& b) { return a.text_ != b.text_; }

 private:
  std::string text_;
};

// ---- what a trainer declares

// Which way a knob protects the run; not given: up.
enum class Protects : std::uint8_t { kUp, kDown, kNone };
template <>
struct Words<Protects> {
  static constexpr std::array<std::string_view, 3> kTexts{"up", "down", "none"};
};

// Where a penalty is computed.
enum class Site : std::uint8_t { kBatch, kReplay };
template <>
struct Words<Site> {
  static constexpr std::array<std::string_view, 2> kTexts{"batch", "replay"};
};

// Of a KL penalty: KL(model || reference) or KL(reference || model).
enum class Direction : std::uint8_t { kModelRef, kRefModel };
template <>
struct Words<Direction> {
  static constexpr std::array<std::string_view, 2> kTexts{"model_ref", "ref_model"};
};

// Which positions a penalty counts.
enum class Mask : std::uint8_t { kAnswer, kAttention, kCanary, kReplay };
template <>
struct Words<Mask> {
  static constexpr std::array<std::string_view, 4> kTexts{"answer", "attention", "canary",
                                                          "replay"};
};

enum class Normaliser : std::uint8_t { kTokenMeanStep };
template <>
struct Words<Normaliser> {
  static constexpr std::array<std::string_view, 1> kTexts{"token_mean_step"};
};

// How a penalty joins the loss: L + lambda P, or alpha L + beta P.
enum class Form : std::uint8_t { kAdditive, kConvex };
template <>
struct Words<Form> {
  static constexpr std::array<std::string_view, 2> kTexts{"additive", "convex"};
};

// What a signal's items run over; not given: it has none.
enum class Items : std::uint8_t { kCanary, kSample, kDistribution };
template <>
struct Words<Items> {
  static constexpr std::array<std::string_view, 3> kTexts{"canary", "sample", "distribution"};
};

// How the parts of one step are joined; not given: by what the report is (parts.h). From 1.1.
enum class Join : std::uint8_t { kMean, kMax, kSum, kLast };
template <>
struct Words<Join> {
  static constexpr std::array<std::string_view, 4> kTexts{"mean", "max", "sum", "last"};
};

// By what laws a record is folded: the daemon writes those in use into the recorded hello, so that
// older records are read as they were decided. From 1.1.
enum class Law : std::uint8_t {
  kJoins,  // parts of a step are joined (parts.h); else the first value of a step counts
  kClock,  // elapsed time is a sum of bounded differences (base/elapsed.h); else of the newest time
  kEdges,  // a value within 4 ulp of float32 of a declared bound counts (declaration.h)
  // A batch's value holds for that batch alone, and before the first update nothing is slewed, nor
  // is a trip's rise (docs/POLICY.md, Controllers); else a batch without scores gets the last mean.
  kBatches
};
template <>
struct Words<Law> {
  static constexpr std::array<std::string_view, 4> kTexts{"joins", "clock", "edges", "batches"};
};

// Ground truth of a recording.
enum class Label : std::uint8_t { kMalicious, kHarmless };
template <>
struct Words<Label> {
  static constexpr std::array<std::string_view, 2> kTexts{"malicious", "harmless"};
};

// ---- between trainer and daemon

enum class RequestType : std::uint8_t { kCheckpoint, kRollback, kPause, kStop };
template <>
struct Words<RequestType> {
  static constexpr std::array<std::string_view, 4> kTexts{"checkpoint", "rollback", "pause",
                                                          "stop"};
};

// What became of a request.
enum class Outcome : std::uint8_t { kDone, kFailed, kRefused };
template <>
struct Words<Outcome> {
  static constexpr std::array<std::string_view, 3> kTexts{"done", "failed", "refused"};
};

// Of a request in `status`: an outcome, or that there is none yet.
enum class Progress : std::uint8_t { kSent, kDone, kFailed, kRefused };
template <>
struct Words<Progress> {
  static constexpr std::array<std::string_view, 4> kTexts{"sent", "done", "failed", "refused"};
};

// On whose behalf a knob has its value; rule and operator are named.
enum class CauseKind : std::uint8_t {
  kBase,      // the policy's base
  kRule,      // "rule:<name>"
  kOperator,  // "operator:<name>"
  kInitial,   // the trainer's own, before any control
  kLink,      // the owner's substitute for a lost link
  kAdopted    // "adopted:<name>": held by the trainer, told of by it alone. From 1.1
};
template <>
struct Words<CauseKind> {
  static constexpr std::array<std::string_view, 6> kTexts{"base",    "rule", "operator",
                                                          "initial", "link", "adopted"};
};
using Cause = NamedWord<CauseKind>;

// What holds a value that a trainer may not lower by itself.
enum class HeldKind : std::uint8_t {
  kTrip,     // a latched rule
  kActive,   // a rule in force while its condition holds
  kOperator  // an operator's raise
};
template <>
struct Words<HeldKind> {
  static constexpr std::array<std::string_view, 3> kTexts{"trip", "active", "operator"};
};

// What a daemon makes of one entry of what a trainer holds.
enum class Adoption : std::uint8_t {
  kRecorded,  // its record holds the cause, and decides
  kAwaited,   // the trainer can still send the event that is the cause
  kAdopted,   // in force from the record on the trainer's word
  kKept       // the policy cannot express it: the trainer keeps it
};
template <>
struct Words<Adoption> {
  static constexpr std::array<std::string_view, 4> kTexts{"recorded", "awaited", "adopted", "kept"};
};

// What became of a value that a trainer reported. From 1.1.
enum class ReportFate : std::uint8_t {
  kDecided,     // the policy had it, as GOOD, BAD or MISSING
  kRepeated,    // of a step that its signal has already: the first counts
  kLate,        // of a step before its signal's newest
  kDuplicate,   // the frame was recorded before
  kUndeclared,  // the hello does not name its signal
  kOutOfRange,  // outside the declared range: BAD
  kNotANumber,  // NaN or infinite: BAD
  kJoined       // a part, taken into the value of its step
};
template <>
struct Words<ReportFate> {
  static constexpr std::array<std::string_view, 8> kTexts{
      "decided",    "repeated",     "late",         "duplicate",
      "undeclared", "out_of_range", "not_a_number", "joined"};
};

// Who gave the values that a trainer applies.
enum class Source : std::uint8_t { kDaemon, kGuard, kHold, kInitial };
template <>
struct Words<Source> {
  static constexpr std::array<std::string_view, 4> kTexts{"daemon", "guard", "hold", "initial"};
};

enum class GoodbyeReason : std::uint8_t { kFinished, kInterrupted, kError };
template <>
struct Words<GoodbyeReason> {
  static constexpr std::array<std::string_view, 3> kTexts{"finished", "interrupted", "error"};
};

enum class Mode : std::uint8_t { kEnforce, kShadow };
template <>
struct Words<Mode> {
  static constexpr std::array<std::string_view, 2> kTexts{"enforce", "shadow"};
};

// What a trainer does when the link is lost.
enum class OnLoss : std::uint8_t { kLocal, kHold, kSubstitute, kPause, kStop };
template <>
struct Words<OnLoss> {
  static constexpr std::array<std::string_view, 5> kTexts{"local", "hold", "substitute", "pause",
                                                          "stop"};
};

// What is done where nothing can be decided: training goes on and people are told, or enforcement
// must not be optional. From 1.1.
enum class Profile : std::uint8_t { kWatch, kEnforce };
template <>
struct Words<Profile> {
  static constexpr std::array<std::string_view, 2> kTexts{"watch", "enforce"};
};

enum class RejectCode : std::uint8_t {
  kVersion,
  kPolicy,
  kClaimed,
  kUnknown,  // a heartbeat on a connection that has not said hello
  kMalformed,
  kLimit,
  kRecord,      // the run's record cannot be used now: say hello again. From 1.1
  kSuperseded,  // resumes a line that was rolled back. From 1.1
  kDenied       // the connection's key has no right to this run. From 1.1
};
template <>
struct Words<RejectCode> {
  static constexpr std::array<std::string_view, 9> kTexts{"version", "policy",     "claimed",
                                                          "unknown", "malformed",  "limit",
                                                          "record",  "superseded", "denied"};
};

// A trainer's own view of its link, in its heartbeat.
enum class HookLink : std::uint8_t {
  kOff,            // not started, or in a forked child
  kConnecting,     // hello sent, no welcome yet
  kSync,           // welcomed; what the daemon has missed is being back-filled
  kLinked,         // the daemon decides
  kStale,          // nothing valid heard for Welcome::stale_ms
  kLost,           // lease over: the loss policy decides (Welcome::on_loss)
  kFenced,         // another trainer owns the run now; final
  kRefused,        // the daemon said no; tried again after 5 s to 60 s
  kDisabledError,  // an error of the hook was caught: values are held, training goes on; final
  kClosed          // stopped
};
template <>
struct Words<HookLink> {
  static constexpr std::array<std::string_view, 10> kTexts{
      "off",  "connecting", "sync",    "linked",         "stale",
      "lost", "fenced",     "refused", "disabled_error", "closed"};
};

// ---- operators

enum class Action : std::uint8_t {
  kForce,
  kRelease,
  kReset,
  kInhibit,
  kAllow,
  kAllowResume  // the next hello may resume a line that was rolled back. From 1.1
};
template <>
struct Words<Action> {
  static constexpr std::array<std::string_view, 6> kTexts{"force",   "release", "reset",
                                                          "inhibit", "allow",   "allow_resume"};
};

enum class QueryWhat : std::uint8_t { kRuns, kStatus, kEvents };
template <>
struct Words<QueryWhat> {
  static constexpr std::array<std::string_view, 3> kTexts{"runs", "status", "events"};
};

enum class ReplyStatus : std::uint8_t { kOk, kLogged, kConflict, kRefused, kNotFound, kError };
template <>
struct Words<ReplyStatus> {
  static constexpr std::array<std::string_view, 6> kTexts{"ok",      "logged",    "conflict",
                                                          "refused", "not_found", "error"};
};

// ---- what the daemon says of a run

enum class Severity : std::uint8_t { kInfo, kMedium, kHigh, kCritical };  // rising
template <>
struct Words<Severity> {
  static constexpr std::array<std::string_view, 4> kTexts{"info", "medium", "high", "critical"};
};

// What an alert is about.
enum class AlertKind : std::uint8_t {
  kRule,        // "rule:<name>"
  kSignal,      // "signal:<name>"
  kController,  // "controller:<rule>/<knob>"
  kKnob,        // "knob:<name>"
  kRequest,     // "request:<id>"
  kLink,
  kRecord
};
template <>
struct Words<AlertKind> {
  static constexpr std::array<std::string_view, 7> kTexts{"rule",    "signal", "controller", "knob",
                                                          "request", "link",   "record"};
};
using AlertSource = NamedWord<AlertKind>;

// Of a rule, as a decision records it.
enum class RuleState : std::uint8_t { kQuiet, kActive, kLatched, kInhibited };
template <>
struct Words<RuleState> {
  static constexpr std::array<std::string_view, 4> kTexts{"quiet", "active", "latched",
                                                          "inhibited"};
};

// Of a rule, as `status` tells it: the one thing that is true of it now.
enum class RulePhase : std::uint8_t {
  kWarmingUp,  // too little has been measured for it to fire
  kArmed,      // would fire when its condition holds
  kStreak,     // on its way: `streak` of `streak_needed` measurements in a row
  kActive,     // in force while its condition holds
  kLatched,    // in force until an operator resets it
  kDisarmed,   // reset while its condition held: fires again after it has not held once
  kInhibited,  // kept from firing by an operator, until step `until_step`
  kOrphaned    // signals that it needs are no longer declared: it cannot fire
};
template <>
struct Words<RulePhase> {
  static constexpr std::array<std::string_view, 8> kTexts{
      "warming_up", "armed", "streak", "active", "latched", "disarmed", "inhibited", "orphaned"};
};

// The trainer's link in `status`.
enum class LinkState : std::uint8_t { kAbsent, kActive, kSilent, kLost, kEnded };
template <>
struct Words<LinkState> {
  static constexpr std::array<std::string_view, 5> kTexts{"absent", "active", "silent", "lost",
                                                          "ended"};
};

// How an attempt ended, in `status`; not given: it has not.
enum class RunEnd : std::uint8_t {
  kFinished,     // ... so its goodbye said
  kInterrupted,  // ...
  kError,        // ...
  kCrashed       // it went without a goodbye, and its run is free
};
template <>
struct Words<RunEnd> {
  static constexpr std::array<std::string_view, 4> kTexts{"finished", "interrupted", "error",
                                                          "crashed"};
};

// A change of the trainer's link, as recorded.
enum class LinkEvent : std::uint8_t {
  kClaimed,
  kLost,
  kBack,
  kEnded,
  kRestored,
  kSkipped,  // numbers that the trainer said it can no longer send. From 1.1
  kMissing   // numbers that never came, and nobody said why. From 1.1
};
template <>
struct Words<LinkEvent> {
  static constexpr std::array<std::string_view, 7> kTexts{"claimed",  "lost",    "back",   "ended",
                                                          "restored", "skipped", "missing"};
};

// Who decides in a run.
enum class ControlBy : std::uint8_t {
  kManual,     // an operator forces a knob
  kTripped,    // else: a rule is latched
  kInhibited,  // else: the condition of an inhibited rule holds
  kAuto
};
template <>
struct Words<ControlBy> {
  static constexpr std::array<std::string_view, 4> kTexts{"manual", "tripped", "inhibited", "auto"};
};

// Who set the range in force of a knob.
enum class LimitBy : std::uint8_t { kPolicy, kTrainer, kBoth };
template <>
struct Words<LimitBy> {
  static constexpr std::array<std::string_view, 3> kTexts{"policy", "trainer", "both"};
};

}  // namespace phaseguard::wire
