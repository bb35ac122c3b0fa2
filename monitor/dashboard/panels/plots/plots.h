// From the list of plots that a run has (run::plots_of) to what the plot room draws. Drawing thread
// only.
#pragma once

#include <deque>

#include "monitor/dashboard/panels/plots/x_axis.h"
#include "monitor/run/plots.h"

namespace phaseguard::dashboard {

// What the plots of one frame draw from: kept together so that their addresses hold.
struct Sheet {
  Sheet(const Model& model, View& view);  // a run is shown
  View& view;
  const run::RunState& state;
  const plot::Palette& palette;
  plot::Along along;
  plot::Range extent;  // of the run along x, and of the one it is compared with
  double until;        // the newest x: up to there a knob holds its last value
  plot::Backdrop backdrop;
  const run::RunState* other = nullptr;  // that it is compared with
  plot::Along other_along;
  std::vector<run::PlotSpec> other_plots;
  std::size_t points_left;  // that may still be smoothed in this frame
  std::deque<plot::SeriesData> series;
  std::deque<plot::HeldData> held;
  std::deque<plot::MaxData> maxima;
};

[[nodiscard]] plot::PlotSpec spec_of(const run::PlotSpec& plan, Sheet& sheet);

// The run beside the one that is shown; nullptr: none was chosen, or it is not there.
[[nodiscard]] const run::RunState* compared_run(const Model& model, const View& view);

// The row above the plots. Gives its height.
float draw_plot_bar(const Model& model, View& view, ImVec2 at, float width);

// What a plot's gestures ask for, and its menu. `plan` and `spec` are of this frame.
void on_plot_events(const plot::PlotEvents& events, const run::PlotSpec& plan,
                    const plot::PlotSpec& spec, View& view);
void draw_plot_menu(const run::PlotSpec& plan, const plot::PlotSpec& spec, Sheet& sheet);

// The heat strip of canary prompts: in a panel of its own, or below the plots on their own x.
void draw_strip_panel(const Model& model, View& view, ImVec2 at, ImVec2 size);
[[nodiscard]] float strip_height(const View& view, float room);
void draw_strip(Sheet& sheet, ImVec2 at, ImVec2 size);

// Every line at the cursor, with statistics of the selected interval.
[[nodiscard]] float readout_height(const View& view, float room);
void draw_readout(Sheet& sheet, ImVec2 at, ImVec2 size);

}  // namespace phaseguard::dashboard
