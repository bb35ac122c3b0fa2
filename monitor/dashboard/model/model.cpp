#include "monitor/dashboard/model/model.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <sstream>

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

// `shadow = "strict"` stands in the text of the policy and nowhere else in the record.
bool is_strict(const std::string& policy) {
  std::istringstream lines(policy);
  for (std::string line; std::getline(lines, line);) {
    const auto is_dress = [](char c) { return c == ' ' || c == '\t' || c == '"' || c == '\''; };
    line.erase(std::remove_if(line.begin(), line.end(), is_dress), line.end());
    if (line.rfind("shadow=strict", 0) == 0) return true;
  }
  return false;
}

std::string link_obstacle(const SourceState& source) {
  if (!source.live) return "a recording: there is no trainer to command";
  if (!source.connected) return "the daemon does not answer: a command would not arrive";
  return "";
}

// What the daemon would refuse while the policy is in shadow mode.
std::string shadow_obstacle(const run::RunState& state, const run::KnobState& knob) {
  if (state.mode != wire::Mode::kShadow || !state.policy) return "";
  const std::string lead = "policy " + one_line(state.policy->name, 40) + " is in shadow mode";
  if (is_strict(state.policy->text)) return lead + ", shadow = \"strict\": nobody raises a knob";
  if (!knob.declaration.forcible) {
    return lead + ", and the trainer does not declare this knob forcible";
  }
  if (run::protects_of(knob.declaration.protects) == wire::Protects::kNone) {
    return lead + ", where knobs are only raised, and this one protects in no direction";
  }
  return "";
}

}  // namespace

bool is_good(Stage stage) { return stage == Stage::kApplied || stage == Stage::kDone; }

bool is_bad(Stage stage) { return stage == Stage::kRefused || stage == Stage::kNotConfirmed; }

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

Model::Known& Model::known_of(const RunId& run) {
  const auto [found, is_new] = runs_.try_emplace(run);
  if (!is_new) return found->second;
  found->second.state.run = run;
  order_.push_back(run);
  if (awaited_ == run) {
    shown_ = run;
    awaited_.reset();
  }
  return found->second;
}

namespace {

SourceState combined(const std::map<std::string, SourceState>& sources) {
  if (sources.size() == 1) return sources.begin()->second;
  SourceState all;
  all.live = all.connected = true;
  all.loading = false;
  for (const auto& [context, one] : sources) {
    all.place += (all.place.empty() ? "" : ", ") + context;
    all.live = all.live && one.live;
    all.connected = all.connected && one.connected;
    all.loading = all.loading || one.loading;
    if (all.problem.empty()) all.problem = one.problem;
  }
  return all;
}

}  // namespace

void Model::apply(const Batch& batch, Now now) {
  sources_[batch.source.context] = batch.source;
  source_ = combined(sources_);
  std::set<RunId> touched;
  for (const wire::Message& message : batch.messages) {
    if (const auto* reply = std::get_if<wire::Reply>(&message.body)) {
      on_reply(*reply);
      continue;
    }
    if (message.header.run.empty()) continue;
    Known& known = known_of(message.header.run);
    run::fold(known.state, message);
    known.arrived = now.mono;
    known.wall_s = std::max(known.state.t, known.state.status ? known.state.status_t : 0.0);
    touched.insert(message.header.run);
  }
  for (const RunId& run : touched) {
    Known& known = runs_.at(run);
    known.alarms = dashboard::recorded_alarms(known.state, source_.live);
    judge(known, now);
  }
  refresh(now);
}

void Model::tick(Now now) { refresh(now); }

// Ages run on this host's monotonic clock from the moment of arrival; a file stands still.
double Model::elapsed_s(const Known& known, Now now) const {
  return source_.live ? std::max(0.0, seconds_between(known.arrived, now.mono)) : 0.0;
}

void Model::judge(Known& known, Now now) {
  constexpr std::int64_t kOthersEveryNs = 250'000'000;
  known.health = run::health(known.state, Now{known.wall_s + elapsed_s(known, now), now.mono});
  known.health_due = Nanos{now.mono.value + kOthersEveryNs};
}

// Which run is the newest is known when all have been read.
void Model::pin() {
  if (shown_ || awaited_ || order_.empty() || (source_.loading && !source_.one_run)) return;
  const auto speaks = [&](const RunId& run) {
    return source_.live && runs_.at(run).health.link == wire::LinkState::kActive;
  };
  shown_ = *std::max_element(order_.begin(), order_.end(), [&](const RunId& a, const RunId& b) {
    if (speaks(a) != speaks(b)) return speaks(b);
    return runs_.at(a).state.t < runs_.at(b).state.t;
  });
}

void Model::refresh(Now now) {
  for (Pending& pending : pending_) follow(pending, now);
  clear_ended(now);
  pin();
  for (auto& [run, known] : runs_) {
    const bool is_due = source_.live && now.mono >= known.health_due;
    if (is_due || shown_ == run) judge(known, now);
  }
  const run::RunState* state = shown();
  if (state == nullptr) {
    arrival_age_s_ = steps_per_s_ = wire::kNaN;
    return;
  }
  arrival_age_s_ = source_.live ? elapsed_s(runs_.at(state->run), now) : wire::kNaN;
  steps_per_s_ = rate_of(*state);
}

void Model::wait_for(const RunId& run) {
  if (runs_.count(run) > 0) {
    shown_ = run;
  } else {
    awaited_ = run;
  }
}

void Model::act(const Action& action, Now now) {
  if (const auto* select = std::get_if<SelectRun>(&action)) {
    if (runs_.count(select->run) > 0) {
      shown_ = select->run;
      awaited_.reset();
    }
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
    send(force->run, force->version, std::move(command), now);
  } else if (const auto* release = std::get_if<ReleaseKnob>(&action)) {
    wire::Command command;
    command.action = wire::Action::kRelease;
    command.knob = release->knob;
    command.reason = release->reason;
    send(release->run, release->version, std::move(command), now);
  } else if (const auto* seen = std::get_if<AcknowledgeCommand>(&action)) {
    pending_.erase(std::remove_if(pending_.begin(), pending_.end(),
                                  [&](const Pending& pending) {
                                    return pending.command.id == seen->id && is_bad(pending.stage);
                                  }),
                   pending_.end());
  }
  refresh(now);
}

void Model::send(const RunId& run, std::int64_t version, wire::Command command, Now now) {
  const run::RunState* state = find(run);
  if (state == nullptr || !knob_obstacle(run, command.knob).empty()) return;
  command.id = session_ + "-" + std::to_string(++commands_);
  command.operator_name = operator_name_;
  // Raising is never refused for what changed meanwhile; lowering names the state it was decided
  // on.
  const run::KnobState* knob = knob_of(*state, command.knob);
  const bool raises = command.action == wire::Action::kForce && knob != nullptr &&
                      !run::is_lowering(run::protects_of(knob->declaration.protects),
                                        in_force_of(*state, *knob), command.value);
  command.expected_version = raises ? -1 : version;
  wire::Message message;
  message.header.run = run;
  message.header.seq = Seq{commands_};
  message.header.step = state->step;
  message.header.t = now.wall_s;
  message.body = command;
  outbox_.push_back(std::move(message));
  Pending pending;
  pending.command = std::move(command);
  pending.run = run;
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

// What has been dealt with.
void Model::clear_ended(Now now) {
  const auto is_superseded = [&](std::size_t old) {
    for (std::size_t later = old + 1; later < pending_.size(); ++later) {
      const bool same = pending_[later].run == pending_[old].run &&
                        pending_[later].command.knob == pending_[old].command.knob;
      if (same && pending_[later].stage != Stage::kSent) return true;
    }
    return false;
  };
  std::vector<Pending> kept;
  for (std::size_t i = 0; i < pending_.size(); ++i) {
    Pending& pending = pending_[i];
    const bool good = is_good(pending.stage);
    if (good && !pending.good_since) pending.good_since = now.mono;
    const bool old = good && seconds_between(*pending.good_since, now.mono) > kShownForS;
    if (old || ((good || is_bad(pending.stage)) && is_superseded(i))) continue;
    kept.push_back(pending);
  }
  pending_ = std::move(kept);
}

const run::RunState* Model::find(const RunId& run) const {
  const auto found = runs_.find(run);
  return found == runs_.end() ? nullptr : &found->second.state;
}

const run::RunState* Model::shown() const { return shown_ ? find(*shown_) : nullptr; }

const run::Health& Model::health() const {
  static const run::Health none;
  return shown_ ? health(*shown_) : none;
}

const run::Health& Model::health(const RunId& run) const { return runs_.at(run).health; }

const std::vector<Alarm>& Model::recorded_alarms(const RunId& run) const {
  return runs_.at(run).alarms;
}

bool Model::stale() const {
  const run::RunState* state = shown();
  const run::Health& now = health();
  if (state == nullptr || !source_.live || now.link == wire::LinkState::kEnded) return false;
  constexpr auto kActive = wire::LinkState::kActive;
  return now.link != kActive || run::liveness(now.age_s) != kActive ||
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

const SourceState& Model::source(const RunId& run) const {
  const auto found = sources_.find(run.place());
  return found == sources_.end() ? source_ : found->second;
}

std::string Model::command_obstacle() const {
  const run::RunState* state = shown();
  const SourceState& source = state == nullptr ? source_ : this->source(state->run);
  const std::string link = link_obstacle(source);
  if (!link.empty()) return link;
  return state == nullptr ? "no run is shown yet" : run_obstacle(*state);
}

std::string Model::run_obstacle(const run::RunState& state) const {
  if (health(state.run).link == wire::LinkState::kEnded) return "the run has ended";
  if (state.knobs.empty()) return "the trainer has declared no knob";
  return "";
}

std::string Model::knob_obstacle(const RunId& run, const std::string& name) const {
  const run::RunState* found = find(run);
  if (found == nullptr) return command_obstacle();
  const std::string link = link_obstacle(source(run));
  if (!link.empty()) return link;
  const run::RunState& state = *found;
  std::string general = run_obstacle(state);
  if (!general.empty()) return general;
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

std::string Model::force_obstacle(const RunId& run, const std::string& name) const {
  std::string why = knob_obstacle(run, name);
  return why.empty() ? shadow_obstacle(*find(run), *knob_of(*find(run), name)) : why;
}

}  // namespace phaseguard::dashboard
