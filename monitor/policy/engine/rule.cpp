#include "monitor/policy/engine/rule.h"

#include <algorithm>
#include <cmath>
#include <iterator>

#include "monitor/policy/engine/tracks/tracker.h"
#include "monitor/policy/laws/law_row.h"

namespace phaseguard::policy {

namespace {

bool votes(const MachineState& state, const Term& term) {
  if (term.is_rule) return state.rules[term.index].mode != RuleMode::kQuiet;
  return is_voting(state.document.detectors[term.index], state.detectors[term.index]);
}

// Evidence that it does not vote.
bool is_quiet(const MachineState& state, const Term& term) {
  if (term.is_rule) return state.rules[term.index].mode == RuleMode::kQuiet;
  return is_quiet(state.document.detectors[term.index], state.detectors[term.index]);
}

// A vote that was cast is taken back by evidence alone.
bool stands(const MachineState& state, const Term& term) {
  return !term.is_rule && !is_calm(state.detectors[term.index]);
}

// Terms for which `counts`, those of one group once.
template <class Counts>
std::int64_t count_terms(const RuleSpec& rule, Counts counts) {
  std::int64_t count = 0;
  for (std::size_t i = 0; i < rule.of.size(); ++i) {
    if (!counts(i)) continue;
    bool is_first = true;
    for (std::size_t j = 0; j < i && !rule.groups.empty() && is_first; ++j)
      is_first = rule.groups[j] != rule.groups[i] || !counts(j);
    if (is_first) ++count;
  }
  return count;
}

// Votes, with those that were cast since the rule fired and not yet taken back.
std::int64_t standing_votes(const MachineState& state, const RuleSpec& rule, RuleState& run) {
  run.voters.resize(rule.of.size(), 0);
  return count_terms(rule, [&](std::size_t i) {
    const bool now = votes(state, rule.of[i]);
    if (rule.gate == Gate::kNot) return !now;
    if (now) run.voters[i] = 1;
    return now || (run.voters[i] != 0 && stands(state, rule.of[i]));
  });
}

std::int64_t measurements_of(const MachineState& state, std::size_t index) {
  std::int64_t sum = 0;
  for (const std::size_t track : state.rule_index[index].tracks) {
    sum += state.tracks[track].measured;
  }
  return sum;
}

// True: an event with a new measurement.
bool take_points(MachineState& state, std::size_t index) {
  RuleState& run = state.rules[index];
  const std::int64_t now = measurements_of(state, index);
  if (now == run.seen) return false;
  run.seen = now;
  ++run.points;
  return true;
}

// The clock was not known yet when the mark was set.
void complete(const MachineState& state, Mark& mark) {
  if (mark.step.value >= 0 && std::isnan(mark.time)) mark.time = state.time;
}

bool may_fire(const MachineState& state, const RuleSpec& rule, const RuleState& run) {
  if (!run.armed || run.inhibited.until.value >= 0 || state.step < rule.from_step) return false;
  if (rule.for_points > 1 && run.held_points < rule.for_points) return false;
  if (rule.for_time && !is_over(state, run, run.held_since, *rule.for_time)) return false;
  return !rule.cooldown || run.quiet_at.step.value < 0 ||
         is_over(state, run, run.quiet_at, *rule.cooldown);
}

RuleChange run_quiet(MachineState& state, std::size_t index, bool measured, Step step) {
  const RuleSpec& rule = state.document.rules[index];
  RuleState& run = state.rules[index];
  if (count_votes(state, rule) < rule.needed) {
    run.armed = true;
    run.held_points = 0;
    run.held_since = Mark{};
    return RuleChange::kNone;
  }
  if (run.held_since.step.value < 0) run.held_since = mark_now(state, run);
  if (measured) ++run.held_points;
  if (!may_fire(state, rule, run)) return RuleChange::kNone;
  run.mode = rule.latch ? RuleMode::kLatched : RuleMode::kActive;
  run.fired = step;
  run.fired_at = mark_now(state, run);
  run.at_floor = step == state.rule_index[index].earliest;
  run.order = ++state.firings;
  run.quiet_points = 0;
  standing_votes(state, rule, run);
  return RuleChange::kFired;
}

RuleChange run_active(MachineState& state, const RuleSpec& rule, RuleState& run, bool measured) {
  if (standing_votes(state, rule, run) >= rule.needed) {
    run.quiet_points = 0;
    return RuleChange::kNone;
  }
  if (measured) ++run.quiet_points;
  if (run.quiet_points < rule.release_points) return RuleChange::kNone;
  if (rule.hold && !is_over(state, run, run.fired_at, *rule.hold)) return RuleChange::kNone;
  run.mode = RuleMode::kQuiet;
  run.voters.clear();
  run.quiet_at = mark_now(state, run);
  run.held_points = 0;
  run.held_since = Mark{};
  return RuleChange::kQuiet;
}

// ---- earliest step

std::int64_t cadence_of(const MachineState& state, std::size_t detector) {
  const std::int64_t track = state.track_of[detector];
  return track < 0 ? 0 : state.tracks[static_cast<std::size_t>(track)].every_steps;
}

// `not`: past warm-up and known to be quiet.
Step earliest_quiet(const MachineState& state, const Term& term) {
  if (term.is_rule) return state.start_step;
  const std::int64_t every = cadence_of(state, term.index);
  if (every == 0) return Step{-1};
  const DetectorSpec& spec = state.document.detectors[term.index];
  const std::int64_t carried = state.detectors[term.index].n_at_start;
  const std::int64_t points = std::max<std::int64_t>(spec.warmup + 1 - carried, 1);
  const std::int64_t start = state.start_step.value;
  return Step{((start == 0 ? 0 : (start - 1) / every) + points) * every};
}

Step earliest_of_term(const MachineState& state, const RuleSpec& rule, const Term& term) {
  if (rule.gate == Gate::kNot) return earliest_quiet(state, term);
  return term.is_rule ? state.rule_index[term.index].earliest : earliest_step_of(state, term.index);
}

// The first step after `from` at which one of the rule's series is due; -1: one has no cadence.
std::int64_t next_measurement(const MachineState& state, const RuleIndex& index,
                              std::int64_t from) {
  std::int64_t next = -1;
  for (const std::size_t track : index.tracks) {
    const std::int64_t every = state.tracks[track].every_steps;
    if (every == 0) return -1;
    const std::int64_t due = (from / every + 1) * every;
    next = next < 0 ? due : std::min(next, due);
  }
  return next;
}

Step put_off(const MachineState& state, const RuleSpec& rule, const RuleIndex& index,
             Step earliest) {
  std::int64_t points_at = earliest.value;
  for (std::int64_t i = 1; i < rule.for_points && points_at >= 0; ++i) {
    points_at = next_measurement(state, index, points_at);
  }
  if (points_at < 0) return Step{-1};
  std::int64_t step = earliest.value;
  if (rule.for_time) {
    if (rule.for_time->unit != SpanUnit::kSteps) return Step{-1};
    step += whole(*rule.for_time);
  }
  return std::max({Step{step}, Step{points_at}, rule.from_step});
}

Step find_earliest(const MachineState& state, const RuleSpec& rule, const RuleIndex& index) {
  if (rule.gate == Gate::kAlways) return std::max(state.start_step, rule.from_step);
  std::vector<std::int64_t> steps;
  std::vector<std::int64_t> by_group(rule.of.size(), -1);
  for (std::size_t i = 0; i < rule.of.size(); ++i) {
    const Step earliest = earliest_of_term(state, rule, rule.of[i]);
    if (earliest.value < 0) return earliest;
    std::int64_t& first = by_group[rule.groups.empty() ? i : rule.groups[i]];
    first = first < 0 ? earliest.value : std::min(first, earliest.value);
  }
  std::copy_if(by_group.begin(), by_group.end(), std::back_inserter(steps),
               [](std::int64_t step) { return step >= 0; });
  std::sort(steps.begin(), steps.end());
  const auto needed = static_cast<std::size_t>(rule.needed);  // from 1 to the number of votes
  return put_off(state, rule, index, Step{steps[needed - 1]});
}

void shift(Mark& mark, const MachineState& state, Step start, bool clock_restarts) {
  if (mark.step.value < 0) return;
  mark.before_steps += std::max<std::int64_t>(state.step.value - mark.step.value, 0);
  mark.step = start;
  if (!clock_restarts) return;
  const double passed = state.time - mark.time;
  if (passed > 0.0) mark.before_s += passed;
  mark.time = wire::kNaN;
}

void sort_unique(std::vector<std::size_t>& list) {
  std::sort(list.begin(), list.end());
  list.erase(std::unique(list.begin(), list.end()), list.end());
}

// Rule terms come first in rule_order, so theirs is there.
RuleIndex indexed(const MachineState& state, const RuleSpec& rule) {
  RuleIndex index;
  index.is_timed = rule.gate == Gate::kAlways || rule.for_time || rule.hold || rule.cooldown ||
                   rule.from_step.value > 0;
  for (const Term& term : rule.of) {
    if (!term.is_rule) {
      index.detectors.push_back(term.index);
      continue;
    }
    const RuleIndex& of = state.rule_index[term.index];
    index.detectors.insert(index.detectors.end(), of.detectors.begin(), of.detectors.end());
  }
  sort_unique(index.detectors);
  for (const std::size_t detector : index.detectors) {
    index.is_timed = index.is_timed || row_of(state.document.detectors[detector]).clock != nullptr;
    const std::int64_t track = state.track_of[detector];
    if (track >= 0) index.tracks.push_back(static_cast<std::size_t>(track));
  }
  sort_unique(index.tracks);
  return index;
}

}  // namespace

std::int64_t count_votes(const MachineState& state, const RuleSpec& rule) {
  const bool wants_quiet = rule.gate == Gate::kNot;
  return count_terms(rule, [&](std::size_t i) {
    return wants_quiet ? is_quiet(state, rule.of[i]) : votes(state, rule.of[i]);
  });
}

Mark mark_now(const MachineState& state, const RuleState& rule) {
  return {state.step, rule.points, state.time, 0, 0.0};
}

bool is_over(const MachineState& state, const RuleState& rule, const Mark& since,
             const Span& span) {
  if (span.unit == SpanUnit::kSeconds) {
    const double passed = state.time - since.time;  // NaN: the attempt's clock is not known yet
    return since.before_s + (passed > 0.0 ? passed : 0.0) >= span.count;
  }
  const std::int64_t passed = span.unit == SpanUnit::kPoints
                                  ? rule.points - since.points
                                  : since.before_steps + state.step.value - since.step.value;
  return passed >= whole(span);
}

bool is_due(const MachineState& state, std::size_t index) {
  return state.rule_index[index].is_timed ||
         measurements_of(state, index) != state.rules[index].seen;
}

RuleChange run_rule(MachineState& state, std::size_t index, Step step) {
  const RuleSpec& rule = state.document.rules[index];
  RuleState& run = state.rules[index];
  const bool measured = take_points(state, index);
  for (Mark* mark : {&run.held_since, &run.fired_at, &run.quiet_at, &run.rollback_at}) {
    complete(state, *mark);
  }
  if (run.mode == RuleMode::kLatched) return RuleChange::kNone;
  if (run.mode == RuleMode::kActive) return run_active(state, rule, run, measured);
  return run_quiet(state, index, measured, step);
}

void reset_rule(MachineState& state, std::size_t index) {
  RuleState& run = state.rules[index];
  run.mode = RuleMode::kQuiet;
  run.voters.clear();
  const RuleSpec& rule = state.document.rules[index];
  run.armed = count_votes(state, rule) < rule.needed;
}

void silence_rule(MachineState& state, std::size_t index) {
  RuleState& run = state.rules[index];
  if (run.mode != RuleMode::kActive) return;
  run.mode = RuleMode::kQuiet;
  run.voters.clear();
  run.quiet_at = mark_now(state, run);
  run.held_points = 0;
  run.held_since = Mark{};
}

bool is_suppressed(const MachineState& state, std::size_t index) {
  const RuleSpec& rule = state.document.rules[index];
  return state.rules[index].inhibited.until.value >= 0 && count_votes(state, rule) >= rule.needed;
}

std::int64_t first_out_of(const MachineState& state) {
  std::int64_t first = -1;
  for (std::size_t i = 0; i < state.rules.size(); ++i) {
    if (state.rules[i].mode != RuleMode::kLatched) continue;
    if (first < 0 || state.rules[i].order < state.rules[static_cast<std::size_t>(first)].order) {
      first = static_cast<std::int64_t>(i);
    }
  }
  return first;
}

Step newest_quiet_step(const MachineState& state, std::size_t index) {
  Step newest = state.step;
  for (const std::size_t i : state.rule_index[index].detectors) {
    const DetectorState& detector = state.detectors[i];
    if (is_raised(detector)) newest = std::min(newest, std::max(detector.quiet_step, Step{0}));
  }
  return newest;
}

void index_rules(MachineState& state) {
  state.rule_index.assign(state.document.rules.size(), {});
  for (const std::size_t i : state.document.rule_order) {
    const RuleSpec& rule = state.document.rules[i];
    RuleIndex index = indexed(state, rule);
    index.earliest = find_earliest(state, rule, index);
    state.rule_index[i] = std::move(index);
  }
}

void rebase_rules(MachineState& state, Step start, bool clock_restarts) {
  for (RuleState& rule : state.rules) {
    for (Mark* mark : {&rule.held_since, &rule.fired_at, &rule.quiet_at, &rule.rollback_at}) {
      shift(*mark, state, start, clock_restarts);
    }
    Step& until = rule.inhibited.until;
    if (until.value >= 0) {  // what is left of it is not prolonged by going back
      until = Step{start.value + std::max<std::int64_t>(until.value - state.step.value, 0)};
    }
  }
}

void restart_rules(MachineState& state, bool carried) {
  for (std::size_t i = 0; i < state.rules.size(); ++i) {
    RuleState& rule = state.rules[i];
    rule.seen = measurements_of(state, i);
    if (carried) continue;
    rule.armed = true;
    rule.held_points = 0;
    rule.quiet_points = 0;
    rule.held_since = Mark{};
  }
}

}  // namespace phaseguard::policy
