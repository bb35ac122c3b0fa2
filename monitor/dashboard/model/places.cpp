#include "monitor/dashboard/model/places.h"

#include <algorithm>
#include <cmath>

#include "monitor/dashboard/model/describe.h"

namespace phaseguard::dashboard {
namespace {

bool is_token_unit(const std::string& unit) { return unit == "tokens" || unit == "token"; }

bool falls(const run::Series& series) {
  for (const run::Stretch& stretch : series.stretches()) {
    double last = -HUGE_VAL;
    for (std::size_t i = stretch.first; i < stretch.last; ++i) {
      const double value = series.value_at(i);
      if (value < last) return true;
      if (!std::isnan(value)) last = value;
    }
  }
  return false;
}

const run::SignalState* with_token_unit(const run::RunState& state) {
  for (const auto& [name, signal] : state.signals) {
    if (is_token_unit(signal.declaration.unit) && !signal.is_item) return &signal;
  }
  return nullptr;
}

const run::Series* longest_series(const run::RunState& state) {
  const run::Series* longest = nullptr;
  for (const auto& [name, signal] : state.signals) {
    const bool more = longest == nullptr || signal.series.size() > longest->size();
    if (!signal.series.empty() && more) longest = &signal.series;
  }
  return longest;
}

}  // namespace

const run::SignalState* token_signal(const run::RunState& state) {
  const run::SignalState* signal = with_token_unit(state);
  return signal != nullptr && !signal->series.empty() ? signal : nullptr;
}

std::string obstacle_of(const run::RunState& state, plot::XKind kind) {
  if (kind == plot::XKind::kWall || kind == plot::XKind::kElapsed) {
    return longest_series(state) == nullptr ? "nothing has been measured yet" : "";
  }
  if (kind != plot::XKind::kTokens) return "";
  const run::SignalState* signal = with_token_unit(state);
  if (signal == nullptr) return "the trainer declares no signal whose unit is \"tokens\"";
  if (signal->series.empty()) return "no count of tokens has come yet";
  if (!falls(signal->series)) return "";
  return "the signal whose unit is \"tokens\" falls within a segment: it does not count those "
         "trained on";
}

double time_of_step(const run::RunState& state, double step) {
  const run::Series* series = longest_series(state);
  if (series == nullptr) return wire::kNaN;
  const run::Stretch stretch = series->stretches().back();
  const auto step_at = [&](std::size_t i) { return series->x_at(i, run::By::kStep); };
  const std::size_t at =
      std::clamp(series->first_from(stretch, step), stretch.first, stretch.last - 1);
  if (at == stretch.first || step_at(at) <= step) return series->t_at(at);
  const double part = (step - step_at(at - 1)) / (step_at(at) - step_at(at - 1));
  return series->t_at(at - 1) + part * (series->t_at(at) - series->t_at(at - 1));
}

std::optional<Place> first_trip(const run::RunState& state) {
  for (const auto& entry : state.decisions.entries) {
    if (rule_fired_by(entry.body, entry.step) == nullptr) continue;
    return Place{static_cast<double>(entry.step.value), entry.t};
  }
  return std::nullopt;
}

}  // namespace phaseguard::dashboard
