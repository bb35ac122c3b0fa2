#include "monitor/dashboard/model/model.h"

#include <algorithm>
#include <cmath>

#include "monitor/dashboard/model/describe.h"
#include "monitor/run/fate.h"
#include "monitor/run/liveness.h"
#include "monitor/run/protection.h"

namespace phaseguard::dashboard {
namespace {

double seconds_between(Nanos from, Nanos to) {
  return static_cast<double>(to.value - from.value) * 1e-9;
}

// Steps per second over the last measurements of the densest signal of training.
double rate_of(const run::RunState& state) {
  constexpr std::size_t kWindow = 30;
  const run::Series* best = nullptr;
  for (const auto& [name, signal] : state.signals) {
    if (name.rfind("train/", 0) != 0 && name.rfind("canary/", 0) != 0) continue;
    if (best == nullptr || signal.series.size() > best->size()) best = &signal.series;
  }
  if (best == nullptr || best->size() < 2) return wire::kNaN;
  const std::size_t last = best->size() - 1;
  std::size_t first = last > kWindow ? last - kWindow : 0;
  const auto stretches = best->stretches();
  first = std::max(first, stretches.back().first);
  const double dt = best->t_at(last) - best->t_at(first);
  const auto steps = static_cast<double>(best->step_at(last).value - best->step_at(first).value);
  return dt > 0.0 && steps > 0.0 ? steps / dt : wire::kNaN;
}

const run::KnobState* knob_of(const run::RunState& state, const std::string& name) {
  const auto found = state.knobs.find(name);
  return found == state.knobs.end() ? nullptr : &found->second;
}

}  // namespace

const char* name_of(Stage stage) {
  switch (stage) {
    case Stage::kSent:
      return "SENT";
    case Stage::kLogged:
      return "LOGGED";
    case Stage::kApplied:
      return "APPLIED";
    case Stage::kDone:
      return "DONE";
    case Stage::kRefused:
      return "REFUSED";
    case Stage::kNotConfirmed:
      return "NOT CONFIRMED";
  }
  return "";
}

Model::Model(std::string operator_name, std::string session)
    : operator_name_(std::move(operator_name)), session_(std::move(session)) {}

void Model::apply(const Batch& batch, Now now) {
  source_ = batch.source;
  for (const wire::Message& message : batch.messages) {
    if (const auto* reply = std::get_if<wire::Reply>(&message.body)) {
      on_reply(*reply);
      continue;
    }
    if (message.header.run.empty()) continue;
    Known& known = runs_[message.header.run];
    if (known.state.run.empty()) known.state.run = message.header.run;
    run::fold(known.state, message);
    known.arrived = now.mono;
    known.wall_s = std::max(known.state.t, known.state.status ? known.state.status_t : 0.0);
  }
  refresh(now);
}

void Model::tick(Now now) { refresh(now); }

void Model::refresh(Now now) {
  for (Pending& pending : pending_) follow(pending, now);
  const run::RunState* state = shown();
  if (state == nullptr) {
    health_ = {};
    arrival_age_s_ = steps_per_s_ = wire::kNaN;
    return;
  }
  const Known& known = runs_.at(state->run);
  // Ages run on this host's monotonic clock from the moment of arrival; a file stands still.
  const double elapsed =
      source_.live ? std::max(0.0, seconds_between(known.arrived, now.mono)) : 0.0;
  arrival_age_s_ = source_.live ? elapsed : wire::kNaN;
  health_ = run::health(*state, Now{known.wall_s + elapsed, now.mono});
  steps_per_s_ = rate_of(*state);
}

void Model::act(const Action& action, Now now) {
  if (const auto* select = std::get_if<SelectRun>(&action)) {
    if (runs_.count(select->run) > 0) chosen_ = select->run;
    selected_decision_ = 0;
  } else if (const auto* which = std::get_if<SelectDecision>(&action)) {
    selected_decision_ = which->id;
  } else if (const auto* force = std::get_if<ForceKnob>(&action)) {
    wire::Command command;
    command.action = wire::Action::kForce;
    command.knob = force->knob;
    command.value = force->value;
    command.reason = force->reason;
    command.expires_after_steps = force->expires_after_steps;
    send(std::move(command), now);
  } else if (const auto* release = std::get_if<ReleaseKnob>(&action)) {
    wire::Command command;
    command.action = wire::Action::kRelease;
    command.knob = release->knob;
    command.reason = release->reason;
    send(std::move(command), now);
  }
  refresh(now);
}

void Model::send(wire::Command command, Now now) {
  const run::RunState* state = shown();
  if (state == nullptr || !knob_obstacle(command.knob).empty()) return;
  command.id = session_ + "-" + std::to_string(++commands_);
  command.operator_name = operator_name_;
  // Raising is never refused for what changed meanwhile; lowering names the state it was decided
  // on.
  const run::KnobState* knob = knob_of(*state, command.knob);
  const bool raises = command.action == wire::Action::kForce && knob != nullptr &&
                      !run::is_lowering(run::protects_of(knob->declaration.protects),
                                        in_force_of(*state, *knob), command.value);
  command.expected_version = raises ? -1 : state->state_version;
  wire::Message message;
  message.header.run = state->run;
  message.header.seq = Seq{commands_};
  message.header.step = state->step;
  message.header.t = now.wall_s;
  message.body = command;
  outbox_.push_back(std::move(message));
  Pending pending;
  pending.command = std::move(command);
  pending.run = state->run;
  pending.sent = now.mono;
  pending.text = "waiting for the daemon";
  pending_.push_back(std::move(pending));
}

std::vector<wire::Message> Model::take_outbox() { return std::exchange(outbox_, {}); }

void Model::on_reply(const wire::Reply& reply) {
  for (Pending& pending : pending_) {
    if (pending.command.id != reply.id) continue;
    if (pending.stage == Stage::kApplied) return;
    pending.seq = reply.seq;
    pending.text = reply.text;
    const bool taken =
        reply.status == wire::ReplyStatus::kOk || reply.status == wire::ReplyStatus::kLogged;
    pending.stage = taken ? Stage::kLogged : Stage::kRefused;
    return;
  }
}

// Logged -> applied or done, as the record and the trainer's reports say.
void Model::follow(Pending& pending, Now now) {
  if (pending.stage != Stage::kSent && pending.stage != Stage::kLogged &&
      pending.stage != Stage::kNotConfirmed) {
    return;
  }
  const run::RunState* state = find(pending.run);
  run::CommandFate fate;
  if (state != nullptr && pending.seq > Seq{0}) fate = run::fate_of(*state, pending.seq);
  switch (fate.fate) {
    case run::Fate::kApplied:
      pending.stage = Stage::kApplied;
      pending.applied_step = std::max(fate.step, Step{0});
      pending.text = "";
      return;
    case run::Fate::kDone:
      pending.stage = Stage::kDone;
      return;
    case run::Fate::kShadow:
      pending.stage = Stage::kDone;
      pending.text = "shadow mode: recorded, nothing is sent to the trainer";
      return;
    case run::Fate::kSuperseded:
      pending.stage = Stage::kDone;
      pending.text = "a new attempt has begun meanwhile: see what is in force now";
      return;
    case run::Fate::kUnreported:
      pending.stage = Stage::kNotConfirmed;
      pending.text = "not reported by this trainer: it does not say which decision it applies";
      return;
    case run::Fate::kUnknown:
    case run::Fate::kPending:
      break;
  }
  if (seconds_between(pending.sent, now.mono) > kConfirmWithinS) {
    if (pending.stage == Stage::kSent) pending.text = "no answer from the daemon";
    if (pending.stage == Stage::kLogged) pending.text = "logged, not reported by the trainer";
    pending.stage = Stage::kNotConfirmed;
  }
}

std::vector<RunId> Model::run_ids() const {
  std::vector<RunId> ids;
  for (const auto& [id, known] : runs_) ids.push_back(id);
  std::stable_sort(ids.begin(), ids.end(), [&](const RunId& a, const RunId& b) {
    return runs_.at(a).state.t > runs_.at(b).state.t;
  });
  return ids;
}

const run::RunState* Model::find(const RunId& run) const {
  const auto found = runs_.find(run);
  return found == runs_.end() ? nullptr : &found->second.state;
}

const run::RunState* Model::shown() const {
  if (chosen_) return find(*chosen_);
  const auto newest = std::max_element(
      runs_.begin(), runs_.end(),
      [](const auto& a, const auto& b) { return a.second.state.t < b.second.state.t; });
  return newest == runs_.end() ? nullptr : &newest->second.state;
}

bool Model::stale() const {
  const run::RunState* state = shown();
  if (state == nullptr || !source_.live || health_.link == wire::LinkState::kEnded) return false;
  constexpr auto kActive = wire::LinkState::kActive;
  return health_.link != kActive || run::liveness(health_.age_s) != kActive ||
         run::liveness(arrival_age_s_, run::kFeedPatience) != kActive;
}

const wire::Decision* Model::decision(std::int64_t id) const {
  const run::RunState* state = shown();
  if (state == nullptr || id <= 0) return nullptr;
  for (const auto& entry : state->decisions.entries) {
    if (entry.body.id == id) return &entry.body;
  }
  return nullptr;
}

bool Model::is_forced(const std::string& name) const {
  const run::RunState* state = shown();
  if (state == nullptr) return false;
  const bool told = state->status && source_.live && state->status->override_.active;
  if (told && state->status->override_.knob == name) return true;
  const run::KnobState* knob = knob_of(*state, name);
  return knob != nullptr && knob->cause.is(wire::CauseKind::kOperator);
}

std::string Model::command_obstacle() const {
  if (!source_.live) return "this is a recorded run: there is no trainer to command";
  if (!source_.connected) return "the daemon does not answer: a command would not arrive";
  const run::RunState* state = shown();
  if (state == nullptr) return "no run is known yet";
  if (health_.link == wire::LinkState::kEnded) return "the run has ended";
  if (state->knobs.empty()) return "the trainer has declared no knob";
  return "";
}

std::string Model::knob_obstacle(const std::string& name) const {
  std::string general = command_obstacle();
  if (!general.empty()) return general;
  const run::RunState& state = *shown();
  std::string known;
  for (const auto& [knob, held] : state.knobs) known += (known.empty() ? "" : ", ") + knob;
  if (knob_of(state, name) == nullptr) {
    return "the trainer has declared no knob " + name + "; it has " + known;
  }
  if (!state.status || state.status->knobs.empty()) return "";
  std::string moved;
  for (const wire::KnobStatus& knob : state.status->knobs) {
    if (knob.name == name) return "";
    moved += (moved.empty() ? "" : ", ") + knob.name;
  }
  return "the run's policy has no [knob." + name + "]; it moves " +
         (moved.empty() ? "none" : moved);
}

}  // namespace phaseguard::dashboard
