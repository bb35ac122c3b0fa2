// What the dashboard knows: every run as fold(messages), which of them is shown, and what became of
// the operator's commands. Filled by batches of a source and asked by the panels as a const; after
// construction nobody can tell whether a daemon or a file feeds it. Owned by the drawing thread;
// pure: time is an argument.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "monitor/base/types.h"
#include "monitor/run/health.h"
#include "monitor/run/state.h"
#include "monitor/wire/messages.h"

namespace phaseguard::dashboard {

// What a source says about itself.
struct SourceState {
  std::string place;       // where the data come from: an endpoint or a path
  bool live = false;       // a daemon: more will come, commands can be sent
  bool connected = false;  // live: the daemon has answered within the last seconds
  bool loading = true;     // the history is not complete yet
  std::string problem;     // one sentence when something is wrong
};

// What a source hands over at once, in the order it was received. Replies to commands are among the
// messages.
struct Batch {
  SourceState source;
  std::vector<wire::Message> messages;
};

enum class Stage {
  kSent,
  kLogged,
  kApplied,  // the trainer reported that it obeys (run/fate.h)
  kDone,  // logged, and nothing is there to be applied: it moves no knob, or the run is in shadow
  kRefused,
  kNotConfirmed
};
[[nodiscard]] const char* name_of(Stage stage);

// A command of this operator on its way.
struct Pending {
  wire::Command command;
  RunId run;
  Stage stage = Stage::kSent;
  Nanos sent;
  Seq seq;  // its place in the record, once logged
  Step applied_step{-1};
  std::string text;  // the daemon's answer, or what is being waited for
};

// What panels ask for.
struct SelectRun {
  RunId run;
};
struct SelectDecision {
  std::int64_t id = 0;  // 0: none
};
struct ForceKnob {
  std::string knob;
  double value = 0.0;
  std::string reason;
  std::int64_t expires_after_steps = 0;  // 0: until released
};
struct ReleaseKnob {
  std::string knob;
  std::string reason;
};
using Action = std::variant<SelectRun, SelectDecision, ForceKnob, ReleaseKnob>;

inline constexpr double kConfirmWithinS = 10.0;  // then a command counts as NOT CONFIRMED

class Model {
 public:
  // `session` makes command ids unique; `operator_name` goes into the record.
  Model(std::string operator_name, std::string session);

  void apply(const Batch& batch, Now now);
  // Moves clocks and the stages of commands. Called once a frame.
  void tick(Now now);
  // Does what a panel asked for. A command that is not allowed now is dropped.
  void act(const Action& action, Now now);
  // Commands to send, in order; empty afterwards.
  [[nodiscard]] std::vector<wire::Message> take_outbox();

  [[nodiscard]] const SourceState& source() const { return source_; }
  // In order of last activity, newest first.
  [[nodiscard]] std::vector<RunId> run_ids() const;
  [[nodiscard]] const run::RunState* find(const RunId& run) const;
  // The run that is shown: the chosen one, else the one with the newest data; nullptr: none yet.
  [[nodiscard]] const run::RunState* shown() const;
  [[nodiscard]] const run::Health& health() const { return health_; }  // of the shown run
  // Whether what is shown is older than it should be: live, running, and nothing came for 2 s.
  [[nodiscard]] bool stale() const;
  [[nodiscard]] double steps_per_s() const { return steps_per_s_; }     // NaN: not known yet
  [[nodiscard]] const wire::Decision* decision(std::int64_t id) const;  // of the shown run
  [[nodiscard]] std::int64_t selected_decision() const { return selected_decision_; }
  [[nodiscard]] const std::vector<Pending>& pending() const { return pending_; }
  // Why no command can be given now; "" when one can.
  [[nodiscard]] std::string command_obstacle() const;
  // Why this knob cannot be moved by hand; "" when it can.
  [[nodiscard]] std::string knob_obstacle(const std::string& knob) const;
  [[nodiscard]] bool is_forced(const std::string& knob) const;  // by an operator, now

 private:
  struct Known {
    run::RunState state;
    Nanos arrived;        // when its last message came, monotonic
    double wall_s = 0.0;  // the record's or the daemon's clock at that moment
  };
  void on_reply(const wire::Reply& reply);
  void follow(Pending& pending, Now now);
  void refresh(Now now);
  void send(wire::Command command, Now now);

  std::string operator_name_;
  std::string session_;
  SourceState source_;
  std::map<RunId, Known> runs_;
  std::optional<RunId> chosen_;
  std::int64_t selected_decision_ = 0;
  std::vector<Pending> pending_;
  std::vector<wire::Message> outbox_;
  std::int64_t commands_ = 0;
  run::Health health_;
  // Of the shown run's newest message, by this host's monotonic clock; NaN: a file.
  double arrival_age_s_ = wire::kNaN;
  double steps_per_s_ = wire::kNaN;
};

}  // namespace phaseguard::dashboard
