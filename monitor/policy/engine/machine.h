// Runs a policy: events of one run in, decisions with their evidence out. A pure function of the
// policy text and of the recorded events in their order, so that `phaseguard verify` can recompute
// every decision bit for bit. Driven by a Playback (playback.h) wherever a run is played; owned by
// one thread.
//
// Use: create(document, hello), then on(event) for every recorded event of the run, that Hello
// first. After a restart: the same again over the record, or restore(snapshot).
//
// Who wins on a knob, highest first: limits (values outside are refused, never clamped in silence);
// an operator forcing up (a floor: a trip may go above it); a latched trip, or what was adopted
// from the trainer (Adopted); an operator's accepted, expiring lowering, or inhibition of a rule;
// active rules (the highest priority, then the largest); base. Moves up to a rule's constant or an
// operator's value are immediate; every other move respects slew_per_step, but for values per
// sample.
//
// A new attempt, and a new segment after a rollback (Applied::segment), restart warm-up, streaks
// and EWMAs ([on] resume = "carried": a new attempt does not). Latches, overrides, inhibitions,
// what controllers put out and the ids of commands already handled are carried over.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "monitor/base/result.h"
#include "monitor/base/types.h"
#include "monitor/policy/document.h"
#include "monitor/wire/messages.h"

namespace phaseguard::policy {

struct MachineState;

// What becomes of a command. "logged": it takes effect when the recorded command reaches on().
struct Verdict {
  wire::Word<wire::ReplyStatus> status;  // kLogged, kConflict or kRefused
  std::string text;                      // for a person: what happens, or why not and what to do
};

// One detector at a glance, for who looks after every event (backtest); detector_evidence() has
// all.
struct DetectorReading {
  std::int64_t n = 0;             // counted measurements
  double statistic = wire::kNaN;  // what is compared; NaN: none yet
  bool past_warmup = false;       // n > warmup
};

// What a knob may be moved to, for viewers.
struct KnobRange {
  double min = 0.0;
  double max = 0.0;
  wire::LimitBy limit_by = wire::LimitBy::kPolicy;
  wire::Protects protects = wire::Protects::kUp;
  double trip_value =
      wire::kNaN;  // what latched rules, or what was adopted, hold it at; NaN: nothing
};

class Machine {
 public:
  // Errors: the policy does not fit the declaration; the message names every misfit.
  [[nodiscard]] static Result<Machine> create(const Document& document, const wire::Hello& hello);

  Machine(Machine&&) noexcept;
  Machine& operator=(Machine&&) noexcept;
  Machine(const Machine&);
  Machine& operator=(const Machine&);
  ~Machine();

  // Takes every recorded event of the run in order; kinds it has no use for do nothing. Gives a
  // Decision when a knob, a rule's state, a request, an alert or an override changed, and at
  // Goodbye the closing one with the final evidence. A report of an earlier attempt is ignored. All
  // samples of a report reach their detectors first; rules run once per event.
  std::optional<wire::Decision> on(const wire::Message& event);

  // What on() will make of this command when it comes next. Same id again: the same answer.
  //   force: of any knob of the policy or of the newest hello; one that the policy does not name
  //          is one of settings() from then on, its base is the declared initial value.
  //          At or above what is in force: always. Below it needs expected_version, and below what
  //          the policy would set also a reason and expires_after_steps > 0; refused while a
  //          latched rule sets the knob. In shadow mode against what is in force there (held/
  //          shadow.h), of a knob that is forcible or that something was adopted for.
  //   release: back to automatic; needs expected_version when that lowers the knob.
  //   reset: clears rule's latch, or with a knob and no rule what was adopted for it or is kept by
  //          the trainer; needs a reason and expected_version.
  //   inhibit: the rule does not fire, and is quiet if it was active; needs a reason,
  //          expected_version and expires_after_steps > 0; refused while the rule is latched.
  //   allow: ends an inhibition.
  // expected_version may be any state_version since the last change that was not a slewed move.
  // `now`: the run's step, for the text; an expiry counts from the last step seen by on().
  [[nodiscard]] Verdict judge(const wire::Command& command, Step now) const;

  // Decided values now, one per knob of the policy, in its order, then those only an operator
  // moved.
  [[nodiscard]] std::vector<wire::KnobSetting> settings() const;
  [[nodiscard]] std::vector<wire::DetectorEvidence> detector_evidence() const;
  // `detector`: its place in document().detectors.
  [[nodiscard]] DetectorReading reading(std::size_t detector) const;
  [[nodiscard]] std::vector<wire::RuleEvidence> rule_evidence() const;
  // The same with the phase of each rule: for Status, which is never recorded.
  [[nodiscard]] std::vector<wire::RuleEvidence> rule_status() const;
  [[nodiscard]] std::vector<KnobRange> knob_ranges() const;    // as settings()
  [[nodiscard]] wire::OverrideStatus override_status() const;  // of the first knob that has one
  // Grows by one with each decision that changed a knob, a rule's state or an override.
  [[nodiscard]] std::int64_t state_version() const;
  // What a trainer is told: settings(), a lowering with its end and what comes then, and the batch
  // whose report gave a value. In shadow mode only the knobs that an operator raised, or that
  // something was adopted for, at that value.
  [[nodiscard]] std::vector<wire::KnobSetting> settings_to_send() const;
  // The value that a command for the knob is a raise or a lowering against: the decided one, in
  // shadow mode the declared initial one or what settings_to_send() says. NaN: no such knob.
  [[nodiscard]] double in_force(const std::string& knob) const;
  // Why the trainer could not be made to obey this force in shadow mode, and what to do; "": it
  // can. The caller refuses such a command before it is recorded: on() does not.
  [[nodiscard]] std::string why_not_possible(const wire::Command& command) const;
  [[nodiscard]] std::vector<wire::Inhibited> inhibitions() const;
  // What the trainer is to hold on to (wire/held.h), each with its cause; in shadow mode nothing
  // that a rule would hold.
  [[nodiscard]] std::vector<wire::Held> held() const;
  // What becomes of an entry of a hello whose cause the record lacks: sets kAdopted, or kKept with
  // the reason in `detail`. It takes effect when the recorded Adopted reaches on().
  void judge(wire::Held& entry) const;
  [[nodiscard]] wire::ControlBy control() const;
  [[nodiscard]] std::string first_out() const;  // the rule that tripped first; "": none is latched
  // Whether anything it decides depends on the values of this declared signal.
  [[nodiscard]] bool reads(std::string_view signal) const;
  [[nodiscard]] const Document& document() const;

  // For a trainer's own copy: takes over what the control says of rules, overrides and inhibitions
  // that follows from events up to its `ack` and from operators, whom the copy does not hear. What
  // it decided itself by later events stands.
  void align(const wire::Control& control);

  // Everything on() depends on, as bytes that are the same on every machine; going on after
  // restore() gives the decisions that going on without it would have given. Errors: the bytes are
  // cut, damaged or of another policy; the machine is then left as it was.
  [[nodiscard]] std::string snapshot() const;
  // The same for a trainer's own copy, which is asked nothing: without answers to commands.
  [[nodiscard]] std::string snapshot_for_trainer() const;
  [[nodiscard]] Result<void> restore(std::string_view bytes);

 private:
  explicit Machine(std::unique_ptr<MachineState> state);
  std::unique_ptr<MachineState> state_;
};

}  // namespace phaseguard::policy
