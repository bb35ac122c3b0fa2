#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "monitor/base/text.h"
#include "monitor/dashboard/model/describe.h"

namespace phaseguard::dashboard {
namespace {

std::string step_text(Step step) { return std::to_string(step.value); }

// The rule this very decision made fire (later ones repeat its step in their evidence); a rule that
// moves a knob or asks for something goes before one that only raises an alert. nullptr: none.
const std::string* rule_fired_by(const wire::Decision& decision, Step step) {
  const std::string* alerted = nullptr;
  for (const wire::RuleEvidence& rule : decision.rules) {
    if (rule.fired_step != step || rule.fired_step < Step{0}) continue;
    const wire::Cause cause(wire::CauseKind::kRule, rule.rule);
    for (const wire::KnobSetting& knob : decision.knobs) {
      bool was = false;
      for (const wire::KnobSetting& before : decision.before) {
        was = was || (before.knob == knob.knob && before.cause == cause);
      }
      if (knob.cause == cause && !was) return &rule.rule;
    }
    for (const wire::Alert& alert : decision.alerts) {
      if (alert.source == wire::AlertSource(wire::AlertKind::kRule, rule.rule))
        alerted = &rule.rule;
    }
  }
  return alerted;
}

// A knob on its way: moves of one knob by one cause, with nothing else in their decisions. They are
// one row, which grows, and what the trainer applied of them is in it.
class Slews {
 public:
  // True: this decision is a part of one, and no row of its own.
  bool take(const run::Entry<wire::Decision>& entry) {
    const Move move = move_of(entry.body);
    const bool goes_on = move.after != nullptr && !move.changes_cause && is_quiet(entry);
    if (goes_on) {
      extend(entry, move);
    } else {
      begin(entry);
    }
    return goes_on;
  }

  // Whether the trainer's report of this value is told by a slew.
  [[nodiscard]] bool tells(const std::string& knob, double value) {
    for (Slew& slew : all_) {
      if (slew.knob != knob || slew.values.count(value) == 0) continue;
      slew.applied = value;
      return true;
    }
    return false;
  }

  void add_rows(std::vector<EventRow>& out) const {
    for (const Slew& slew : all_) {
      EventRow row;
      row.kind = EventKind::kApplied;
      row.step = slew.first;
      row.t = slew.t;
      row.decision = slew.decision;
      row.text = one_line(slew.knob, 40) + " " + short_number(slew.from) + " -> " +
                 short_number(slew.to) + " over steps " + step_text(slew.first) + " to " +
                 step_text(slew.last);
      row.text += slew.applied == slew.to    ? ", applied by the trainer"
                  : std::isnan(slew.applied) ? ", not applied yet"
                                             : ", applied up to " + short_number(slew.applied);
      out.push_back(std::move(row));
    }
  }

 private:
  struct Slew {
    std::string knob;
    wire::Cause cause;
    double from = wire::kNaN;
    double to = wire::kNaN;
    double applied = wire::kNaN;
    Step first{-1};
    Step last{-1};
    double t = 0.0;
    std::int64_t decision = 0;
    std::set<double> values;
  };
  struct Move {
    const wire::KnobSetting* before = nullptr;
    const wire::KnobSetting* after = nullptr;  // nullptr: not exactly one knob moves
    bool changes_cause = false;
  };
  struct Start {
    wire::Cause cause;
    double from = wire::kNaN;
    Step step{-1};
    double t = 0.0;
  };

  static Move move_of(const wire::Decision& decision) {
    Move move;
    for (const wire::KnobSetting& after : decision.knobs) {
      for (const wire::KnobSetting& before : decision.before) {
        if (before.knob != after.knob || before.value == after.value) continue;
        if (move.after != nullptr) return {};
        move = {&before, &after, !(before.cause == after.cause)};
      }
    }
    return move;
  }

  static bool is_quiet(const run::Entry<wire::Decision>& entry) {
    return entry.body.alerts.empty() && entry.body.requests.empty() &&
           rule_fired_by(entry.body, entry.step) == nullptr;
  }

  // What a slew may go on from.
  void begin(const run::Entry<wire::Decision>& entry) {
    for (const wire::KnobSetting& after : entry.body.knobs) {
      for (const wire::KnobSetting& before : entry.body.before) {
        if (before.knob != after.knob || before.value == after.value) continue;
        starts_[after.knob] = {after.cause, before.value, entry.step, entry.t};
        open_.erase(after.knob);
      }
    }
  }

  void extend(const run::Entry<wire::Decision>& entry, const Move& move) {
    const std::string& knob = move.after->knob;
    auto open = open_.find(knob);
    if (open == open_.end() || !(all_[open->second].cause == move.after->cause)) {
      Slew slew;
      slew.knob = knob;
      slew.cause = move.after->cause;
      slew.from = move.before->value;
      slew.first = entry.step;
      slew.t = entry.t;
      const auto start = starts_.find(knob);
      if (start != starts_.end() && start->second.cause == move.after->cause) {
        slew.from = start->second.from;
        slew.first = start->second.step;
        slew.t = start->second.t;
      }
      open = open_.insert_or_assign(knob, all_.size()).first;
      all_.push_back(std::move(slew));
    }
    Slew& slew = all_[open->second];
    slew.to = move.after->value;
    slew.last = entry.step;
    slew.decision = entry.body.id;
    slew.values.insert(move.after->value);
  }

  std::vector<Slew> all_;
  std::map<std::string, std::size_t> open_;  // by knob
  std::map<std::string, Start> starts_;
};

// Of the alert that this rule raised in this decision; information: it raised none.
Level raised_by(const wire::Decision& decision, const std::string& rule) {
  Level level = Level::kInfo;
  for (const wire::Alert& alert : decision.alerts) {
    if (alert.source == wire::AlertSource(wire::AlertKind::kRule, rule)) {
      level = std::max(level, level_of(alert.severity));
    }
  }
  return level;
}

void add_decisions(const run::RunState& state, Slews& slews, std::vector<EventRow>& out) {
  for (const auto& entry : state.decisions.entries) {
    if (slews.take(entry)) continue;
    EventRow row;
    row.seq = entry.seq;
    row.step = entry.step;
    row.t = entry.t;
    row.decision = entry.body.id;
    row.text = entry.body.summary.empty() ? "decision " + std::to_string(entry.body.id)
                                          : one_line(entry.body.summary);
    if (const std::string* rule = rule_fired_by(entry.body, entry.step)) {
      row.kind = EventKind::kTrip;
      row.level = raised_by(entry.body, *rule);
      row.mark = one_line(*rule, 24) + " fired";
      for (const run::RequestState& request : state.requests) {
        if (request.request.decision != row.decision || request.restored_step < Step{0}) continue;
        row.mark += ", rolled back to " + step_text(request.restored_step);
      }
    }
    out.push_back(std::move(row));
  }
}

// What an accepted command changes is the decision that follows it in the record.
bool is_without_effect(const run::RunState& state, const run::Entry<wire::Command>& command,
                       std::int64_t decision) {
  return decision == 0 && command.body.action != wire::Action::kAllowResume &&
         state.last_seq > command.seq && state.decisions.dropped == 0;
}

void add_commands(const run::RunState& state, std::vector<EventRow>& out) {
  for (const auto& entry : state.commands.entries) {
    const wire::Command& c = entry.body;
    EventRow row;
    row.kind = EventKind::kCommand;
    row.seq = entry.seq;
    row.step = entry.step;
    row.t = entry.t;
    row.text = "operator " + one_line(c.operator_name, 40) + ": " + one_line(c.action.text(), 20) +
               " " + one_line(c.knob.empty() ? c.rule : c.knob, 40);
    if (c.action == wire::Action::kForce) row.text += " to " + number_text(c.value);
    if (c.expires_after_steps > 0) {
      row.text += " for " + std::to_string(c.expires_after_steps) + " steps";
    }
    if (!c.reason.empty()) row.text += " (" + one_line(c.reason, 120) + ")";
    row.mark = one_line(c.action.text(), 20) +
               (c.action == wire::Action::kForce ? " " + number_text(c.value) : "");
    for (const auto& decision : state.decisions.entries) {
      if (decision.body.because == entry.seq) row.decision = decision.body.id;
    }
    if (is_without_effect(state, entry, row.decision)) {
      row.without_effect = true;
      row.text += ": took no effect";
      row.mark.clear();
    }
    out.push_back(std::move(row));
  }
}

void add_applied(const run::RunState& state, Slews& slews, std::vector<EventRow>& out) {
  for (const auto& [name, knob] : state.knobs) {
    double before = wire::kNaN;
    for (std::size_t i = 0; i < knob.applied.size(); ++i) {
      const double value = knob.applied.value_at(i);
      const bool first = i == 0;
      const bool changed = !(value == before) && !(std::isnan(value) && std::isnan(before));
      before = value;
      if (first || !changed || slews.tells(name, value)) continue;
      EventRow row;
      row.kind = EventKind::kApplied;
      row.step = knob.applied.step_at(i);
      row.t = knob.applied.t_at(i);
      row.text = one_line(name, 40) + " " + number_text(value) + " applied by the trainer";
      out.push_back(std::move(row));
    }
  }
}

void add_requests(const run::RunState& state, std::vector<EventRow>& out) {
  for (const run::RequestState& request : state.requests) {
    if (request.outcome.empty()) continue;  // its decision already says so
    EventRow row;
    row.kind = EventKind::kRequest;
    row.step = request.done_step >= Step{0} ? request.done_step : request.step;
    row.t = request.t;
    row.decision = request.request.decision;
    row.text =
        one_line(request.request.type.text(), 40) + " " + one_line(request.outcome.text(), 40);
    if (!request.detail.empty()) row.text += ": " + one_line(request.detail, 160);
    if (request.restored_step < Step{0}) {  // a rollback is told by its decision's mark
      row.mark = one_line(request.request.type.text(), 20);
      if (request.outcome != wire::Outcome::kDone)
        row.mark += " " + one_line(request.outcome.text(), 20);
    }
    out.push_back(std::move(row));
  }
}

void add_segments_and_links(const run::RunState& state, std::vector<EventRow>& out) {
  for (const run::Segment& segment : state.segments) {
    if (segment.segment > 0) continue;  // a rollback's outcome is listed as a request
    EventRow row;
    row.kind = EventKind::kSegment;
    row.seq = segment.seq;
    row.step = segment.start;
    row.t = segment.t;
    row.text = "attempt " + std::to_string(segment.attempt) + " starts at step " +
               step_text(segment.start);
    if (segment.attempt > 1) row.mark = "attempt " + std::to_string(segment.attempt);
    out.push_back(std::move(row));
  }
  for (const auto& entry : state.links.entries) {
    if (entry.body.state == wire::LinkEvent::kClaimed) continue;
    EventRow row;
    row.kind = EventKind::kLink;
    row.seq = entry.seq;
    row.step = entry.step;
    row.t = entry.t;
    row.text = "trainer link " + one_line(entry.body.state.text(), 40);
    if (!entry.body.detail.empty()) row.text += ": " + one_line(entry.body.detail, 160);
    if (entry.body.state == wire::LinkEvent::kLost) row.level = Level::kMedium;
    if (entry.body.state == wire::LinkEvent::kLost || entry.body.state == wire::LinkEvent::kBack)
      row.mark = "link " + entry.body.state.text();
    out.push_back(std::move(row));
  }
  if (state.goodbye) {
    EventRow row;
    row.kind = EventKind::kEnd;
    row.step = state.step;
    row.t = state.t;
    row.text = "run " + one_line(state.goodbye->reason.text(), 40);
    if (!state.goodbye->detail.empty()) row.text += ": " + one_line(state.goodbye->detail, 160);
    out.push_back(std::move(row));
  }
}

}  // namespace

std::vector<EventRow> event_rows(const run::RunState& state, std::size_t limit) {
  std::vector<EventRow> rows;
  add_segments_and_links(state, rows);
  add_commands(state, rows);
  Slews slews;
  add_decisions(state, slews, rows);
  add_requests(state, rows);
  add_applied(state, slews, rows);
  slews.add_rows(rows);
  std::stable_sort(rows.begin(), rows.end(),
                   [](const EventRow& a, const EventRow& b) { return a.t < b.t; });
  if (rows.size() > limit) {
    rows.erase(rows.begin(), rows.end() - static_cast<std::ptrdiff_t>(limit));
  }
  return rows;
}

}  // namespace phaseguard::dashboard
