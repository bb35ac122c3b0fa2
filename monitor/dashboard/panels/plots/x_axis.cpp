#include "monitor/dashboard/panels/plots/x_axis.h"

#include <algorithm>
#include <cmath>

#include "monitor/dashboard/model/places.h"

namespace phaseguard::dashboard {
namespace {

using plot::XKind;

plot::Along laid_along(const run::RunState& state, XKind kind, plot::Counter& counter) {
  plot::Along along;
  along.kind = kind;
  if (kind == XKind::kElapsed) along.shift = state.first_t;
  if (kind != XKind::kTokens) return along;
  const run::SignalState* tokens = token_signal(state);
  if (tokens != nullptr) counter.update(tokens->series);
  if (tokens == nullptr || counter.empty() || !counter.counts()) return {};
  along.counter = &counter;
  return along;
}

}  // namespace

plot::Along along_of(const run::RunState& state, View& view) {
  return laid_along(state, view.look.x, view.tokens);
}

plot::Along along_of_compared(const run::RunState& shown, const run::RunState& other, View& view) {
  const plot::Along base = along_of(shown, view);
  plot::Along along = laid_along(other, base.kind, view.other_tokens);
  if (view.look.compared.align != Align::kFirstTrip || along.kind != base.kind) return along;
  const auto here = first_trip(shown);
  const auto there = first_trip(other);
  if (!here || !there) return along;
  along.shift += x_of_event(along, there->step, there->t) - x_of_event(base, here->step, here->t);
  return along;
}

double x_of_event(const plot::Along& along, double step, double t) {
  return along.x_of(along.by() == run::By::kTime ? t : std::max(step, 0.0));
}

double x_of_step(const run::RunState& state, const plot::Along& along, double step) {
  if (along.by() != run::By::kTime) return along.x_of(step);
  const double t = time_of_step(state, step);
  return std::isnan(t) ? along.x_of(state.t) : along.x_of(t);
}

plot::Range extent_of(const run::RunState& state, const plot::Along& along) {
  const bool time = along.by() == run::By::kTime;
  double lo = time ? state.first_t : 0.0;
  double hi = time ? std::max(state.t, lo)
                   : static_cast<double>(std::max<std::int64_t>(state.step.value, 1));
  for (const auto& [name, signal] : state.signals) {
    const run::Series& series = signal.series;
    if (series.empty()) continue;
    if (time) {
      lo = std::min(lo, series.t_at(0));
      hi = std::max(hi, series.t_at(series.size() - 1));
    } else {
      lo = std::min(lo, static_cast<double>(series.first_step().value));
      hi = std::max(hi, static_cast<double>(series.last_step().value));
    }
  }
  return {along.x_of(lo), along.x_of(hi)};
}

}  // namespace phaseguard::dashboard
