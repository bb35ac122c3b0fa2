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

// Steps per second over the last steps of the signal that says most, however often it comes.
double rate_of(const run::RunState& state) {
  constexpr double kWindow = 30.0;  // steps
  const run::Series* best = nullptr;
  for (const auto& [name, signal] : state.signals) {
    if (best == nullptr || signal.series.size() > best->size()) best = &signal.series;
  }
  if (best == nullptr || best->size() < 2) return wire::kNaN;
  const run::Stretch now = best->stretches().back();
  const std::size_t last = now.last - 1;
  const double newest = best->x_at(last, run::By::kStep);
  const std::size_t before = last > now.first ? last - 1 : last;
  const std::size_t first = std::min(best->first_from(now, newest - kWindow), before);
  const double dt = best->t_at(last) - best->t_at(first);
  const double steps = newest - best->x_at(first, run::By::kStep);
  return dt > 0.0 && steps > 0.0 ? steps / dt : wire::kNaN;
}

const run::KnobState* knob_of(const run::RunState& state, const std::string& name) {
  const auto found = state.knobs.find(name);
  return found == state.knobs.end() ? nullptr : &found->second;
}

}  // namespace

Model::Model(std::string operator_name, std::string session, std::pmr::memory_resource* memory)
    : operator_name_(std::move(operator_name)), session_(std::move(session)), memory_(memory) {}

Model::Known& Model::known_of(const RunId& run) {
  const auto [found, is_new] = runs_.try_emplace(run);
  if (!is_new) return found->second;
  found->second.state->run = run;
  found->second.state->memory = memory_;
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
  if (batch.whole) {
    Known& known = known_of(batch.whole->run);
    known.state = batch.whole;
    arrive(known, now);
    touched.insert(batch.whole->run);
  }
  for (const wire::Message& message : batch.messages) {
    if (const auto* reply = std::get_if<wire::Reply>(&message.body)) {
      on_reply(*reply);
      continue;
    }
    if (message.header.run.empty()) continue;
    Known& known = known_of(message.header.run);
    run::fold(*known.state, message);
    arrive(known, now);
    touched.insert(message.header.run);
  }
  for (const RunId& run : touched) {
    Known& known = runs_.at(run);
    known.alarms = dashboard::recorded_alarms(*known.state, source_.live);
    judge(known, now);
  }
  refresh(now);
}

void Model::arrive(Known& known, Now now) {
  const run::RunState& state = *known.state;
  known.arrived = now.mono;
  known.wall_s = std::max(state.t, state.status ? state.status_t : 0.0);
}

void Model::tick(Now now) { refresh(now); }

// Ages run on this host's monotonic clock from the moment of arrival; a file stands still.
double Model::elapsed_s(const Known& known, Now now) const {
  return source_.live ? std::max(0.0, seconds_between(known.arrived, now.mono)) : 0.0;
}

void Model::judge(Known& known, Now now) {
  constexpr std::int64_t kOthersEveryNs = 250'000'000;
  known.health = run::health(*known.state, Now{known.wall_s + elapsed_s(known, now), now.mono});
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
    return runs_.at(a).state->t < runs_.at(b).state->t;
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
  if (!source_.loading) update_alarms(now);
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

void Model::update_alarms(Now now) {
  std::map<RunId, Step> steps;
  for (const auto& [run, known] : runs_) steps.emplace(run, known.state->step);
  alarm_book_.update(all_alarms(*this), steps, now);
  if (!remembered_alarms_.empty()) recall_alarms(now);
}

void Model::recall_alarms(Now now) {
  for (const AlarmEntry& entry : alarm_book_.entries()) {
    const run::RunState* state = find(entry.alarm.run);
    if (state == nullptr || entry.state != AlarmState::kUnacknowledged) continue;
    const KeptAlarm* kept =
        remembered(remembered_alarms_, source(state->run).place, *state, entry.alarm);
    if (kept == nullptr) continue;
    if (kept->shelved) {
      alarm_book_.recall_shelved(id_of(entry.alarm), kept->shelf, kept->by, kept->shelf_ends_s,
                                 now);
    } else {
      alarm_book_.recall_seen(id_of(entry.alarm), kept->by);
    }
    remembered_alarms_.erase(remembered_alarms_.begin() + (kept - remembered_alarms_.data()));
  }
}

void Model::acknowledge_command(const std::string& id) {
  pending_.erase(std::remove_if(pending_.begin(), pending_.end(),
                                [&](const Pending& pending) {
                                  return pending.command.id == id && is_bad(pending.stage);
                                }),
                 pending_.end());
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
    give(*force, now);
  } else if (const auto* release = std::get_if<ReleaseKnob>(&action)) {
    give(*release, now);
  } else if (const auto* adopted = std::get_if<LetGo>(&action)) {
    give(*adopted, now);
  } else if (const auto* panic = std::get_if<Panic>(&action)) {
    give(*panic, now);
  } else if (const auto* rule = std::get_if<OrderRule>(&action)) {
    give(*rule, now);
  } else if (const auto* seen = std::get_if<AcknowledgeCommand>(&action)) {
    acknowledge_command(seen->id);
  } else if (const auto* alarms = std::get_if<AcknowledgeAlarms>(&action)) {
    alarm_book_.acknowledge(alarms->which, operator_name_, now);
    for (const AlarmId& id : alarms->which) {
      constexpr std::string_view kCommand = "command ";
      if (id.about.rfind(kCommand, 0) == 0) acknowledge_command(id.about.substr(kCommand.size()));
    }
  } else if (const auto* shelve = std::get_if<ShelveAlarms>(&action)) {
    alarm_book_.shelve(shelve->which, shelve->shelf, operator_name_, now);
  } else if (const auto* back = std::get_if<UnshelveAlarms>(&action)) {
    alarm_book_.unshelve(back->which);
  }
  refresh(now);
}

void Model::tell(const RunId& run, std::vector<wire::RuleEvidence> rules,
                 std::vector<wire::DetectorEvidence> detectors) {
  const auto found = runs_.find(run);
  if (found == runs_.end()) return;
  found->second.state->rules = std::move(rules);
  found->second.state->detectors = std::move(detectors);
}

const run::RunState* Model::find(const RunId& run) const {
  const auto found = runs_.find(run);
  return found == runs_.end() ? nullptr : found->second.state.get();
}

std::shared_ptr<const run::RunState> Model::lend(const RunId& run) const {
  const auto found = runs_.find(run);
  return found == runs_.end() ? nullptr : found->second.state;
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

}  // namespace phaseguard::dashboard
