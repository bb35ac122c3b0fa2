#include "monitor/dashboard/model/plots_view.h"

#include <algorithm>
#include <utility>

namespace phaseguard::dashboard {
namespace {

// The line of a signal, a derived source or one canary's values.
run::PlotLine line_of(const run::RunState& state, const std::vector<run::PlotSpec>& plots,
                      const std::string& signal) {
  for (const run::PlotSpec& plot : plots) {
    for (const run::PlotLine& line : plot.lines) {
      if (line.label == signal) return line;
    }
    if (plot.name != signal || plot.lines.empty()) continue;
    run::PlotLine line = plot.lines.front();
    line.label = plot.is_knob ? plot.name + " " + line.label : signal;
    return line;
  }
  run::PlotLine line;
  line.label = signal;
  const auto found = state.signals.find(signal);
  if (found != state.signals.end()) line.series = &found->second.series;
  return line;
}

}  // namespace

std::string add_own_plot(PlotsView& view, const std::string& name,
                         const std::vector<std::string>& signals) {
  int number = 1;
  std::string id = "own 1";
  while (is_own(view, id)) id = "own " + std::to_string(++number);
  view.own.push_back({id, name.empty() ? "Plot " + std::to_string(number) : name});
  view.choices[id].added = signals;
  return id;
}

void remove_own_plot(PlotsView& view, const std::string& id) {
  view.own.erase(std::remove_if(view.own.begin(), view.own.end(),
                                [&](const OwnPlot& plot) { return plot.id == id; }),
                 view.own.end());
  view.choices.erase(id);
}

bool is_own(const PlotsView& view, const std::string& id) {
  return std::any_of(view.own.begin(), view.own.end(),
                     [&](const OwnPlot& plot) { return plot.id == id; });
}

std::vector<run::PlotSpec> chosen_plots(const run::RunState& state,
                                        std::vector<run::PlotSpec> plots, const PlotsView& view) {
  std::vector<run::PlotSpec> out;
  for (const OwnPlot& own : view.own) {
    run::PlotSpec plot;
    plot.id = plot.name = own.id;
    plot.title = own.name;
    plot.group = "own";
    plot.group_title = "Your own";
    plot.help = "A plot of your own: drag signals onto it, right-click it to name or remove it.";
    plot.remark = "drag a signal here";
    out.push_back(std::move(plot));
  }
  const std::size_t n_own = out.size();
  for (const run::PlotSpec& plot : plots) out.push_back(plot);
  for (std::size_t i = 0; i < out.size(); ++i) {
    const auto choice = view.choices.find(out[i].id);
    if (choice == view.choices.end()) continue;
    for (const std::string& signal : choice->second.added) {
      out[i].lines.push_back(line_of(state, plots, signal));
    }
    if (i < n_own && !out[i].lines.empty()) out[i].remark.clear();
  }
  return out;
}

void toggle_line(PlotChoice& choice, const std::string& label) {
  if (choice.hidden.erase(label) == 0) choice.hidden.insert(label);
}

void isolate_line(PlotChoice& choice, const std::string& label,
                  const std::vector<std::string>& labels) {
  std::set<std::string> others(labels.begin(), labels.end());
  others.erase(label);
  choice.hidden.erase(label);  // the first click of the two has put it away
  choice.hidden = choice.hidden == others ? std::set<std::string>{} : others;
}

}  // namespace phaseguard::dashboard
