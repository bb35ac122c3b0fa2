#include "monitor/dashboard/model/alarms.h"

#include <algorithm>

#include "monitor/base/text.h"
#include "monitor/dashboard/model/alarm_book.h"
#include "monitor/dashboard/model/describe.h"

namespace phaseguard::dashboard {
namespace {

Alarm alarm(Level level, std::string text, RunId run, std::string about) {
  switch (level) {
    case Level::kCritical:
      return {level, 1, "CRITICAL", std::move(text), std::move(run), std::move(about)};
    case Level::kHigh:
      return {level, 2, "HIGH", std::move(text), std::move(run), std::move(about)};
    case Level::kMedium:
    case Level::kInfo:
    case Level::kNone:
      break;
  }
  return {level, 3, "MEDIUM", std::move(text), std::move(run), std::move(about)};
}

// The recorded decision that raised an alert says more than the alert itself: what was done. One
// that raised several says all of them, and each is shown by itself.
std::string with_consequence(const run::RunState& state, const wire::Alert& alert) {
  const auto& entries = state.decisions.entries;
  for (auto e = entries.rbegin(); e != entries.rend(); ++e) {
    for (const wire::Alert& raised : e->body.alerts) {
      if (raised.source != alert.source || raised.severity != alert.severity) continue;
      std::string text = raised.text;
      const bool alone = e->body.alerts.size() == 1;
      if (alone && !e->body.summary.empty() && text.find(e->body.summary) == std::string::npos) {
        text = e->body.summary.size() > text.size() ? e->body.summary : text;
      }
      for (const run::RequestState& request : state.requests) {
        if (request.request.decision != e->body.id || request.outcome != wire::Outcome::kDone)
          continue;
        if (request.restored_step >= Step{0}) {
          text += "; rolled back to step " + std::to_string(request.restored_step.value);
        }
      }
      return text;
    }
  }
  return alert.text;
}

// Of the decision that raised it last; NaN: no decision did.
double came_at(const run::RunState& state, const wire::AlertSource& source) {
  const auto& entries = state.alerts.entries;
  const auto found = std::find_if(entries.rbegin(), entries.rend(),
                                  [&](const auto& entry) { return entry.body.source == source; });
  return found == entries.rend() ? wire::kNaN : found->t;
}

// Of this dashboard, whatever run is shown.
std::vector<Alarm> of_the_view(const Model& model) {
  std::vector<Alarm> out;
  for (const auto& [context, source] : model.sources()) {
    const std::string name = context.empty() ? "" : " " + context;
    if (source.live && !source.connected && !source.loading) {
      out.push_back(alarm(Level::kHigh,
                          "daemon" + name +
                              " does not answer: what you see of it is old. What is "
                              "in force is not known here",
                          {}, "daemon" + name));
    }
    if (!source.live && !source.problem.empty()) {
      out.push_back(alarm(Level::kHigh, one_line(source.problem), {}, "file" + name));
    }
  }
  return out;
}

void add_commands(const Model& model, const RunId& run, std::vector<Alarm>& out) {
  for (const Pending& pending : model.pending()) {
    if (pending.run != run) continue;
    const Level level = level_of(pending.stage);
    if (level == Level::kNone) continue;
    out.push_back(alarm(level,
                        "command " + text_of(pending.command) + " " + name_of(pending.stage) +
                            ": " + one_line(pending.text),
                        run, "command " + pending.command.id));
  }
}

// What only a live view knows.
void add_silence(const run::Health& health, const RunId& run, std::vector<Alarm>& out) {
  const Level level = level_of_silence(health);
  if (level != Level::kNone) {
    out.push_back(alarm(level,
                        "trainer " + health.link_text + " for " + age_text(health.age_s) +
                            ": rules cannot act; what it does is not known here",
                        run, "link"));
  }
  for (const run::StaleSignal& s : health.stale) {
    out.push_back(alarm(Level::kMedium,
                        "signal " + one_line(s.name) + " is overdue by " +
                            std::to_string(s.overdue_steps) + " steps",
                        run, "overdue " + s.name));
  }
}

void add_all_of_run(const Model& model, const RunId& run, std::vector<Alarm>& out) {
  add_commands(model, run, out);
  const std::vector<Alarm>& recorded = model.recorded_alarms(run);
  out.insert(out.end(), recorded.begin(), recorded.end());
  if (model.source().live) add_silence(model.health(run), run, out);
}

void leave_out_shelved(const Model& model, std::vector<Alarm>& alarms) {
  const AlarmBook& book = model.alarm_book();
  if (book.count(AlarmState::kShelved) == 0) return;
  alarms.erase(std::remove_if(alarms.begin(), alarms.end(),
                              [&](const Alarm& one) { return book.is_shelved(id_of(one)); }),
               alarms.end());
}

void add_run(const Model& model, const RunId& run, std::vector<Alarm>& out) {
  std::vector<Alarm> all;
  add_all_of_run(model, run, all);
  leave_out_shelved(model, all);
  out.insert(out.end(), all.begin(), all.end());
}

void worst_first(std::vector<Alarm>& alarms) {
  std::stable_sort(alarms.begin(), alarms.end(),
                   [](const Alarm& a, const Alarm& b) { return a.number < b.number; });
}

// Nobody waits for a decision about a run that a daemon has seen end.
bool is_over(const Model& model, const RunId& run) {
  return model.source().live && model.health(run).link == wire::LinkState::kEnded;
}

std::vector<AlarmLine> grouped(std::vector<Alarm> alarms) {
  worst_first(alarms);
  std::vector<AlarmLine> lines;
  for (Alarm& next : alarms) {
    const auto same = std::find_if(lines.begin(), lines.end(), [&](const AlarmLine& line) {
      return !next.about.empty() && line.first.level == next.level &&
             line.first.about == next.about;
    });
    if (same != lines.end()) {
      if (same->runs.back() != next.run) same->runs.push_back(next.run);
      continue;
    }
    AlarmLine line;
    if (!next.run.empty()) line.runs = {next.run};
    line.first = std::move(next);
    lines.push_back(std::move(line));
  }
  return lines;
}

}  // namespace

Level level_of_silence(const run::Health& health) {
  if (health.link == wire::LinkState::kSilent) return Level::kMedium;
  if (health.link != wire::LinkState::kLost) return Level::kNone;
  return health.protected_ ? Level::kCritical : Level::kHigh;
}

std::vector<Alarm> all_alarms(const Model& model) {
  std::vector<Alarm> all = of_the_view(model);
  for (const RunId& run : model.run_ids()) {
    if (!is_over(model, run)) add_all_of_run(model, run, all);
  }
  return all;
}

std::vector<Alarm> recorded_alarms(const run::RunState& state, bool live) {
  std::vector<wire::Alert> raised;
  if (state.status && live) {
    raised = state.status->alerts;
  } else {
    for (const auto& entry : state.alerts.entries) raised.push_back(entry.body);
  }
  std::vector<Alarm> out;
  std::vector<wire::AlertSource> seen;
  for (const wire::Alert& a : raised) {
    const Level level = level_of(a.severity);
    if (level < Level::kMedium) continue;
    if (a.source.is(wire::AlertKind::kLink) && live) continue;  // said with its age and what holds
    if (std::find(seen.begin(), seen.end(), a.source) != seen.end()) continue;
    seen.push_back(a.source);
    out.push_back(
        alarm(level, one_line(with_consequence(state, a)), state.run, "alert " + a.source.text()));
    out.back().t = came_at(state, a.source);
  }
  return out;
}

std::vector<Alarm> alarms(const Model& model) {
  std::vector<Alarm> out = of_the_view(model);
  leave_out_shelved(model, out);
  if (const run::RunState* state = model.shown()) add_run(model, state->run, out);
  worst_first(out);
  return out;
}

std::vector<AlarmLine> plant_alarms(const Model& model) {
  std::vector<Alarm> all = of_the_view(model);
  const run::RunState* shown = model.shown();
  for (const RunId& run : model.run_ids()) {
    const bool is_shown = shown != nullptr && shown->run == run;
    if (is_shown || !is_over(model, run)) add_run(model, run, all);
  }
  return grouped(std::move(all));
}

std::vector<AlarmLine> alarms_elsewhere(const Model& model) {
  const run::RunState* shown = model.shown();
  std::vector<Alarm> all;
  for (const RunId& run : model.run_ids()) {
    const bool is_shown = shown != nullptr && shown->run == run;
    if (!is_shown && !is_over(model, run)) add_run(model, run, all);
  }
  return grouped(std::move(all));
}

Level worst_of(const Model& model, const RunId& run) {
  std::vector<Alarm> all;
  add_run(model, run, all);
  Level worst = Level::kNone;
  for (const Alarm& alarm : all) worst = std::max(worst, alarm.level);
  return worst;
}

std::string text_of(const AlarmLine& line) {
  if (line.runs.empty()) return line.first.text;
  const std::string run = "run " + line.runs.front().text();
  if (line.runs.size() == 1) return run + ": " + line.first.text;
  return std::to_string(line.runs.size()) + " runs: " + line.first.text + " (" + run + ")";
}

Level level_of(const wire::Word<wire::Severity>& severity) {
  if (const auto known = severity.known()) {
    switch (*known) {
      case wire::Severity::kCritical:
        return Level::kCritical;
      case wire::Severity::kHigh:
        return Level::kHigh;
      case wire::Severity::kMedium:
        return Level::kMedium;
      case wire::Severity::kInfo:
        return Level::kInfo;
    }
  }
  // A grade of a newer daemon: shown as an alarm rather than hidden.
  return severity.empty() ? Level::kNone : Level::kMedium;
}

Level level_of(Stage stage) {
  if (stage == Stage::kRefused) return Level::kHigh;
  return stage == Stage::kNotConfirmed ? Level::kCritical : Level::kNone;
}

Level level_of_rule(const run::RunState& state, const std::string& rule) {
  if (!state.policy) return Level::kInfo;
  for (const wire::RuleInfo& info : state.policy->rules) {
    if (info.name == rule) return std::max(level_of(info.alert), Level::kInfo);
  }
  return Level::kInfo;
}

namespace {

bool is_in_force(const run::RunState& state, const std::string& rule) {
  return std::any_of(state.rules.begin(), state.rules.end(), [&](const auto& evidence) {
    return evidence.rule == rule && (evidence.state == wire::RuleState::kActive ||
                                     evidence.state == wire::RuleState::kLatched);
  });
}

}  // namespace

Level level_of_detector(const run::RunState& state, const std::string& detector) {
  Level level = Level::kInfo;
  if (!state.policy) return level;
  for (const wire::RuleInfo& info : state.policy->rules) {
    if (std::find(info.of.begin(), info.of.end(), detector) == info.of.end()) continue;
    if (!is_in_force(state, info.name)) continue;
    level = std::max(level, level_of_rule(state, info.name));
  }
  return level;
}

}  // namespace phaseguard::dashboard
