#include "monitor/run/report_fate.h"

#include <algorithm>
#include <cmath>

#include "monitor/base/text.h"
#include "monitor/run/state.h"

namespace phaseguard::run {

namespace {

using wire::ReportFate;

const wire::SignalDecl* declaration_of(const RunState& state, const std::string& signal) {
  if (!state.hello) return nullptr;
  for (const wire::SignalDecl& declared : state.hello->signals) {
    if (declared.name == signal) return &declared;
  }
  return nullptr;
}

ReportFate judge(const SignalFates& fates, const wire::SignalDecl* declared,
                 const wire::Sample& sample, Step step) {
  if (declared == nullptr) return ReportFate::kUndeclared;
  if (step == fates.decided) return ReportFate::kRepeated;
  if (step < fates.decided) return ReportFate::kLate;
  // Of distributions the items count; the value is there for show.
  if (sample.missing || declared->columns > 0) return ReportFate::kDecided;
  if (!std::isfinite(sample.value)) return ReportFate::kNotANumber;
  const bool inside = sample.value >= declared->min && sample.value <= declared->max;
  return inside ? ReportFate::kDecided : ReportFate::kOutOfRange;
}

void note_trouble(SignalFates& fates, ReportFate fate, Step step) {
  if (fate == ReportFate::kDecided) {
    if (++fates.clean >= kCleanToForget) fates.trouble = ReportFate::kDecided;
    return;
  }
  fates.clean = 0;
  const bool is_told = fate == ReportFate::kUndeclared || fates.in_a_row >= kFatesToAlert;
  if (is_told) fates.trouble = fate;
  if (fates.trouble == fate) fates.trouble_at = step;
}

void note(SignalFates& fates, ReportFate fate, Step step) {
  ++fates.counts[static_cast<std::size_t>(fate)];
  fates.in_a_row = fate == fates.newest ? fates.in_a_row + 1 : 1;
  fates.newest = fate;
  note_trouble(fates, fate, step);
  const bool is_point = fate == ReportFate::kDecided || fate == ReportFate::kOutOfRange ||
                        fate == ReportFate::kNotANumber;
  if (!is_point) return;
  if (fates.decided >= Step{0})
    fates.longest_gap = std::max(fates.longest_gap, step.value - fates.decided.value);
  fates.decided = step;
}

std::string nearest_declared(const RunState& state, const std::string& signal) {
  std::vector<std::string> names;
  for (const wire::SignalDecl& declared : state.hello->signals) names.push_back(declared.name);
  const std::string near = nearest(signal, names);
  return near.empty() ? "" : "; did you mean " + quoted(near, 64) + "?";
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
             ": only the first value of a step counts; report once for each optimiser update";
    case ReportFate::kLate:
      return signal + " comes late, last for step " + at + " when it had come for step " +
             std::to_string(fates.decided.value) +
             ": it is not decided on; steps count updates, and fall at a rollback alone";
    case ReportFate::kOutOfRange:
      return signal + " lies outside its declared range, last at step " + at;
    case ReportFate::kNotANumber:
      return signal + " is no number, last at step " + at;
    case ReportFate::kDecided:
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

}  // namespace

void fold_fates(RunState& state, const wire::Message& message, const wire::Report& report) {
  const Step step = message.header.step;
  const bool ends = state.total_steps > 0;
  if (ends && step.value > state.total_steps) state.fates.beyond = step;
  for (const wire::Sample& sample : report.samples) {
    SignalFates& fates = state.fates.signals[sample.signal];
    note(fates, judge(fates, declaration_of(state, sample.signal), sample, step), step);
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

std::vector<wire::Alert> fate_alerts(const RunState& state,
                                     const std::function<bool(const std::string&)>& reads) {
  std::vector<wire::Alert> out;
  if (!state.hello || state.goodbye) return out;
  if (state.fates.beyond >= Step{0}) {
    out.push_back({wire::Severity::kHigh, wire::AlertKind::kLink,
                   "the trainer reported step " + std::to_string(state.fates.beyond.value) +
                       ", and declared a run of " + std::to_string(state.total_steps) +
                       " steps: what comes at lower steps is late and not decided on"});
  }
  for (const auto& [signal, fates] : state.fates.signals) {
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
