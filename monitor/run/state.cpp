#include "monitor/run/state.h"

#include <algorithm>
#include <utility>

#include "monitor/run/intervened.h"
#include "monitor/run/protection.h"
#include "monitor/wire/declaration.h"

namespace phaseguard::run {

namespace {

SignalState& signal_of(RunState& state, const std::string& name) {
  const auto [found, is_new] = state.signals.try_emplace(name);
  if (is_new) found->second.series = Series(state.memory);
  return found->second;
}

// Keeps the last interval open while the knob protects the run in one segment.
void extend(std::vector<OnInterval>& intervals, const RunState& state, Step step, bool on) {
  const bool open = !intervals.empty() && intervals.back().to < Step{0};
  const bool here = open && intervals.back().attempt == state.attempt &&
                    intervals.back().segment == state.segment;
  if (open && !(here && on)) {
    // A fall of the knob ends at the fall, a segment where the trainer stood.
    intervals.back().to = std::max(intervals.back().from, here ? step : state.step);
  }
  if (on && !here) intervals.push_back({state.attempt, state.segment, step, Step{-1}});
}

// Of a run of one cause, where it began in each segment.
void note_cause(KnobState& knob, const RunState& state, Step step, bool by_guard = false) {
  const AppliedCause now{state.attempt, state.segment, step, knob.applied_cause, by_guard};
  if (!knob.applied_causes.empty()) {
    const AppliedCause& last = knob.applied_causes.back();
    const bool here = last.attempt == now.attempt && last.segment == now.segment;
    if (here && last.cause == now.cause && last.by_guard == by_guard) return;
  }
  knob.applied_causes.push_back(now);
}

void add_segment(RunState& state, const wire::Message& m, std::int64_t segment, Step start,
                 Step from) {
  const bool rollback = from >= Step{0};
  begin_segment(state.fates);
  state.parts.begin_segment();
  state.attempt = std::max(state.attempt, m.header.attempt);
  state.segment = segment;
  state.segments.push_back({state.attempt, segment, start, from, m.header.t, m.header.seq});
  for (auto& [name, signal] : state.signals) signal.series.break_here();
  for (auto& [source, derived] : state.derived) begin_segment(derived);
  for (auto& [name, knob] : state.knobs) {
    extend(knob.on_decided, state, start, is_protecting(knob.declaration, knob.decided_value));
    extend(knob.on_applied, state, start,
           rollback && is_protecting(knob.declaration, knob.applied_value));
    knob.decided.break_here();
    knob.applied.break_here();
    if (rollback) {  // it keeps the values in force
      knob.decided.append(start, m.header.t, knob.decided_value, Quality::kGood);
      knob.applied.append(start, m.header.t, knob.applied_value, Quality::kGood);
      note_cause(knob, state, start);
    }
  }
}

// The series that the policy's detectors watch and that are no signals; one that was there goes on.
void follow_sources(RunState& state) {
  std::map<std::string, Derived> before = std::move(state.derived);
  state.derived.clear();
  if (!state.policy || !state.hello) return;
  for (const wire::DetectorInfo& detector : state.policy->detectors) {
    auto derived = derived_from(detector.signal, *state.hello);
    if (!derived) continue;
    derived->series = Series(state.memory);
    if (const auto known = before.find(detector.signal); known != before.end()) {
      derived->series = std::move(known->second.series);
      derived->last = known->second.last;
      before.erase(known);
    }
    state.derived.emplace(detector.signal, std::move(*derived));
  }
}

void add_point(RunState& state, SignalState& signal, const wire::Message& m, double value,
               bool missing) {
  const Quality quality = missing           ? Quality::kMissing
                          : signal.declared ? wire::assess(signal.declaration, value)
                                            : wire::assess(wire::SignalDecl{}, value);
  signal.series.append(m.header.step, m.header.t, value, quality);
  signal.value = value;
  signal.quality = quality;
  signal.step = m.header.step;
  signal.t = m.header.t;
  ++(quality == Quality::kGood  ? signal.good
     : quality == Quality::kBad ? signal.bad
                                : signal.missing);
  for (auto& [source, derived] : state.derived) {
    take_value(derived, signal.declaration.name, m.header.step, m.header.t, quality, value);
  }
}

// Per-canary values as series of their own.
void fold_items(RunState& state, const wire::Message& m, const wire::Sample& sample,
                const wire::SignalDecl& declaration) {
  if (!state.hello || declaration.items != wire::Items::kCanary) return;
  const auto& ids = state.hello->canary_ids;
  for (std::size_t i = 0; i < sample.items.size() && i < ids.size(); ++i) {
    const std::string name = sample.signal + "/" + ids[i];
    auto& signal = signal_of(state, name);
    if (!signal.declared) {
      signal.declaration = declaration;
      signal.declaration.name = name;
      signal.declaration.items = {};
      signal.declared = true;
      signal.is_item = true;
    }
    add_point(state, signal, m, sample.items[i], sample.missing);
  }
}

void fold_values(RunState& state, const wire::Message& m, const wire::Report& report) {
  for (const auto& sample : report.samples) {
    auto& signal = signal_of(state, sample.signal);
    if (signal.declaration.name.empty()) signal.declaration.name = sample.signal;
    add_point(state, signal, m, sample.value, sample.missing);
    for (auto& [source, derived] : state.derived) {
      take_items(derived, signal.declaration, sample, m.header.step, m.header.t);
    }
    signal.items = sample.items;
    signal.lower = sample.lower;
    signal.upper = sample.upper;
    if (!sample.items.empty()) {
      const wire::SignalDecl declaration =
          signal.declaration;  // fold_items may move the map's node
      fold_items(state, m, sample, declaration);
    }
  }
}

// Viewers see what the policy sees: the value of a step, not its parts.
void fold_joined(RunState& state, const wire::Header& header, wire::Joined joined) {
  wire::Message at;
  at.header = header;
  at.header.step = joined.step;
  fold_joined_fates(state, joined);
  fold_values(state, at, joined.report);
}

void fold_report(RunState& state, const wire::Message& m, const wire::Report& report) {
  fold_clock(state, m.header);
  if (state.parts.is_idle(report)) {
    fold_fates(state, m, report);
    return fold_values(state, m, report);
  }
  std::vector<wire::Taking> taken;
  std::vector<wire::Joined> all = state.parts.take(report, m.header.step, &taken);
  for (std::size_t i = 0; i + 1 < all.size(); ++i) fold_joined(state, m.header, std::move(all[i]));
  fold_fates(state, m, report, taken);
  fold_joined(state, m.header, std::move(all.back()));
}

// A gap, a rollback, a resume or the end: what is pending cannot become complete any more.
void fold_pending(RunState& state, const wire::Message& m) {
  for (wire::Joined& joined : state.parts.take_all())
    fold_joined(state, m.header, std::move(joined));
}

void fold_gap(RunState& state, const wire::Message& m, const wire::LinkChange& link) {
  const bool is_skipped = link.state == wire::LinkEvent::kSkipped;
  if (!is_skipped && link.state != wire::LinkEvent::kMissing) return;
  fold_pending(state, m);
  (is_skipped ? state.gaps.skipped : state.gaps.missing) += link.to.value - link.from.value + 1;
  state.gaps.from = link.from;
  state.gaps.to = link.to;
  state.gaps.step = m.header.step;
}

void fold_hello(RunState& state, const wire::Message& m, const wire::Hello& hello) {
  fold_pending(state, m);
  state.parts.declare(hello);
  state.fates.clock = Elapsed();
  state.gaps = Gaps();
  if (hello.rollbacks > state.lineage.count)
    add_rollback(state.lineage, {hello.rollbacks, hello.start_step, m.header.seq, false});
  state.lineage.before = state.lineage.count = std::max(state.lineage.count, hello.rollbacks);
  add_segment(state, m, 0, hello.start_step, Step{-1});
  state.hello = hello;
  state.goodbye.reset();
  state.applied_version = -1;
  state.label = hello.label;
  state.total_steps = hello.total_steps;
  state.cadence_steps = hello.cadence_steps;
  state.step = hello.start_step;
  for (const auto& declaration : hello.signals) {
    auto& signal = signal_of(state, declaration.name);
    signal.declaration = wire::with_edges(hello, declaration);
    signal.declared = true;
    signal.is_item = false;
  }
  follow_sources(state);
  for (const auto& declaration : hello.knobs) {
    auto& knob = state.knobs[declaration.name];
    knob.declaration = declaration;
    // Of a new attempt: in force until a decision is sent and applied.
    if (knob.decided.empty()) {
      knob.decided_value = declaration.initial;
      knob.decided.append(hello.start_step, m.header.t, declaration.initial, Quality::kGood);
      extend(knob.on_decided, state, hello.start_step,
             is_protecting(declaration, declaration.initial));
    } else {
      knob.decided.append(hello.start_step, m.header.t, knob.decided_value, Quality::kGood);
    }
    knob.applied_value = declaration.initial;
    knob.applied_step = hello.start_step;
    knob.applied_cause = wire::CauseKind::kBase;
    note_cause(knob, state, hello.start_step);
    knob.applied_decision = 0;
    knob.applied.append(hello.start_step, m.header.t, declaration.initial, Quality::kGood);
    extend(knob.on_applied, state, hello.start_step,
           is_protecting(declaration, declaration.initial));
  }
}

void fold_outcome(RunState& state, const wire::Message& m, const wire::RequestOutcome& outcome) {
  for (auto& request : state.requests) {
    if (request.request.id != outcome.id) continue;
    request.outcome = outcome.status;
    request.detail = outcome.detail;
    request.restored_step = outcome.restored_step;
    if (request.done_step < Step{0}) request.done_step = m.header.step;
    return;
  }
}

void note_intervention(RunState& state, const wire::Message& m, const wire::AppliedKnob& setting,
                       const KnobState& knob) {
  if (state.intervened_step >= Step{0} || state.mode != wire::Mode::kShadow) return;
  if (is_intervention(setting, knob.declaration.initial))
    state.intervened_step = std::max(m.header.step, Step{0});
}

void fold_applied(RunState& state, const wire::Message& m, const wire::Applied& applied,
                  Step before) {
  for (const auto& outcome : applied.requests) fold_outcome(state, m, outcome);
  state.applied_version = std::max(state.applied_version, applied.state_version);
  if (applied.segment > state.segment) {
    fold_pending(state, m);
    Step start = m.header.step;
    for (const auto& outcome : applied.requests) {
      if (outcome.restored_step >= Step{0}) start = outcome.restored_step;
    }
    state.step = before;
    const std::int64_t number = state.lineage.count + applied.segment - state.segment;
    add_rollback(state.lineage, {number, start, m.header.seq});
    add_segment(state, m, applied.segment, start, before >= Step{0} ? before : start);
    state.step = m.header.step;
  }
  for (const auto& setting : applied.knobs) {
    auto& knob = state.knobs[setting.name];
    if (knob.declaration.name.empty()) knob.declaration.name = setting.name;
    knob.reported_step = m.header.step;
    knob.reported_seq = m.header.seq;
    if (knob.applied.empty() || setting.value != knob.applied_value) {
      knob.applied_step = m.header.step;
      knob.applied.append(m.header.step, m.header.t, setting.value, Quality::kGood);
      extend(knob.on_applied, state, m.header.step, is_protecting(knob.declaration, setting.value));
    }
    knob.applied_value = setting.value;
    knob.applied_cause = setting.cause;
    note_cause(knob, state, m.header.step, applied.source == wire::Source::kGuard);
    knob.applied_decision = setting.decision;
    note_intervention(state, m, setting, knob);
    // Until a first decision the policy's base is in force, and this report alone tells its value.
    const bool at_base =
        setting.cause == wire::CauseKind::kBase && setting.decision == 0 && knob.decision == 0;
    if (at_base && setting.value != knob.decided_value) {
      knob.decided_value = setting.value;
      knob.decided_step = m.header.step;
      knob.decided.append(m.header.step, m.header.t, setting.value, Quality::kGood);
      extend(knob.on_decided, state, m.header.step, is_protecting(knob.declaration, setting.value));
    }
  }
}

void fold_decision(RunState& state, const wire::Message& m, const wire::Decision& decision) {
  for (const auto& setting : decision.knobs) {
    auto& knob = state.knobs[setting.knob];
    if (knob.declaration.name.empty()) knob.declaration.name = setting.knob;
    if (knob.decided.empty() || setting.value != knob.decided_value) {
      knob.decided_step = m.header.step;
      knob.decided.append(m.header.step, m.header.t, setting.value, Quality::kGood);
      extend(knob.on_decided, state, m.header.step, is_protecting(knob.declaration, setting.value));
    }
    knob.decided_value = setting.value;
    knob.cause = setting.cause;
    knob.decision = setting.decision;
  }
  for (const auto& request : decision.requests) {
    RequestState entry;
    entry.request = request;
    entry.seq = m.header.seq;
    entry.step = m.header.step;
    entry.t = m.header.t;
    state.requests.push_back(std::move(entry));
  }
  for (const auto& alert : decision.alerts) {
    state.alerts.push({m.header.seq, m.header.step, m.header.t, alert});
  }
  state.detectors = decision.detectors;
  state.rules = decision.rules;
  state.state_version = decision.state_version;
  state.mode = decision.mode;
  state.decisions.push({m.header.seq, m.header.step, m.header.t, decision});
}

void fold_status(RunState& state, const wire::Message& m, const wire::Status& status) {
  state.status = status;
  state.status_t = m.header.t;
  // A Status that is older than what was folded (it overtook nothing, the record came from a file)
  // must not turn evidence back.
  if (status.last_seq < state.last_seq) return;
  if (state.label.empty()) state.label = status.label;
  if (state.total_steps == 0) state.total_steps = status.total_steps;
  if (state.mode.empty()) state.mode = status.mode;
  if (!status.detectors.empty()) state.detectors = status.detectors;
  if (!status.rules.empty()) state.rules = status.rules;
  state.state_version = status.state_version;
}

struct Folder {
  RunState& state;
  const wire::Message& m;
  Step before;  // where the trainer stood

  void operator()(const wire::Hello& body) const { fold_hello(state, m, body); }
  void operator()(const wire::Report& body) const { fold_report(state, m, body); }
  void operator()(const wire::Applied& body) const { fold_applied(state, m, body, before); }
  void operator()(const wire::Decision& body) const { fold_decision(state, m, body); }
  void operator()(const wire::Goodbye& body) const {
    fold_pending(state, m);
    state.goodbye = body;
  }
  void operator()(const wire::PolicyLoaded& body) const {
    state.policy = body;
    state.mode = body.mode;
    follow_sources(state);
  }
  void operator()(const wire::Command& body) const {
    state.commands.push({m.header.seq, m.header.step, m.header.t, body});
  }
  void operator()(const wire::LinkChange& body) const {
    fold_gap(state, m, body);
    state.links.push({m.header.seq, m.header.step, m.header.t, body});
  }
  template <class Other>
  void operator()(const Other& /*never changes a run's state*/) const {}
};

bool of_the_trainer(const wire::Body& body) {
  return std::holds_alternative<wire::Report>(body) || std::holds_alternative<wire::Applied>(body);
}

}  // namespace

void fold(RunState& state, const wire::Message& message) {
  if (state.run.empty()) state.run = message.header.run;
  if (message.header.run != state.run) return;
  if (const auto* status = std::get_if<wire::Status>(&message.body)) {
    fold_status(state, message, *status);
    return;
  }
  if (message.header.seq <= Seq{0}) return;
  if (message.header.seq <= state.last_seq) {
    ++state.duplicates;
    return;
  }
  state.skipped += message.header.seq.value - state.last_seq.value - 1;
  if (state.last_seq == Seq{0}) state.first_t = message.header.t;
  state.last_seq = message.header.seq;
  state.t = message.header.t;
  const Step before = state.step;
  // An attempt that was taken over may still report; its step says nothing about the present one.
  if (of_the_trainer(message.body) && message.header.attempt >= state.attempt) {
    state.step = message.header.step;
  }
  std::visit(Folder{state, message, before}, message.body);
}

}  // namespace phaseguard::run
