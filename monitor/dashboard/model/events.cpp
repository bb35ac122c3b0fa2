#include <algorithm>
#include <cmath>

#include "monitor/base/text.h"
#include "monitor/dashboard/model/describe.h"

namespace phaseguard::dashboard {
namespace {

std::string step_text(Step step) { return std::to_string(step.value); }

void add_decisions(const run::RunState& state, std::vector<EventRow>& out) {
  for (const auto& entry : state.decisions.entries) {
    EventRow row;
    row.seq = entry.seq;
    row.step = entry.step;
    row.t = entry.t;
    row.decision = entry.body.id;
    row.text = entry.body.summary.empty() ? "decision " + std::to_string(entry.body.id)
                                          : one_line(entry.body.summary);
    if (const std::string* rule = rule_fired_by(entry.body, entry.step)) {
      row.kind = EventKind::kTrip;
      row.level = level_of_rule(state, *rule);
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

void add_applied(const run::RunState& state, std::vector<EventRow>& out) {
  for (const auto& [name, knob] : state.knobs) {
    double before = wire::kNaN;
    for (std::size_t i = 0; i < knob.applied.size(); ++i) {
      const double value = knob.applied.value_at(i);
      const bool first = i == 0;
      const bool changed = !(value == before) && !(std::isnan(value) && std::isnan(before));
      before = value;
      if (first || !changed) continue;
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

std::vector<EventRow> event_rows(const run::RunState& state, std::size_t limit) {
  std::vector<EventRow> rows;
  add_segments_and_links(state, rows);
  add_commands(state, rows);
  add_decisions(state, rows);
  add_requests(state, rows);
  add_applied(state, rows);
  std::stable_sort(rows.begin(), rows.end(),
                   [](const EventRow& a, const EventRow& b) { return a.t < b.t; });
  if (rows.size() > limit) {
    rows.erase(rows.begin(), rows.end() - static_cast<std::ptrdiff_t>(limit));
  }
  return rows;
}

}  // namespace phaseguard::dashboard
