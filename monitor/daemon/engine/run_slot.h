// One run inside the engine: its folded state, its policy at work, its trainer's connection, and
// what was last sent. Pure; used by engine.cpp alone.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "monitor/daemon/engine/ahead.h"
#include "monitor/daemon/engine/engine.h"
#include "monitor/daemon/engine/pace.h"
#include "monitor/daemon/engine/repeats.h"
#include "monitor/policy/engine/playback.h"
#include "monitor/run/state.h"

namespace phaseguard::daemon {

// Of a frame of a trainer.
enum class Taken : std::uint8_t {
  kTaken,
  kKnown,   // of an earlier attempt, or already recorded
  kOther,   // of a number that is recorded with other content: another process sends it
  kNotNow,  // nothing more can wait for the disk: neither folded nor acknowledged
  kAgain    // after that, once the record is written: it must say hello and send all again
};

class RunSlot {
 public:
  // `identity`: of its record.
  RunSlot(RunId run, std::string identity, const EngineSettings& settings)
      : run_(std::move(run)), settings_(&settings), identity_(std::move(identity)) {}

  // One message of the record so far, in order. Error: see Engine::restore.
  [[nodiscard]] Result<void> take_up(const wire::Message& recorded);
  // After the last one: the run is as it was, under a new epoch.
  void go_on(Now now, Effects& effects);

  // A hello: why it is refused (nothing: it is welcomed). `document` is the policy of a run that
  // has none yet.
  [[nodiscard]] std::optional<wire::Reject> admit(const wire::Message& hello,
                                                  const policy::Document* document, Now now) const;
  void welcome(PeerId peer, const wire::Message& hello, const policy::Document* document, Now now,
               Effects& effects);

  // A frame of the connected trainer. `digest`: of its bytes; `waiting`: bytes that wait for the
  // disk, of all runs.
  Taken on_trainer(const wire::Message& message, std::uint64_t digest, std::size_t waiting, Now now,
                   Effects& effects);
  [[nodiscard]] wire::Reply on_command(const wire::Message& message, Now now, Effects& effects);
  void on_tick(Now now, Effects& effects);

  // Whether what was recorded so far is on disk. Not: what was to be acknowledged for it is taken
  // back, and control is due again.
  void set_record_healthy(bool healthy, const std::string& fault);
  // Whether this run's own file is one that cannot be written.
  void set_unwritten(bool unwritten) {
    unwritten_ = unwritten;
    if (!unwritten) waiting_bytes_ = 0;
  }
  [[nodiscard]] bool unwritten() const { return unwritten_; }
  [[nodiscard]] std::size_t waiting_bytes() const { return waiting_bytes_; }
  [[nodiscard]] std::int64_t dropped() const { return dropped_; }
  [[nodiscard]] std::int64_t left_out() const { return left_out_; }
  // Somebody asks for it: a person may have to name it yet.
  void linger(Now now) { ended_at_ = now.mono; }
  // When the run ended, or was asked for, if its file is all that is needed of it.
  [[nodiscard]] std::optional<Nanos> finished() const {
    return ended_ && !unwritten_ ? std::optional(ended_at_) : std::nullopt;
  }

  // The trainer has been gone for so long that the file alone is enough.
  [[nodiscard]] bool is_over(Now now) const;

  // Which attempt a hello of number 0 is: that of its process, if it is known, else the next.
  [[nodiscard]] std::int64_t attempt_for(const wire::Hello& hello) const;

  // Why the newest frame was taken for another process's; "": none was.
  [[nodiscard]] const std::string& intruder() const { return intruder_; }
  [[nodiscard]] PeerId peer() const { return peer_; }
  [[nodiscard]] bool owned_by(PeerId peer) const { return peer_ == peer && peer != 0; }
  [[nodiscard]] const run::RunState& state() const { return state_; }
  [[nodiscard]] wire::Message status(Now now) const;

 private:
  struct Sent {
    double value = wire::kNaN;
    Nanos since;  // of the first sending of this value
  };

  // Gives the event its place, records and folds it, and lets the policy decide.
  void take(wire::Message event, Now now, Effects& effects);
  void record(const wire::Message& event, Effects& effects);
  void fold(const wire::Message& event);
  Taken on_repeated(const wire::Message& frame, std::uint64_t digest, Now now, Effects& effects);
  // The frame of the next number.
  Taken on_next(const wire::Message& frame, std::uint64_t digest, std::size_t waiting, Now now,
                Effects& effects);

  // Numbers that do not follow each other (gaps.cpp).
  Taken on_ahead(const wire::Message& frame, std::uint64_t digest, std::size_t waiting, Now now,
                 Effects& effects);
  void pass_gap(wire::LinkEvent why, Seq to, Now now, Effects& effects);
  void pass_declared(Seq before, Now now, Effects& effects);
  void take_ahead(bool over_gaps, std::size_t waiting, Now now, Effects& effects);
  // `from`, `to`: of a gap, the trainer's numbers.
  void record_link(wire::LinkEvent event, const std::string& detail, Now now, Effects& effects,
                   Seq from = Seq{-1}, Seq to = Seq{-1});

  // Who may train (admission.cpp).
  [[nodiscard]] std::string session_mark(const std::string& session) const;
  [[nodiscard]] bool is_same_process(const wire::Hello& hello) const;
  [[nodiscard]] bool is_present(const wire::Message& hello) const;
  [[nodiscard]] std::string claim_against(const wire::Message& hello, Now now) const;
  [[nodiscard]] run::Resume resume_of(const wire::Message& hello) const;

  // What the trainer holds and knows against what is recorded (adoption.cpp).
  void note_cause(const wire::Message& event);
  [[nodiscard]] bool holds_cause(const wire::Hello& hello, const wire::Held& entry) const;
  [[nodiscard]] wire::Adoption outcome_of(const wire::Message& hello, wire::Held& entry) const;
  std::vector<wire::Held> adopt(const wire::Message& hello, Now now, Effects& effects);
  void record_adopted(wire::Adopted adopted, Now now, Effects& effects);
  // A trainer of protocol 1.0 cannot say what it holds: what it applies is looked at first.
  [[nodiscard]] bool may_command(const wire::Message& frame, Now now, Effects& effects);
  [[nodiscard]] wire::Adopted applied_elsewhere() const;

  void send(wire::Body body, Now now, Effects& effects);
  [[nodiscard]] std::vector<wire::KnobSetting> settings_to_send(Now now);
  void keep_raised(std::vector<wire::KnobSetting>& settings);
  void send_control(std::int64_t answers_batch, Now now, Effects& effects);
  void send_requests(bool only_new, Now now, Effects& effects);
  void send_snapshot(Now now, Effects& effects);
  void follow_link(Now now, Effects& effects);
  void end(const std::string& detail, Now now, Effects& effects);
  void come_back(Now now, Effects& effects);
  [[nodiscard]] bool crashed() const { return ended_ && !state_.goodbye; }
  [[nodiscard]] Seq acknowledged(const Effects& effects);

  // While its file cannot be written (bounds.cpp).
  [[nodiscard]] bool has_room(const wire::Message& frame, std::size_t waiting);
  [[nodiscard]] bool thin(wire::Message& frame, std::size_t waiting, Effects& effects);
  void tell_dropped(Effects& effects);
  void leave_out_names(wire::Message& frame, Effects& effects);
  [[nodiscard]] bool is_left_out(bool known, const std::string& name);
  void note_undeclared();
  void add_bounds(std::vector<wire::Alert>& out) const;

  // Null: no policy is in force yet.
  [[nodiscard]] const policy::Machine* machine() const { return playback_.machine(); }
  [[nodiscard]] bool shadow() const { return machine() && machine()->document().shadow; }
  [[nodiscard]] wire::LinkState link_state(Now now) const;
  [[nodiscard]] std::vector<wire::KnobStatus> knob_statuses() const;
  [[nodiscard]] wire::Word<wire::RunEnd> end_word() const;
  void add_applied(wire::KnobStatus& status) const;
  void add_undecided(std::vector<wire::KnobStatus>& out) const;
  [[nodiscard]] std::vector<wire::Alert> alerts(Now now) const;
  [[nodiscard]] std::string guard_text() const;
  [[nodiscard]] wire::Alert unheard(wire::LinkState link, Now now) const;

  RunId run_;
  const EngineSettings* settings_;
  run::RunState state_;
  policy::Playback playback_;
  bool record_healthy_ = true;
  bool unwritten_ = false;  // it is this run's own file that cannot be written
  bool missed_ = false;     // a frame was passed over: no later one counts before a hello
  bool dropping_ = false;   // samples that no policy reads; told so, its end was not
  std::string record_fault_;
  std::size_t waiting_bytes_ = 0;  // recorded since its file was last written
  Nanos next_again_;               // when a trainer that must say hello again is told so next
  std::int64_t dropped_ = 0;       // samples that no policy reads, of the present attempt
  std::set<std::string> undeclared_;
  std::int64_t left_out_ = 0;       // values of names beyond kMostUndeclared
  std::int64_t told_left_out_ = 0;  // when that was logged last
  std::size_t points_ = 0;          // folded since old ones were forgotten

  std::string identity_;  // of the record
  // Numbers of each attempt's events that are recorded, as ranges, first to last; oldest first.
  std::map<std::int64_t, std::vector<std::pair<std::int64_t, std::int64_t>>> numbers_;
  std::set<std::string> adopted_;  // causes that are in force on a trainer's word, or were
  std::set<std::string> commands_;
  Seq restored_seq_;  // where the record ended when this daemon took it up
  Seq told_seq_;      // highest place a trainer was told of since, or is about to be
  Seq durable_told_;
  bool snapshot_is_too_large_ = false;  // told so
  bool is_looked_at_ = true;  // false: a trainer of 1.0 that was welcomed and not heard yet
  Seq looks_until_;           // its number then
  bool speaks_1_1_ = false;   // the trainer that is connected
  Seq whole_from_{-1};        // first number that it can still send; -1: it did not say
  Ahead ahead_;
  Pace pace_;
  Nanos last_tick_;
  Repeats repeats_;
  std::string intruder_;     // frames of this attempt come from another process too; "": none did
  Nanos next_told_;          // when such a one is told so next
  std::string record_note_;  // what the trainer's present attempt knows better; "": nothing

  PeerId peer_ = 0;
  std::string session_;  // session_mark() of the trainer's token; of older records the token
  std::string process_;  // Hello::process of that session
  std::int64_t epoch_ = 0;
  Seq source_seq_;  // highest of this attempt in the record
  Seq ack_;         // highest of them told to the trainer, or about to be
  Seq durable_ack_;
  std::int64_t control_seq_ = 0;
  std::optional<Nanos> last_frame_;
  std::optional<Nanos> restored_at_;  // a restarted daemon gives the trainer time to come back
  bool lost_recorded_ = false;
  bool ended_ = false;
  Nanos ended_at_;
  Nanos next_heartbeat_, next_assert_, next_snapshot_;
  std::map<std::string, Sent> sent_;
  std::vector<wire::KnobSetting> raised_;  // in shadow mode: listed last
  std::vector<wire::KnobSetting> durable_raised_;
  std::map<std::int64_t, bool> requests_sent_;
};

}  // namespace phaseguard::daemon
