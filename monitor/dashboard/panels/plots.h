// From the list of plots that a run has (run::plots_of) to what the plot room draws. Drawing thread
// only.
#pragma once

#include <deque>

#include "monitor/dashboard/panels/ui.h"
#include "monitor/run/plots.h"

namespace phaseguard::dashboard {

// What the plots of one frame draw from: kept together so that their addresses hold.
struct Sheet {
  Sheet(const Model& model, const View& view);  // a run is shown
  const plot::Palette& palette;
  double until;  // the newest step: up to there a knob holds its last value
  plot::Backdrop backdrop;
  std::deque<plot::SeriesData> series;
  std::deque<plot::HeldData> held;
  std::deque<plot::MaxData> maxima;
};

[[nodiscard]] plot::PlotSpec spec_of(const run::PlotSpec& plan, Sheet& sheet);

// All steps of the run.
[[nodiscard]] plot::Range steps_of(const run::RunState& state);

}  // namespace phaseguard::dashboard
