#include "monitor/ctl/record/report_plots.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <deque>
#include <limits>
#include <vector>

#include "monitor/base/printable.h"
#include "monitor/ctl/record/series_plot.h"
#include "monitor/page/page.h"
#include "monitor/run/plots.h"

namespace phaseguard::ctl {

namespace {

std::vector<PlotMark> marks_of(const run::RunState& state) {
  std::vector<PlotMark> marks;
  for (const auto& entry : state.decisions.entries) {
    const bool notable = !entry.body.alerts.empty() || !entry.body.requests.empty();
    if (notable) marks.push_back({entry.step, entry.body.summary, "mark"});
  }
  for (const auto& entry : state.commands.entries) {
    marks.push_back(
        {entry.step, entry.body.operator_name + ": " + entry.body.action.text(), "command"});
  }
  return marks;
}

// Steps in which any knob protected the run, without overlaps: shading twice would be darker.
std::vector<run::OnInterval> protected_steps(const run::RunState& state) {
  std::vector<run::OnInterval> all;
  for (const auto& [name, knob] : state.knobs) {
    all.insert(all.end(), knob.on_applied.begin(), knob.on_applied.end());
  }
  std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.from < b.from; });
  const auto end_of = [](const run::OnInterval& on) {
    return on.to < Step{0} ? std::numeric_limits<std::int64_t>::max() : on.to.value;
  };
  std::vector<run::OnInterval> out;
  for (const run::OnInterval& next : all) {
    if (out.empty() || next.from.value > end_of(out.back())) {
      out.push_back(next);
    } else if (end_of(next) > end_of(out.back())) {
      out.back().to = next.to;
    }
  }
  return out;
}

// The largest of series that were measured together, place by place.
run::Series largest_of(const std::vector<const run::Series*>& all) {
  run::Series out;
  std::size_t places = all.front()->size();
  for (const run::Series* one : all) places = std::min(places, one->size());
  for (std::size_t i = 0; i < places; ++i) {
    double largest = wire::kNaN;
    for (const run::Series* one : all) {
      const double value = one->value_at(i);
      if (std::isnan(largest) || value > largest) largest = value;
    }
    const Quality quality = std::isnan(largest) ? Quality::kBad : Quality::kGood;
    out.append(all.front()->step_at(i), all.front()->t_at(i), largest, quality);
  }
  return out;
}

// What every plot of a run stands on, and the series that are made for it.
struct Common {
  std::vector<PlotMark> marks;
  std::vector<run::OnInterval> shaded;
  std::int64_t last_step = 0;
  std::int64_t until = 0;
  std::deque<run::Series> made;
};

const char* style_of(const run::PlotLine& line, std::size_t place) {
  static constexpr std::array<const char*, 5> kStyles{"s0", "s2", "s3", "s6", "s7"};
  if (line.planned) return "s1 dashed";
  if (line.holds) return "s4";
  return line.largest_of.empty() ? kStyles[place % kStyles.size()] : "s5";
}

std::string unit_of(const run::PlotSpec& plan) {
  if (plan.lines.size() > 1 || plan.title == plan.name) return plan.unit;
  return plan.name + (plan.unit.empty() ? "" : ", " + plan.unit);
}

std::string help_of(const run::PlotSpec& plan) {
  std::string text = plan.help;
  for (const std::string& more : {plan.details, plan.remark}) {
    if (!more.empty()) text += (text.empty() ? "" : "\n") + more;
  }
  for (const std::string& watcher : plan.watchers) text += "\nwatched by " + watcher;
  return text;
}

SeriesPlot plot_of(const run::PlotSpec& plan, const run::RunState& state, Common& common) {
  SeriesPlot plot;
  plot.title = plan.title;
  plot.unit = unit_of(plan);
  plot.help = help_of(plan);
  plot.min = plan.min;
  plot.max = plan.max;
  plot.marks = common.marks;
  plot.shaded = plan.is_knob ? state.knobs.at(plan.name).on_applied : common.shaded;
  plot.last_step = common.last_step;
  plot.until = common.until;
  for (const run::PlotLine& line : plan.lines) {
    const run::Series* series = line.series;
    if (!line.largest_of.empty()) series = &common.made.emplace_back(largest_of(line.largest_of));
    if (series == nullptr) continue;
    plot.lines.push_back({series, line.label, style_of(line, plot.lines.size()), line.holds});
  }
  for (const run::PlotLevel& level : plan.levels) plot.levels.push_back({level.value, level.label});
  return plot;
}

std::string part_of(const char* title, const std::string& drawn) {
  if (drawn.empty()) return "";
  return page::subpart(title) + "<div class='plots'>" + drawn + "</div>";
}

}  // namespace

std::string report_plots(const run::RunState& state) {
  Common common{marks_of(state),
                protected_steps(state),
                state.total_steps,
                std::max<std::int64_t>(state.step.value, 0),
                {}};
  std::string watched, others, knobs, absent;
  for (const run::PlotSpec& plan : run::plots_of(state)) {
    const SeriesPlot plot = plot_of(plan, state, common);
    if (!plot.has_points()) {
      absent += (absent.empty() ? "Not measured in this run: " : "; ") + html(plan.name);
      if (!plan.remark.empty()) absent += " (" + plan.remark + ")";
      continue;
    }
    (plan.is_knob ? knobs : plan.is_watched() ? watched : others) += svg_of(plot);
  }
  return part_of("What the policy watches", watched) + part_of("Other signals", others) +
         part_of("Knobs", knobs) + (absent.empty() ? "" : page::paragraph(absent + ".", "none")) +
         page::paragraph(
             "Shaded: steps in which a knob protected the run. ▲ decisions and commands "
             "(hover for the text; over a title for what the plot says). × measurement that could "
             "not be made. Pale lines: steps that a rollback undid.",
             "soft");
}

}  // namespace phaseguard::ctl
