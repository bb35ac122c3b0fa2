// The operator's commands: which ones can be given now, and what became of those that were.
#include <algorithm>
#include <cmath>
#include <sstream>

#include "monitor/dashboard/model/control/force.h"
#include "monitor/dashboard/model/describe.h"
#include "monitor/dashboard/model/model.h"
#include "monitor/run/fate.h"
#include "monitor/run/protection.h"

namespace phaseguard::dashboard {
namespace {

double seconds_between(Nanos from, Nanos to) {
  return static_cast<double>(to.value - from.value) * 1e-9;
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

const wire::RuleEvidence* rule_of(const run::RunState& state, const std::string& name) {
  const auto found = std::find_if(state.rules.begin(), state.rules.end(),
                                  [&](const auto& rule) { return rule.rule == name; });
  return found == state.rules.end() ? nullptr : &*found;
}

// Of a trainer that a command would not reach. "": it would, as far as is known.
std::string unreached(std::optional<wire::LinkState> link) {
  if (link == wire::LinkState::kEnded) return "the run has ended";
  if (link == wire::LinkState::kLost) {
    return "the trainer is lost: a command would not reach it (the command phaseguard records one "
           "for when it is back)";
  }
  if (link == wire::LinkState::kAbsent) return "no trainer of this run speaks";
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

void Model::give(const ForceKnob& force, Now now) {
  wire::Command command;
  command.action = wire::Action::kForce;
  command.knob = force.knob;
  command.value = force.value;
  command.reason = force.reason;
  command.expires_after_steps = force.expires_after_steps;
  order(force.run, force.version, std::move(command), now);
}

void Model::give(const ReleaseKnob& release, Now now) {
  wire::Command command;
  command.action = wire::Action::kRelease;
  command.knob = release.knob;
  command.reason = release.reason;
  order(release.run, release.version, std::move(command), now);
}

void Model::give(const LetGo& adopted, Now now) {
  wire::Command command;
  command.action = wire::Action::kReset;
  command.knob = adopted.knob;
  command.reason = adopted.reason;
  order(adopted.run, adopted.version, std::move(command), now);
}

// A value that would lower by now has neither reason nor expiry, and so goes nowhere.
void Model::give(const Panic& panic, Now now) {
  for (const auto& [knob, value] : panic.values) {
    give(ForceKnob{panic.run, knob, panic.version, value, "", 0}, now);
  }
}

void Model::give(const OrderRule& rule, Now now) {
  if (!rule_obstacle(rule.run, rule.rule, rule.order).empty()) return;
  wire::Command command;
  command.action = rule.order == RuleOrder::kReset     ? wire::Action::kReset
                   : rule.order == RuleOrder::kInhibit ? wire::Action::kInhibit
                                                       : wire::Action::kAllow;
  command.rule = rule.rule;
  command.reason = rule.reason;
  command.expires_after_steps = rule.expires_after_steps;
  order(rule.run, rule.version, std::move(command), now);
}

// What no dialog may have let through.
std::string Model::obstacle_of(const run::RunState& state, const wire::Command& command,
                               bool lowers) const {
  if (!command.knob.empty()) {
    std::string why = knob_obstacle(state.run, command.knob);
    if (!why.empty()) return why;
  }
  if (!lowers) return "";
  std::string why = lowering_obstacle(state.run);
  if (!why.empty()) return why;
  if (is_blank(command.reason)) return "give a reason";
  const bool expires =
      command.action == wire::Action::kForce || command.action == wire::Action::kInhibit;
  return expires && command.expires_after_steps <= 0 ? "give an expiry" : "";
}

// Raising is never refused for what changed meanwhile; all else names the state it was decided on.
void Model::order(const RunId& run, std::int64_t version, wire::Command command, Now now) {
  const run::RunState* state = find(run);
  if (state == nullptr) return;
  const run::KnobState* knob = knob_of(*state, command.knob);
  const bool raises = command.action == wire::Action::kForce && knob != nullptr &&
                      !run::is_lowering(run::protects_of(knob->declaration.protects),
                                        in_force_of(*state, *knob), command.value);
  if (!obstacle_of(*state, command, !raises).empty()) return;
  command.id = session_ + "-" + std::to_string(++commands_);
  command.operator_name = operator_name_;
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
                        pending_[later].command.knob == pending_[old].command.knob &&
                        pending_[later].command.rule == pending_[old].command.rule;
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

std::string Model::command_obstacle() const {
  const run::RunState* state = shown();
  std::string link = link_obstacle(state == nullptr ? source_ : source(state->run));
  if (!link.empty()) return link;
  return state == nullptr ? "no run is shown yet" : run_obstacle(*state);
}

// Of daemon and trainer, of this run.
std::string Model::path_obstacle(const run::RunState& state) const {
  std::string link = link_obstacle(source(state.run));
  return !link.empty() ? link : unreached(health(state.run).link);
}

std::string Model::run_obstacle(const run::RunState& state) const {
  std::string why = path_obstacle(state);
  return why.empty() && state.knobs.empty() ? "the trainer has declared no knob" : why;
}

std::string Model::knob_obstacle(const RunId& run, const std::string& name) const {
  const run::RunState* found = find(run);
  if (found == nullptr) return command_obstacle();
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

std::string Model::lowering_obstacle(const RunId& run) const {
  const run::RunState* state = find(run);
  if (state == nullptr) return command_obstacle();
  std::string why = path_obstacle(*state);
  if (!why.empty() || health(run).link != wire::LinkState::kSilent) return why;
  return "the trainer is silent: what it holds is not known, and nothing is lowered meanwhile";
}

std::string Model::rule_obstacle(const RunId& run, const std::string& name, RuleOrder order) const {
  std::string why = lowering_obstacle(run);
  if (!why.empty()) return why;
  const wire::RuleEvidence* rule = rule_of(*find(run), name);
  const std::string shown = "rule " + one_line(name, 40);
  if (rule == nullptr) return "the run's policy has no " + shown;
  const bool latched = rule->state == wire::RuleState::kLatched;
  const bool inhibited =
      rule->state == wire::RuleState::kInhibited || rule->phase == wire::RulePhase::kInhibited;
  switch (order) {
    case RuleOrder::kReset:
      return latched ? "" : shown + " is not latched";
    case RuleOrder::kInhibit:
      return latched ? shown + " is latched: reset it first" : "";
    case RuleOrder::kAllow:
      return inhibited ? "" : shown + " is not inhibited";
  }
  return "";
}

}  // namespace phaseguard::dashboard
