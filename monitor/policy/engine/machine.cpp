#include "monitor/policy/engine/machine.h"

#include <algorithm>
#include <utility>

#include "monitor/policy/engine/arbiter.h"
#include "monitor/policy/engine/controller.h"
#include "monitor/policy/engine/evidence.h"
#include "monitor/policy/engine/held/held.h"
#include "monitor/policy/engine/held/shadow.h"
#include "monitor/policy/engine/knobs.h"
#include "monitor/policy/engine/machine_state.h"
#include "monitor/policy/engine/operator.h"
#include "monitor/policy/engine/phase.h"
#include "monitor/policy/engine/rule.h"
#include "monitor/policy/engine/snapshot.h"
#include "monitor/policy/engine/tracks/tracker.h"
#include "monitor/policy/engine/turn.h"
#include "monitor/run/protection.h"

namespace phaseguard::policy {

namespace {

MachineState initial_state(const Document& document, const wire::Hello& hello) {
  MachineState state;
  state.document = resolved(document, hello);
  state.detectors.resize(document.detectors.size());
  state.rules.resize(document.rules.size());
  for (std::size_t i = 0; i < state.rules.size(); ++i) {
    state.rules[i].controllers.resize(document.rules[i].sets.size());
  }
  for (const KnobSpec& spec : document.knobs) {
    KnobState knob;
    knob.value = knob.target = spec.base;
    state.knobs.push_back(std::move(knob));
  }
  declare_knobs(state, hello);
  declare_signals(state, hello);
  resolve_controllers(state, hello);
  restart_signals(state, hello.start_step);
  index_rules(state);
  restart_rules(state, false);
  return state;
}

}  // namespace

Machine::Machine(std::unique_ptr<MachineState> state) : state_(std::move(state)) {}
Machine::Machine(Machine&&) noexcept = default;
Machine& Machine::operator=(Machine&&) noexcept = default;
Machine::Machine(const Machine& other) : state_(std::make_unique<MachineState>(*other.state_)) {}
Machine& Machine::operator=(const Machine& other) {
  if (this != &other) state_ = std::make_unique<MachineState>(*other.state_);
  return *this;
}
Machine::~Machine() = default;

Result<Machine> Machine::create(const Document& document, const wire::Hello& hello) {
  if (Result<void> fit = fits(document, hello); !fit) return tl::unexpected(fit.error());
  return Machine(std::make_unique<MachineState>(initial_state(document, hello)));
}

std::optional<wire::Decision> Machine::on(const wire::Message& event) {
  return take_event(*state_, event);
}

Verdict Machine::judge(const wire::Command& command, Step now) const {
  return judge_command(*state_, command, now);
}

std::vector<wire::KnobSetting> Machine::settings() const { return settings_of(*state_); }

std::vector<wire::DetectorEvidence> Machine::detector_evidence() const {
  return evidence_of_detectors(*state_);
}

DetectorReading Machine::reading(std::size_t detector) const {
  const DetectorState& found = state_->detectors[detector];
  return {found.n, found.statistic, found.n > state_->document.detectors[detector].warmup};
}

std::vector<wire::RuleEvidence> Machine::rule_evidence() const {
  return evidence_of_rules(*state_);
}

std::vector<wire::RuleEvidence> Machine::rule_status() const {
  std::vector<wire::RuleEvidence> all = evidence_of_rules(*state_);
  for (std::size_t i = 0; i < all.size(); ++i) add_phase(*state_, i, all[i]);
  return all;
}

std::vector<KnobRange> Machine::knob_ranges() const {
  std::vector<KnobRange> all;
  for (std::size_t i = 0; i < state_->knobs.size(); ++i) {
    const KnobState& knob = state_->knobs[i];
    const Wanted trip = tripped(*state_, i);
    const wire::Held* floor = floor_of(*state_, i);
    double held = trip.cause == MovedBy::kRule ? trip.value : wire::kNaN;
    if (floor && !run::protects_more(knob.protects, held, floor->value)) held = floor->value;
    all.push_back({knob.min, knob.max, knob.limit_by, knob.protects, held});
  }
  return all;
}

wire::OverrideStatus Machine::override_status() const {
  wire::OverrideStatus status;
  for (std::size_t i = 0; i < state_->knobs.size(); ++i) {
    const Override& by_hand = state_->knobs[i].override_;
    if (!by_hand.active) continue;
    status.active = true;
    status.knob = knob_spec(*state_, i).name;
    status.value = by_hand.value;
    status.operator_name = by_hand.operator_name;
    status.reason = by_hand.reason;
    status.expires_step = by_hand.expires;
    break;
  }
  return status;
}

std::vector<wire::KnobSetting> Machine::settings_to_send() const {
  return state_->document.shadow ? raised_settings(*state_) : settings_to_tell(*state_);
}

double Machine::in_force(const std::string& knob) const {
  const std::int64_t index = find_knob(*state_, knob);
  if (index >= 0) {
    const auto at = static_cast<std::size_t>(index);
    return state_->document.shadow ? policy::in_force(*state_, at) : state_->knobs[at].value;
  }
  const wire::KnobDecl* declared = declaration_of(*state_, knob);
  return declared != nullptr ? declared->initial : wire::kNaN;
}

std::string Machine::why_not_possible(const wire::Command& command) const {
  return policy::why_not_possible(*state_, command);
}

std::vector<wire::Inhibited> Machine::inhibitions() const { return inhibitions_of(*state_); }

void Machine::align(const wire::Control& control) { align_with(*state_, control); }

std::vector<wire::Held> Machine::held() const { return held_of(*state_); }

void Machine::judge(wire::Held& entry) const { judge_adoption(*state_, entry); }

std::int64_t Machine::state_version() const { return state_->version; }

wire::ControlBy Machine::control() const {
  if (override_status().active) return wire::ControlBy::kManual;
  if (first_out_of(*state_) >= 0 || !state_->trainer_held.empty()) return wire::ControlBy::kTripped;
  for (std::size_t i = 0; i < state_->rules.size(); ++i) {
    if (is_suppressed(*state_, i)) return wire::ControlBy::kInhibited;
  }
  return wire::ControlBy::kAuto;
}

std::string Machine::first_out() const {
  const std::int64_t first = first_out_of(*state_);
  return first < 0 ? "" : state_->document.rules[static_cast<std::size_t>(first)].name;
}

bool Machine::reads(std::string_view signal) const {
  const auto known = std::find_if(state_->declared.begin(), state_->declared.end(),
                                  [&](const DeclaredTracks& d) { return d.name == signal; });
  return known != state_->declared.end() &&
         std::any_of(known->tracks.begin(), known->tracks.end(),
                     [&](std::size_t track) { return state_->tracks[track].watched; });
}

const Document& Machine::document() const { return state_->document; }

std::string Machine::snapshot() const { return encode_state(*state_); }

std::string Machine::snapshot_for_trainer() const {
  MachineState state = *state_;
  state.commands.clear();
  return encode_state(std::move(state));
}

Result<void> Machine::restore(std::string_view bytes) { return decode_state(bytes, *state_); }

}  // namespace phaseguard::policy
