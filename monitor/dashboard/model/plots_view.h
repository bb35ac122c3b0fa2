// What a researcher has chosen of the plots: plain data, so that it can be kept, named and given to
// another run. Signals are meant by name; a name that a run does not have is not drawn there. Pure.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "monitor/dashboard/plot/curves/axes.h"
#include "monitor/run/plots.h"

namespace phaseguard::dashboard {

// Of one plot, by run::PlotSpec::id.
struct PlotChoice {
  plot::YKind y = plot::YKind::kLinear;
  bool robust = true;              // far values do not flatten the others
  std::vector<std::string> added;  // signals that were dragged onto it
  std::set<std::string> hidden;    // labels of lines that were put away
};

// A plot of the researcher's own: what is in it is in its PlotChoice::added.
struct OwnPlot {
  std::string id;
  std::string name;
};

enum class Align { kAsItIs, kFirstTrip };

// Another run behind this one.
struct Comparison {
  std::string run;  // "": none
  Align align = Align::kAsItIs;
  bool ghost = true;  // pale; else in a colour of its own
};

struct PlotsView {
  plot::XKind x = plot::XKind::kStep;
  plot::Smooth smooth;  // of every plot
  std::map<std::string, PlotChoice> choices;
  std::vector<OwnPlot> own;
  Comparison compared;
  bool table = false;  // the read-out below the plots
  bool strip = false;  // the canary prompts below the plots, in place of their panel
};

// A new plot of one's own with these signals. Gives its id.
std::string add_own_plot(PlotsView& view, const std::string& name,
                         const std::vector<std::string>& signals);
void remove_own_plot(PlotsView& view, const std::string& id);
[[nodiscard]] bool is_own(const PlotsView& view, const std::string& id);

// `plots` with what was chosen: own ones first, then the run's; signals that were dragged onto one
// behind its lines. Own ones belong to the group "own".
[[nodiscard]] std::vector<run::PlotSpec> chosen_plots(const run::RunState& state,
                                                      std::vector<run::PlotSpec> plots,
                                                      const PlotsView& view);

// A click on an entry of a legend: the line is put away, or comes back. A double click: all others
// are put away, or come back when they are.
void toggle_line(PlotChoice& choice, const std::string& label);
void isolate_line(PlotChoice& choice, const std::string& label,
                  const std::vector<std::string>& labels);

}  // namespace phaseguard::dashboard
