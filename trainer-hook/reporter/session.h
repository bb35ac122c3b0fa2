// The trainer's side of the protocol as a state machine without socket, thread or clock: frames and
// the time come in, frames to send, settings, answers and requests come out. Owned by the
// reporter's I/O thread (core.h); tests drive it directly.
//
// OFF -> CONNECTING -> SYNC -> LINKED -> STALE -> LOST -> SYNC ...; FENCED, DISABLED_ERROR and
// CLOSED are final; REFUSED is tried again. What may change a knob: a control of the welcomed epoch
// with a greater seq than any before it, whose values all lie in their declared ranges and whose
// valid_until_step has not passed; the guard, while the link is lost or the daemon has not answered
// what it decided; the end of a lowering. No control lowers a knob
// that is held for a cause which the daemon's record has not confirmed. In shadow mode a control
// lists only what an operator raised or was adopted; the rest is at its initial value.
#pragma once

#include <cstdint>
#include <deque>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "monitor/base/types.h"
#include "monitor/wire/messages.h"
#include "trainer-hook/reporter/guard.h"
#include "trainer-hook/reporter/journal.h"
#include "trainer-hook/reporter/lineage.h"
#include "trainer-hook/reporter/reporter.h"

namespace phaseguard::reporter {

inline constexpr Nanos kNoDeadline{std::numeric_limits<std::int64_t>::max()};

// What the session wants done by its owner; taken and emptied after each call.
struct SessionOutput {
  std::optional<Latched> settings;  // changed: publish
  struct Answer {
    std::int64_t batch = 0;
    Latched settings;
  };
  std::vector<Answer> answers;
  std::optional<Answer> meanwhile;  // for the batch that still waits, should its deadline come
  std::vector<wire::Request> requests;
  std::optional<Lineage> lineage;  // changed: what the next checkpoint keeps
  bool reopen = false;             // close the socket and connect anew before sending
};

class Session {
 public:
  // `hello.session` is set. `random` seeds the jitter of the reconnect delays.
  Session(const Options& options, wire::Hello hello, std::uint64_t random);

  // The trainer's side, in the order of its calls. `t` is the wall time of the call. What a report
  // decides is due at `answer_by`, if that is sooner than the daemon's usual time.
  void on_report(wire::Report report, Step step, double t, Now now, Nanos answer_by = kNoDeadline);
  void on_applied(wire::Applied applied, Step step, double t, Now now);
  void on_goodbye(wire::Goodbye goodbye, Step step, Now now);

  // The daemon's side. `current` is the step the trainer is at, for valid_until_step.
  void on_frame(std::string_view bytes, Step current, Now now);
  void on_tick(Now now);

  // An error of ours was caught: the last state there is.
  void disable(const std::string& reason);

  // The next frame for the socket; null: none may be sent now. Valid until the next call. Call
  // sent() once it was taken.
  [[nodiscard]] const std::string* next_frame();
  void sent();

  [[nodiscard]] SessionOutput take_output();
  // Before the next frame: the output says so too.
  [[nodiscard]] bool wants_reopen() const { return output_.reopen; }
  // The connection was not made. `is_refused`: this trainer's key is not granted, or not any more;
  // as a reject, it is tried again after a while.
  void on_no_handshake(const std::string& why, bool is_refused, Now now);
  [[nodiscard]] LinkState state() const { return state_; }
  [[nodiscard]] const std::string& refusal() const { return refusal_; }
  [[nodiscard]] bool flushed() const;  // everything journaled is acknowledged
  void fill(Stats& stats) const;       // the session's share of the figures
  void add_dropped(std::int64_t total) { dropped_ring_ = total; }  // reported with the heartbeats

 private:
  // Frames, session_frames.cpp.
  void on_welcome(const wire::Welcome& welcome, const wire::Header& header, Now now);
  void on_reject(const wire::Reject& reject, Now now);
  void on_control(const wire::Control& control, const wire::Header& header, Step current, Now now);
  void on_request(const wire::Request& request, const wire::Header& header, Now now);
  void on_resend(const wire::Resend& resend, const wire::Header& header, Now now);
  void on_snapshot(const wire::Snapshot& snapshot, const wire::Header& header, Now now);
  [[nodiscard]] bool wants_snapshot() const;
  void take_over(const std::string& snapshot, Seq number, Now now);
  [[nodiscard]] bool fresh(std::int64_t epoch, Seq seq);
  void adopt_policy(const wire::Welcome& welcome);
  void take_attempt(std::int64_t attempt);
  void acknowledge(Seq ack, Now now);
  void settle_guard(Seq ack);
  [[nodiscard]] std::vector<wire::Message> journaled(Seq last) const;
  void heard(Now now);

  // What is held, session_held.cpp.
  [[nodiscard]] std::vector<wire::Held> held() const;
  void take_echo(const std::vector<wire::Held>& mine, const std::vector<wire::Held>& echo);
  void forget_awaited();
  void tell_lineage();
  [[nodiscard]] bool is_unechoed(const std::string& knob) const;
  void keep_held(std::size_t knob);

  // Knobs, session_knobs.cpp.
  [[nodiscard]] std::string fault_in(const std::vector<wire::KnobSetting>& settings) const;
  [[nodiscard]] std::string fault_in(const wire::Control& control) const;
  [[nodiscard]] std::string below_initial(const std::vector<wire::KnobSetting>& settings) const;
  [[nodiscard]] std::vector<wire::KnobSetting> in_full(
      std::vector<wire::KnobSetting> settings) const;
  [[nodiscard]] Source source_of(bool kept) const;
  [[nodiscard]] bool is_raised() const;
  [[nodiscard]] wire::Protects protects_of(const std::string& knob) const;
  void refuse(const wire::Control& control, Seq seq, const std::string& fault, Now now);
  bool command(const std::vector<wire::KnobSetting>& settings, bool raise_only);
  void obey(const wire::Control& control, bool raise_only);
  void follow_guard();
  void await_answer(Seq event, Now now);
  void hasten_answer(Nanos due);
  void act_unanswered(Now now);
  void act_overdue();
  [[nodiscard]] bool is_overdue(Now now) const;
  void keep_guards_raise();
  // The end of lowerings, session_expiry.cpp.
  void note_rollback(const wire::Applied& applied, Step step);
  [[nodiscard]] std::vector<wire::KnobSetting> rebased(std::vector<wire::KnobSetting> settings,
                                                       std::int64_t segment) const;
  bool end_lowerings();
  bool raise_to(const std::vector<wire::KnobSetting>& wanted);
  void publish(Source source);
  [[nodiscard]] Latched latched() const;
  [[nodiscard]] Latched latched(std::vector<wire::KnobSetting> knobs) const;
  void add_items(Latched& latched, std::size_t knob, const wire::KnobSetting* answer,
                 double floor) const;
  [[nodiscard]] bool guard_in_charge() const;

  // Values of one batch, session_batch.cpp.
  void wait_for_answer(const wire::Report& report);
  void answer_waiting(const wire::Control& control);
  void answer_without_daemon();
  [[nodiscard]] Latched own_answer() const;
  [[nodiscard]] bool is_guards_to_give(std::size_t knob, const wire::KnobSetting& own) const;
  [[nodiscard]] wire::KnobSetting floored(wire::KnobSetting own) const;
  [[nodiscard]] double floor_under(const std::string& knob) const;
  [[nodiscard]] wire::KnobSetting highest_answered(wire::KnobSetting mine) const;

  // What the profile adds, session_profile.cpp.
  [[nodiscard]] bool is_enforced() const;
  void note_loss(Now now);
  void escalate(Now now);
  void substitute();
  bool raise_floor(const wire::KnobSetting& setting);
  void ask(wire::RequestType type, const std::string& reason);
  void stop_on_error();

  // States and time, session.cpp.
  void enter(LinkState state);
  void lose(Now now);
  void act_on_loss(Now now);
  // Of a daemon last heard, or last making progress, at `last`.
  [[nodiscard]] wire::LinkState liveness_since(Nanos last, Now now) const;
  void beat(Now now);
  void say_hello(Now now, bool reopen);
  void record(wire::Body body, Step step, double t, Journal::Kind kind, Now now);
  void feed_guard(const wire::Message& message, Now now);
  void hand_out(wire::Request request);
  void note_outcome(std::int64_t id, wire::RequestOutcome outcome);
  void report_outcomes(std::vector<wire::RequestOutcome> outcomes, Now now);
  [[nodiscard]] double jittered(double seconds);

  Options options_;
  wire::Message hello_;
  std::uint64_t random_;

  LinkState state_ = LinkState::kOff;
  Source source_ = Source::kInitial;  // of what is in force
  bool linked_once_ = false;
  bool shadow_ = false;
  std::int64_t state_version_ = -1;  // of the newest control that is obeyed in full
  bool skips_ = false;               // what would be sent next skips frames that no hello told of
  bool frame_is_urgent_ = false;     // what next_frame() gave out last, for sent(); else frame_seq_
  std::string refusal_;
  std::int64_t epoch_ = 0;
  Seq control_seq_;        // greatest seq of a control or request of epoch_ seen
  wire::Welcome welcome_;  // of the present epoch, without the policy text
  Nanos last_heard_;
  Nanos last_progress_;  // when the daemon last acknowledged something, or had nothing to
  Nanos welcomed_at_;
  Nanos next_hello_;
  double backoff_s_ = 0.1;
  double refused_backoff_s_ = 5.0;
  Nanos next_heartbeat_;

  // Of the record, as the daemon told last; what it says is held, and what this trainer holds that
  // no record has confirmed yet.
  std::string record_;
  Seq position_{-1};
  std::vector<wire::Held> told_;
  std::vector<wire::Held> unechoed_;
  Seq from_;                            // of the hello that was sent last
  std::int64_t rollbacks_before_ = -1;  // of the run, before this attempt; -1: not known

  Journal journal_;
  Seq next_seq_{2};  // 1 is the hello's
  Seq sent_seq_{1};  // highest given to the present connection
  Seq sync_target_;  // linked again once this much is acknowledged
  Seq acked_;
  Step last_step_;
  Step furthest_;                   // step since the last rollback
  std::deque<std::string> urgent_;  // hello and heartbeats: not journaled
  Seq frame_seq_;

  // Every declared knob in order: by the daemon or initial; and that or the guard's, whichever is
  // higher while lost, or while the daemon leaves the guard unanswered.
  std::vector<wire::KnobSetting> commanded_;
  std::vector<wire::KnobSetting> in_force_;
  std::optional<Guard> guard_;
  // It did not fold all that the daemon did: the daemon is asked for a snapshot.
  bool guard_lacks_ = false;
  wire::Snapshot snapshot_;          // the parts of one that have come so far
  std::int64_t waiting_batch_ = 0;   // decide() in progress
  std::size_t waiting_samples_ = 0;  // in that batch, as its per-sample signals say; 0: none
  // What was commanded for the batches that were answered last, newest last.
  std::deque<std::vector<wire::KnobSetting>> answered_;
  wire::Applied last_applied_;
  std::map<std::int64_t, wire::RequestOutcome> outcomes_;  // by request; empty status: not done
  std::deque<std::int64_t> outcome_ids_;                   // oldest first
  // Events by which the guard decided and which no control has answered yet; oldest first.
  struct Unanswered {
    Seq event;
    Nanos due;
  };
  std::deque<Unanswered> unanswered_;
  bool overdue_ = false;  // one of them is overdue: what the guard raises is in force
  struct Rollback {
    std::int64_t segment = 0;  // that it opened
    Step from;
    Step to;
  };
  std::vector<Rollback> rollbacks_;            // the newest ones
  std::vector<wire::Request> guard_requests_;  // handed out by the guard since the link was lost
  std::int64_t loss_request_id_ = -1'000'000;  // our own requests: ids downwards from here
  struct Loss {
    Step step;  // of the trainer when it began
    Nanos since;
    bool substituted = false;
    bool paused = false;
  };
  std::optional<Loss> loss_;  // from the loss of the link until the daemon has recorded all again
  std::pair<std::int64_t, std::int64_t> refused_control_{-1, -1};  // epoch and version, told once

  SessionOutput output_;
  Stats stats_;
  std::int64_t dropped_ring_ = 0;
};

}  // namespace phaseguard::reporter
