// Where things of a run are along the x axis of its plots: at their step, their time, or the tokens
// trained on by then. Pure.
#pragma once

#include <optional>
#include <string>

#include "monitor/dashboard/plot/curves/axes.h"
#include "monitor/run/state.h"

namespace phaseguard::dashboard {

// The signal that counts the tokens trained on: the first whose unit is "tokens". nullptr: the
// trainer has sent none.
[[nodiscard]] const run::SignalState* token_signal(const run::RunState& state);

// Why x cannot count this for the run; "" when it can. Walks over a signal that counts tokens,
// which must not fall within a segment: not for every frame.
[[nodiscard]] std::string obstacle_of(const run::RunState& state, plot::XKind kind);

// When a step of the present segment was, from the series with the most points; between two points
// on the line that joins them. NaN: nothing has been measured yet.
[[nodiscard]] double time_of_step(const run::RunState& state, double step);

// Where the first rule fired; nothing when none did.
struct Place {
  double step = 0.0;
  double t = 0.0;
};
[[nodiscard]] std::optional<Place> first_trip(const run::RunState& state);

}  // namespace phaseguard::dashboard
