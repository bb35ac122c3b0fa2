// What the dashboard knows: every run as fold(messages), which of them is shown, and what became of
// the operator's commands. The run that is shown stays until another one is chosen: new runs and
// newer data never change it. Filled by batches of a source and asked by the panels as a const;
// after construction nobody can tell whether a daemon or a file feeds it. Owned by the drawing
// thread; pure: time is an argument.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <memory_resource>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "monitor/base/types.h"
#include "monitor/dashboard/model/alarm_book.h"
#include "monitor/dashboard/model/alarm_memory.h"
#include "monitor/dashboard/model/alarms.h"
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
  bool one_run = false;    // it has no other run to come
  // A recording: messages handed over, and those that its files had when they were looked at.
  std::int64_t read = 0;
  std::int64_t recorded = 0;
  std::string problem;  // one sentence when something is wrong
  std::string kept;     // what became of views that are kept, for people; "": nothing to say
  std::string context;  // one of several daemons: the place of its runs; "": the only source
};

// What a source hands over at once, in the order it was received. Replies to commands are among the
// messages.
struct Batch {
  SourceState source;
  std::vector<wire::Message> messages;
  // The record of one run once more, from its first message on: it was asked for, and comes in
  // parts.
  std::vector<wire::Message> recalled{};
  bool recall_done = false;  // up to what was known when it was asked for
  // In place of what is known of a run: all that its record's messages up to some place make.
  std::shared_ptr<run::RunState> whole{};
  // The source wants to be lent this run's state: it hands over nothing until it is done with it.
  std::optional<RunId> borrows{};
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
[[nodiscard]] bool is_good(Stage stage);  // obeyed, or nothing was there to obey
[[nodiscard]] bool is_bad(Stage stage);   // refused or not confirmed

// A command of this operator on its way.
struct Pending {
  wire::Command command;
  RunId run;
  Stage stage = Stage::kSent;
  Nanos sent;
  Seq seq;  // its place in the record, once logged
  Step applied_step{-1};
  std::string text;                 // the daemon's answer, or what is being waited for
  std::optional<Nanos> good_since;  // when it was seen applied or done
};

// What panels ask for.
struct SelectRun {
  RunId run;
};
struct SelectDecision {
  std::int64_t id = 0;  // 0: none
};
// A command goes to the run that it names, whichever is shown.
struct ForceKnob {
  RunId run;
  std::string knob;
  std::int64_t version = 0;  // RunState::state_version that the operator had before him
  double value = 0.0;
  std::string reason;
  std::int64_t expires_after_steps = 0;  // 0: until released
};
struct ReleaseKnob {
  RunId run;
  std::string knob;
  std::int64_t version = 0;
  std::string reason;
};
// Of a knob: what the daemon adopted for it from the trainer, or left with it.
struct LetGo {
  RunId run;
  std::string knob;
  std::int64_t version = 0;
  std::string reason;
};
// Several knobs at once, only ever raised, until released.
struct Panic {
  RunId run;
  std::int64_t version = 0;
  std::vector<std::pair<std::string, double>> values;  // by knob
};
// Of a rule. `expires_after_steps` of an inhibition alone.
enum class RuleOrder { kReset, kInhibit, kAllow };
struct OrderRule {
  RuleOrder order = RuleOrder::kReset;
  RunId run;
  std::string rule;
  std::int64_t version = 0;
  std::string reason;
  std::int64_t expires_after_steps = 0;
};
// Of this viewer alone: no run is told.
struct AcknowledgeAlarms {
  std::vector<AlarmId> which;
};
struct ShelveAlarms {
  std::vector<AlarmId> which;
  Shelf shelf;
};
struct UnshelveAlarms {
  std::vector<AlarmId> which;
};
// That this command was refused or not confirmed has been seen.
struct AcknowledgeCommand {
  std::string id;
};
// Asks for the timeline of the shown run, or closes it (replay/replay.h).
struct OpenTimeline {
  bool open = true;
};
// Shows the run as it was after so many messages of its record; kPresent: as it is.
inline constexpr std::size_t kPresent = static_cast<std::size_t>(-1);
struct GoTo {
  std::size_t place = kPresent;
};
// The same just before the trainer first went beyond this step.
struct GoToStep {
  Step step;
};
// Compares what happened with what this policy would have decided; "": with none.
struct WhatIf {
  std::string policy;
};
using Action = std::variant<SelectRun, SelectDecision, ForceKnob, ReleaseKnob, LetGo, Panic,
                            OrderRule, AcknowledgeCommand, AcknowledgeAlarms, ShelveAlarms,
                            UnshelveAlarms, OpenTimeline, GoTo, GoToStep, WhatIf>;

inline constexpr double kConfirmWithinS = 10.0;  // then a command counts as NOT CONFIRMED
inline constexpr double kShownForS = 30.0;       // so long a command that was obeyed is shown

class Model {
 public:
  // `session` makes command ids unique; `operator_name` goes into the record. `memory` holds the
  // points of all runs, and must outlive the model.
  Model(std::string operator_name, std::string session,
        std::pmr::memory_resource* memory = std::pmr::get_default_resource());

  void apply(const Batch& batch, Now now);
  // Moves clocks and the stages of commands. Called once a frame.
  void tick(Now now);
  // Shows this run as soon as it is there, and nothing else until then or until one is chosen.
  void wait_for(const RunId& run);
  // Does what a panel asked for. A command that is not allowed now is dropped.
  void act(const Action& action, Now now);
  // What a policy that was played over the same messages says now, in more detail than the record:
  // of a run that is a recording.
  void tell(const RunId& run, std::vector<wire::RuleEvidence> rules,
            std::vector<wire::DetectorEvidence> detectors);
  // Commands to send, in order; empty afterwards.
  [[nodiscard]] std::vector<wire::Message> take_outbox();

  // Of several daemons what holds of all: connected when each is, loading while one is.
  [[nodiscard]] const SourceState& source() const { return source_; }
  // The one that this run comes from.
  [[nodiscard]] const SourceState& source(const RunId& run) const;
  [[nodiscard]] const std::map<std::string, SourceState>& sources() const { return sources_; }
  // In order of their first appearance: new ones come last.
  [[nodiscard]] const std::vector<RunId>& run_ids() const { return order_; }
  [[nodiscard]] const run::RunState* find(const RunId& run) const;
  // nullptr: none yet. Once the history is complete it is, unless one was chosen or is waited for,
  // the run with the newest data, before all others one whose trainer speaks.
  [[nodiscard]] const run::RunState* shown() const;
  // For a source that hands over no message of the run meanwhile: nobody else changes it.
  [[nodiscard]] std::shared_ptr<const run::RunState> lend(const RunId& run) const;
  [[nodiscard]] const std::optional<RunId>& awaited() const { return awaited_; }
  [[nodiscard]] const run::Health& health() const;  // of the shown run
  [[nodiscard]] const run::Health& health(const RunId& run) const;
  [[nodiscard]] const std::vector<Alarm>& recorded_alarms(const RunId& run) const;
  [[nodiscard]] const AlarmBook& alarm_book() const { return alarm_book_; }
  // What was kept by windows before this one; each is recalled once, when its alarm is there.
  void remember(std::vector<KeptAlarm> kept) { remembered_alarms_ = std::move(kept); }
  [[nodiscard]] const std::vector<KeptAlarm>& remembered_alarms() const {
    return remembered_alarms_;
  }
  // Whether what is shown is older than it should be: live, running, and nothing came for 2 s.
  [[nodiscard]] bool stale() const;
  [[nodiscard]] double steps_per_s() const { return steps_per_s_; }     // NaN: not known yet
  [[nodiscard]] const wire::Decision* decision(std::int64_t id) const;  // of the shown run
  [[nodiscard]] std::int64_t selected_decision() const { return selected_decision_; }
  // Of every run, in the order in which they were given. One that was obeyed goes after a while;
  // one that was refused or not confirmed stays until it is acknowledged, or a later one of the
  // same knob has been answered.
  [[nodiscard]] const std::vector<Pending>& pending() const { return pending_; }
  // Why no command can be given to the shown run now; "" when one can.
  [[nodiscard]] std::string command_obstacle() const;
  // Why this knob of this run cannot be moved by hand; "" when it can.
  [[nodiscard]] std::string knob_obstacle(const RunId& run, const std::string& knob) const;
  // The same of a value of the operator's own, which a policy in shadow mode may not let in.
  [[nodiscard]] std::string force_obstacle(const RunId& run, const std::string& knob) const;
  // Why nothing that protects this run can be lowered now: whether or not it is the one shown.
  [[nodiscard]] std::string lowering_obstacle(const RunId& run) const;
  // Why this cannot be done to this rule now; "" when it can.
  [[nodiscard]] std::string rule_obstacle(const RunId& run, const std::string& rule,
                                          RuleOrder order) const;
  [[nodiscard]] const std::string& operator_name() const { return operator_name_; }
  [[nodiscard]] bool is_forced(const std::string& knob) const;  // by an operator, now

 private:
  struct Known {
    std::shared_ptr<run::RunState> state = std::make_shared<run::RunState>();
    Nanos arrived;        // when its last message came, monotonic
    double wall_s = 0.0;  // the record's or the daemon's clock at that moment
    run::Health health;
    Nanos health_due;           // of a run that is not shown
    std::vector<Alarm> alarms;  // recorded_alarms()
  };
  Known& known_of(const RunId& run);
  void arrive(Known& known, Now now);
  void on_reply(const wire::Reply& reply);
  void follow(Pending& pending, Now now);
  void clear_ended(Now now);
  void acknowledge_command(const std::string& id);
  void update_alarms(Now now);
  void recall_alarms(Now now);
  void refresh(Now now);
  void judge(Known& known, Now now);
  void pin();
  [[nodiscard]] double elapsed_s(const Known& known, Now now) const;
  [[nodiscard]] std::string path_obstacle(const run::RunState& state) const;
  [[nodiscard]] std::string run_obstacle(const run::RunState& state) const;
  [[nodiscard]] std::string obstacle_of(const run::RunState& state, const wire::Command& command,
                                        bool lowers) const;
  void order(const RunId& run, std::int64_t version, wire::Command command, Now now);
  void give(const ForceKnob& force, Now now);
  void give(const ReleaseKnob& release, Now now);
  void give(const LetGo& adopted, Now now);
  void give(const Panic& panic, Now now);
  void give(const OrderRule& rule, Now now);

  std::string operator_name_;
  std::string session_;
  std::pmr::memory_resource* memory_;
  std::map<std::string, SourceState> sources_;  // by context
  SourceState source_;
  std::map<RunId, Known> runs_;
  std::vector<RunId> order_;
  std::optional<RunId> shown_;
  std::optional<RunId> awaited_;
  std::int64_t selected_decision_ = 0;
  std::vector<Pending> pending_;
  AlarmBook alarm_book_;
  std::vector<KeptAlarm> remembered_alarms_;
  std::vector<wire::Message> outbox_;
  std::int64_t commands_ = 0;
  // Of the shown run's newest message, by this host's monotonic clock; NaN: a file.
  double arrival_age_s_ = wire::kNaN;
  double steps_per_s_ = wire::kNaN;
};

}  // namespace phaseguard::dashboard
