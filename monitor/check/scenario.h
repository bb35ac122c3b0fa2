// What the daemon that is played does, one move after the other: values that are to be obeyed,
// controls that are to be ignored, a message that is lost, a request that comes twice, a lowering
// that ends by itself while nothing is heard. Each move waits for what it is to bring about, and
// says what came. Pure: frames and times come in, frames go out.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "monitor/check/desk.h"
#include "monitor/check/numbers.h"
#include "monitor/check/rules.h"
#include "monitor/run/state.h"

namespace phaseguard::check {

class Scenario {
 public:
  Scenario(Desk& desk, const Numbers& numbers, const run::RunState& folded, Findings& findings,
           const DeskTimes& times, std::int64_t least_steps)
      : desk_(desk),
        numbers_(numbers),
        folded_(folded),
        findings_(findings),
        times_(times),
        least_steps_(least_steps) {}

  // A frame that could be read, before the engine has it. `is_new`: not one that came before.
  // False: it is lost on its way.
  [[nodiscard]] bool on_frame(const wire::Message& frame, bool is_new, Now now);
  // Does what is due; called before each frame is given to the engine, and on each tick.
  void advance(Now now);
  // The newest of the trainer's numbers that the engine recorded.
  void on_recorded(Seq number) { recorded_ = number; }
  // Of what the engine sends, and of the scenario's own, what leaves; encoded.
  [[nodiscard]] std::vector<daemon::Outgoing> let_out(std::vector<Out> from_engine);

  // Nothing is heard and nothing sent.
  [[nodiscard]] bool is_deaf() const { return move_ == Move::kDeaf; }
  // The trainer is heard, and the scenario does not wait for it to come back.
  [[nodiscard]] bool is_linked() const {
    return move_ != Move::kLink && move_ != Move::kDeaf && move_ != Move::kReturn;
  }
  // The trainer may be ended: all was asked, and it was watched for long enough.
  [[nodiscard]] bool is_over() const { return move_ == Move::kOver; }
  // The trainer is gone: what was not asked was not seen.
  void finish();

 private:
  enum class Move : std::uint8_t {
    kLink,
    kBase,
    kRaise,
    kRelease,
    kForge,
    kDrop,
    kRequest,
    kLower,
    kDeaf,
    kReturn,
    kWatch,
    kStop,
    kOver
  };

  void enter(Move move, Now now);
  // So long after a move was begun, and so many steps, that it should have had its effect.
  [[nodiscard]] bool is_overdue(Now now) const;
  [[nodiscard]] bool has_waited(Now now, double seconds) const;

  [[nodiscard]] std::string not_asked() const;

  // Knobs (scenario.cpp).
  void follow_step(Step step);
  void on_applied(const wire::Message& frame, Now now);
  void look_at_value(const wire::Header& header, const wire::AppliedKnob& knob);
  [[nodiscard]] double applied(const std::string& knob) const;
  void begin_base(Now now);
  void await_base(Now now);
  void command(const char* id, wire::Action action, const KnobPlan& knob, double value,
               std::int64_t steps, Now now);
  void await_value(double wanted, Move next, Now now);
  void tell_not_obeyed(const KnobPlan& knob, double wanted);
  void await_forgery(Now now);
  void forge(Now now);
  void note(const Out& out);
  void finish_knobs();

  // The link (scenario_link.cpp).
  [[nodiscard]] bool may_drop(const wire::Message& frame, Now now) const;
  void on_again(Seq number);
  void await_again(Now now);
  void begin_lowering(Now now);
  void await_lowering(Now now);
  void begin_deaf(Now now);
  void await_return(Now now);
  [[nodiscard]] bool is_too_short(Now now) const;
  [[nodiscard]] double steps_per_s(Now now) const;
  void look_at_loss(const wire::Header& header, const wire::AppliedKnob& knob);
  void finish_link();

  // Requests (scenario_requests.cpp).
  void begin_request(Now now);
  void ask(wire::RequestType type, std::int64_t id, Now now);
  void on_outcome(const wire::Header& header, const wire::RequestOutcome& outcome);
  void await_outcome(Now now);
  void begin_stop(Now now);
  void await_end(Now now);
  void finish_requests();

  Desk& desk_;
  const Numbers& numbers_;
  const run::RunState& folded_;
  Findings& findings_;
  DeskTimes times_;
  std::int64_t least_steps_;

  Move move_ = Move::kLink;
  Nanos since_;
  Step since_step_;
  std::int64_t since_watched_ = 0;
  Step step_{-1}, first_step_{-1};
  Nanos first_at_;
  std::int64_t watched_ = 0;  // rises of the step, rollbacks or not
  Seq recorded_;              // newest number that the engine was given and had not before
  daemon::PeerId peer_ = 0;
  std::int64_t epoch_ = 0;
  std::vector<Out> own_;

  std::map<std::string, double> applied_;
  std::size_t knob_ = 0;  // that is moved now
  std::int64_t obeyed_ = 0;
  std::size_t forgery_ = 0;    // that is sent next, or was sent last
  std::optional<Out> honest_;  // the newest control of the engine's that was sent
  bool is_fresh_ = false;      // after the newest forged one
  std::optional<Nanos> forged_at_;
  std::int64_t applied_since_ = 0;  // reports of what is in force since then
  std::int64_t ignored_[kForgeries] = {};

  bool drops_ = false;
  Seq dropped_, asked_again_;
  bool came_again_ = false;
  bool is_lowered_ = false;
  Step expires_{-1};
  Seq deaf_from_{-1};
  std::int64_t unheard_ = 0, unheard_past_end_ = 0;  // reports of what is in force, meanwhile
  bool is_back_ = false;

  wire::Word<wire::RequestType> type_;
  std::int64_t request_ = 0;  // its id; 0: none was made
  std::int64_t asked_ = 0, outcomes_ = 0, segment_ = 0, segment_before_ = 0;
  bool asked_late_ = false;
  std::optional<wire::RequestOutcome> outcome_;
};

}  // namespace phaseguard::check
