#include "monitor/run/report_fate.h"

#include <algorithm>
#include <cmath>

#include "monitor/base/text.h"
#include "monitor/run/state.h"
#include "monitor/wire/declaration.h"

namespace phaseguard::run {

namespace {

using wire::ReportFate;

// Of the present attempt, with the range in which values are GOOD; nullptr: it does not name it.
// `from`: where in the attempt's list to look first; becomes the place after the one found, since
// reports mostly keep the order of the declaration.
const wire::SignalDecl* declaration_of(const RunState& state, const std::string& signal,
                                       std::size_t& from) {
  if (!state.hello) return nullptr;
  const auto& all = state.hello->signals;
  for (std::size_t i = 0; i < all.size(); ++i) {
    const std::size_t place = (from + i) % all.size();
    if (all[place].name != signal) continue;
    from = place + 1;
    const auto known = state.signals.find(signal);
    return known != state.signals.end() ? &known->second.declaration : nullptr;
  }
  return nullptr;
}

ReportFate judge_value(const wire::SignalDecl& declared, const wire::Sample& sample,
                       ReportFate if_good) {
  // Of distributions the items count; the value is there for show.
  if (sample.missing || declared.columns > 0) return if_good;
  if (!std::isfinite(sample.value)) return ReportFate::kNotANumber;
  return wire::assess(declared, sample.value) == Quality::kGood ? if_good : ReportFate::kOutOfRange;
}

ReportFate judge(const SignalFates& fates, const wire::SignalDecl* declared,
                 const wire::Sample& sample, Step step) {
  if (declared == nullptr) return ReportFate::kUndeclared;
  if (step == fates.decided) return ReportFate::kRepeated;
  if (step < fates.decided) return ReportFate::kLate;
  return judge_value(*declared, sample, ReportFate::kDecided);
}

ReportFate judge_part(wire::Taking taken, const wire::SignalDecl& declared,
                      const wire::Sample& sample) {
  if (taken == wire::Taking::kTooLate) return ReportFate::kLate;
  if (taken == wire::Taking::kRepeated) return ReportFate::kRepeated;
  return judge_value(declared, sample, ReportFate::kJoined);
}

// One is enough to be told of.
bool is_told_at_once(const RunState& state, ReportFate fate, const wire::SignalDecl* declared,
                     wire::Report::Origin origin) {
  if (fate == ReportFate::kUndeclared) return true;
  return fate == ReportFate::kRepeated && wire::has_law(*state.hello, wire::Law::kJoins) &&
         wire::join_of(*declared, origin) == wire::Join::kLast;
}

void note_trouble(SignalFates& fates, ReportFate fate, Step step, bool at_once) {
  if (fate == ReportFate::kDecided || fate == ReportFate::kJoined) {
    if (++fates.clean >= kCleanToForget) fates.trouble = ReportFate::kDecided;
    return;
  }
  fates.clean = 0;
  const bool is_told = at_once || fates.in_a_row >= kFatesToAlert;
  if (is_told) fates.trouble = fate;
  if (fates.trouble == fate) fates.trouble_at = step;
}

void note_point(SignalFates& fates, Step step) {
  if (fates.decided >= Step{0})
    fates.longest_gap = std::max(fates.longest_gap, step.value - fates.decided.value);
  fates.decided = step;
}

void note(SignalFates& fates, ReportFate fate, Step step, bool at_once, bool is_part) {
  ++fates.counts[static_cast<std::size_t>(fate)];
  fates.in_a_row = fate == fates.newest ? fates.in_a_row + 1 : 1;
  fates.newest = fate;
  note_trouble(fates, fate, step, at_once);
  const bool is_point = fate == ReportFate::kDecided || fate == ReportFate::kOutOfRange ||
                        fate == ReportFate::kNotANumber;
  if (is_point && !is_part) note_point(fates, step);
}

std::string nearest_declared(const RunState& state, const std::string& signal) {
  std::vector<std::string> names;
  for (const wire::SignalDecl& declared : state.hello->signals) names.push_back(declared.name);
  const std::string near = nearest(signal, names);
  return near.empty() ? "" : "; did you mean " + quoted(near, 64) + "?";
}

// ": expected 0.8 to 1", of the declaration in force.
std::string range_text(const RunState& state, const std::string& signal) {
  const auto known = state.signals.find(signal);
  if (known == state.signals.end()) return "";
  const wire::SignalDecl& declared = known->second.declaration;
  return ": expected " + number_text(declared.min) + " to " + number_text(declared.max);
}

std::string trouble_text(const RunState& state, const std::string& signal,
                         const SignalFates& fates) {
  const std::string at = std::to_string(fates.trouble_at.value);
  switch (fates.trouble) {
    case ReportFate::kUndeclared:
      return "the trainer reports " + quoted(signal, 64) +
             ", which it did not declare, so that nothing looks at it" +
             nearest_declared(state, signal);
    case ReportFate::kRepeated:
      return signal + " comes several times a step, last at step " + at +
             ": the first value of a step counts, of a part of it the newest; report once for each "
             "optimiser update, or once for each part of it";
    case ReportFate::kLate:
      return signal + " comes late, last for step " + at + " when it had come for step " +
             std::to_string(fates.decided.value) +
             ": it is not decided on; steps count updates, and fall at a rollback alone";
    case ReportFate::kOutOfRange:
      return signal + " lies outside its declared range, last at step " + at +
             range_text(state, signal);
    case ReportFate::kNotANumber:
      return signal + " is no number, last at step " + at;
    case ReportFate::kDecided:
    case ReportFate::kJoined:
    case ReportFate::kDuplicate:
      return "";
  }
  return "";
}

// So many steps after its last value the signal is overdue.
std::int64_t due_after(const wire::SignalDecl& declared, const SignalFates& fates) {
  if (declared.every_steps > 0) return kDueAfterGaps * declared.every_steps;
  return std::max(kDueAfterGaps * fates.longest_gap, kDueAfterSteps);
}

void add_overdue(const RunState& state, const wire::SignalDecl& declared,
                 std::vector<wire::Alert>& out) {
  const auto found = state.fates.signals.find(declared.name);
  const SignalFates none;
  const SignalFates& fates = found == state.fates.signals.end() ? none : found->second;
  const std::int64_t start = state.segments.empty() ? 0 : state.segments.back().start.value;
  const std::int64_t since = std::max(fates.decided.value, start);
  if (state.step.value - since <= due_after(declared, fates)) return;
  const std::string last = fates.decided >= Step{0}
                               ? " has not come since step " + std::to_string(fates.decided.value)
                               : " has not come since step " + std::to_string(start) +
                                     ", where this line of training began";
  out.push_back({wire::Severity::kHigh,
                 {wire::AlertKind::kSignal, declared.name},
                 declared.name + ", which the policy reads," + last + "; the trainer is at step " +
                     std::to_string(state.step.value)});
}

std::string clock_text(const RunState& state) {
  const Fates& fates = state.fates;
  // In an older record the newest time counts.
  const bool is_bounded = wire::has_law(*state.hello, wire::Law::kClock);
  const std::string counted = is_bounded ? ": that does not count as time" : "";
  if (fates.clock.standing() >= kStandingToAlert)
    return "the trainer's clock has stood still for " + std::to_string(fates.clock.standing()) +
           " updates: spans of seconds do not end; send the time of each report";
  if (std::isnan(fates.jump_s)) return "";
  const std::string at = " at step " + std::to_string(fates.jumped_at.value);
  if (fates.jump_s < 0.0)
    return "the trainer's clock went back by " + number_text(-fates.jump_s) + " s" + at + counted;
  return "the trainer's clock went forward by " + number_text(fates.jump_s) +
         " s more than updates take" + at + counted;
}

}  // namespace

void fold_clock(RunState& state, const wire::Header& header) {
  Fates& fates = state.fates;
  fates.clock.add(header.step, header.t);
  const double jump = fates.clock.jump();
  if (jump > 0.0 || jump <= -kLeastBack) {
    fates.jump_s = jump;
    fates.jumped_at = header.step;
    fates.since_jump = 0;
  } else if (++fates.since_jump >= kCleanToForget) {
    fates.jump_s = wire::kNaN;
  }
}

void fold_fates(RunState& state, const wire::Message& message, const wire::Report& report,
                const std::vector<wire::Taking>& taken) {
  const Step step = message.header.step;
  const bool ends = state.total_steps > 0;
  if (ends && step.value > state.total_steps) state.fates.beyond = step;
  std::size_t place = 0;
  for (std::size_t i = 0; i < report.samples.size(); ++i) {
    const wire::Sample& sample = report.samples[i];
    SignalFates& fates = state.fates.signals[sample.signal];
    const wire::SignalDecl* declared = declaration_of(state, sample.signal, place);
    const bool is_part = i < taken.size() && taken[i] != wire::Taking::kWhole;
    const ReportFate fate = is_part && declared != nullptr ? judge_part(taken[i], *declared, sample)
                                                           : judge(fates, declared, sample, step);
    note(fates, fate, step, is_told_at_once(state, fate, declared, report.origin), is_part);
  }
}

void fold_joined_fates(RunState& state, const wire::Joined& joined) {
  for (const wire::Sample& sample : joined.report.samples) {
    SignalFates& fates = state.fates.signals[sample.signal];
    note_point(fates, std::max(fates.decided, joined.step));
    fates.incomplete += joined.is_complete ? 0 : 1;
    fates.incomplete_in_a_row = joined.is_complete ? 0 : fates.incomplete_in_a_row + 1;
  }
}

void begin_segment(Fates& fates) {
  fates.beyond = Step{-1};
  for (auto& [name, signal] : fates.signals) {
    signal.decided = Step{-1};
    signal.in_a_row = 0;
    signal.newest = signal.trouble = ReportFate::kDecided;
  }
}

std::vector<wire::FateCount> counts_of(const SignalFates& fates) {
  std::vector<wire::FateCount> out;
  for (std::size_t i = 0; i < kReportFates; ++i) {
    if (fates.counts[i] > 0) out.push_back({static_cast<ReportFate>(i), fates.counts[i]});
  }
  return out;
}

std::vector<wire::Alert> stream_alerts(const RunState& state) {
  std::vector<wire::Alert> out;
  const auto add = [&out](wire::Severity severity, std::string text) {
    out.push_back({severity, wire::AlertKind::kLink, std::move(text)});
  };
  const Gaps& gaps = state.gaps;
  const std::string newest = " (newest: " + std::to_string(gaps.from.value) + " to " +
                             std::to_string(gaps.to.value) + ", before step " +
                             std::to_string(gaps.step.value) + ")";
  if (gaps.missing > 0)
    add(wire::Severity::kHigh, std::to_string(gaps.missing) +
                                   " messages of this attempt never came and are not in the "
                                   "record" +
                                   newest);
  if (gaps.skipped > 0)
    add(wire::Severity::kMedium, "the trainer can no longer send " + std::to_string(gaps.skipped) +
                                     " messages of this attempt, and they are not in the record" +
                                     newest);
  if (std::string text = clock_text(state); !text.empty())
    add(wire::Severity::kHigh, std::move(text));
  return out;
}

std::vector<wire::Alert> fate_alerts(const RunState& state,
                                     const std::function<bool(const std::string&)>& reads) {
  if (!state.hello || state.goodbye) return {};
  std::vector<wire::Alert> out = stream_alerts(state);
  if (state.fates.beyond >= Step{0}) {
    out.push_back({wire::Severity::kHigh, wire::AlertKind::kLink,
                   "the trainer reported step " + std::to_string(state.fates.beyond.value) +
                       ", and declared a run of " + std::to_string(state.total_steps) +
                       " steps: what comes at lower steps is late and not decided on"});
  }
  for (const auto& [signal, fates] : state.fates.signals) {
    if (fates.incomplete_in_a_row >= kFatesToAlert)
      out.push_back({wire::Severity::kMedium,
                     {wire::AlertKind::kSignal, signal},
                     "parts of " + signal + " did not come at the last " +
                         std::to_string(fates.incomplete_in_a_row) + " steps"});
    const std::string text = trouble_text(state, signal, fates);
    if (text.empty()) continue;
    const bool matters = fates.trouble == ReportFate::kUndeclared || reads(signal);
    out.push_back({matters ? wire::Severity::kHigh : wire::Severity::kMedium,
                   {wire::AlertKind::kSignal, signal},
                   text});
  }
  for (const wire::SignalDecl& declared : state.hello->signals) {
    if (reads(declared.name)) add_overdue(state, declared, out);
  }
  return out;
}

}  // namespace phaseguard::run
