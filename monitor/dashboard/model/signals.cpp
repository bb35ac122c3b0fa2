// The rows of the signals: what came last, what watches it, and what became of its values.
#include <algorithm>
#include <cmath>

#include "monitor/dashboard/model/describe.h"
#include "monitor/run/fate.h"
#include "monitor/run/plots.h"

namespace phaseguard::dashboard {

namespace {

std::string type_of_detector(const run::RunState& state, const std::string& detector) {
  if (!state.policy) return {};
  for (const wire::DetectorInfo& info : state.policy->detectors) {
    if (info.name == detector) return info.type;
  }
  return {};
}

// What watches the row's series, and how near it is to its line.
void add_watchers(const run::RunState& state, SignalRow& row) {
  if (state.policy) {
    for (const wire::DetectorInfo& d : state.policy->detectors) {
      row.watched = row.watched || d.signal == row.name;
    }
  }
  for (const wire::DetectorEvidence& d : state.detectors) {
    if (d.signal != row.name) continue;
    row.watched = true;
    row.voting = row.voting || d.voting;
    if (d.voting) row.level = std::max(row.level, level_of_detector(state, d.detector));
    // A recording has the evidence of its decisions only; a level is the value itself.
    const bool level = type_of_detector(state, d.detector) == "level";
    const double statistic = level && row.quality == Quality::kGood ? row.value : d.statistic;
    if (d.threshold > 0.0 && std::isfinite(statistic)) {
      const double fraction = statistic / d.threshold;
      row.of_line = std::isnan(row.of_line) ? fraction : std::max(row.of_line, fraction);
    }
  }
}

SignalRow row_of(const std::string& source, const run::Derived& derived) {
  SignalRow row;
  row.name = source;
  row.unit = derived.unit;
  row.series = &derived.series;
  if (derived.series.empty()) return row;
  const std::size_t last = derived.series.size() - 1;
  row.value = derived.series.value_at(last);
  row.quality = derived.series.quality_at(last);
  row.step = derived.series.step_at(last);
  return row;
}

// A live daemon knows of values that it did not record too.
std::string fates_of(const run::RunState& state, const std::string& signal) {
  if (state.status) {
    for (const wire::SignalStatus& live : state.status->signals) {
      if (live.name == signal) return run::fates_text(live.fates, live.incomplete);
    }
  }
  const auto found = state.fates.signals.find(signal);
  if (found == state.fates.signals.end()) return "";
  return run::fates_text(run::counts_of(found->second), found->second.incomplete);
}

// Nothing looks at them, and a misspelt name is among them.
bool is_undeclared(const run::RunState& state, const std::string& signal) {
  constexpr auto kUndeclared = static_cast<std::size_t>(wire::ReportFate::kUndeclared);
  const auto found = state.fates.signals.find(signal);
  return found != state.fates.signals.end() && found->second.counts[kUndeclared] > 0;
}

}  // namespace

std::vector<SignalRow> signal_rows(const run::RunState& state, const run::Health& health) {
  std::vector<SignalRow> rows;
  for (const auto& [name, signal] : state.signals) {
    if (signal.is_item) continue;
    SignalRow row;
    row.name = name;
    row.unit = signal.declaration.unit;
    row.value = signal.value;
    row.quality = signal.quality;
    row.step = signal.step;
    row.series = &signal.series;
    row.declared = !is_undeclared(state, name);
    for (const run::StaleSignal& s : health.stale) row.overdue = row.overdue || s.name == name;
    rows.push_back(std::move(row));
  }
  for (const auto& [source, derived] : state.derived) rows.push_back(row_of(source, derived));
  for (SignalRow& row : rows) add_watchers(state, row);
  for (SignalRow& row : rows) row.fates = fates_of(state, row.name);
  std::sort(rows.begin(), rows.end(), [](const SignalRow& a, const SignalRow& b) {
    if (a.declared != b.declared) return a.declared;
    return a.watched != b.watched ? a.watched : run::shows_before(a.name, b.name);
  });
  return rows;
}

}  // namespace phaseguard::dashboard
