#include "monitor/dashboard/panels/plots.h"

#include <algorithm>
#include <cmath>

#include "monitor/base/text.h"

namespace phaseguard::dashboard {
namespace {

using plot::Shape;

// What a tooltip says of a plot, in lines.
std::string help_of(const run::PlotSpec& plan) {
  std::string text = one_line(plan.name, 128);
  if (!plan.unit.empty()) text += ", " + one_line(plan.unit, 40);
  if (!plan.details.empty()) text += "\n" + one_line(plan.details, 200);
  if (!plan.remark.empty()) text += "\n" + plan.remark;
  if (!plan.help.empty()) text += "\n" + plan.help;
  for (const std::string& watcher : plan.watchers) {
    text += "\nwatched by " + one_line(watcher, 200);
  }
  return text;
}

// The name by which policy and command line know it, and the unit. A detector that looks at it and
// has no line here is named instead.
std::string subtitle_of(const run::PlotSpec& plan) {
  std::string text;
  const auto add = [&](const std::string& part) {
    if (!part.empty()) text += (text.empty() ? "" : ", ") + part;
  };
  if (plan.lines.size() == 1 && plan.title != plan.name) add(one_line(plan.name, 128));
  add(one_line(plan.unit, 20));
  add(plan.remark);
  if (plan.levels.empty() && plan.is_watched()) {
    add("watched by " + one_line(plan.watchers.front(), 80));
  }
  return text;
}

const plot::Data* data_of(const run::PlotLine& line, double until, Sheet& sheet) {
  if (!line.largest_of.empty()) return &sheet.maxima.emplace_back(line.largest_of);
  if (line.series == nullptr) return nullptr;
  if (line.holds) return &sheet.held.emplace_back(*line.series, until);
  return &sheet.series.emplace_back(*line.series, line.joins_within);
}

plot::LineStyle style_of(const run::PlotLine& line, std::size_t place, const plot::Palette& p) {
  if (line.planned) return {.colour = p.text, .thickness = 0.09F * em(), .dashed = true};
  if (line.holds) return {.colour = p.series[0], .thickness = 0.14F * em()};
  if (!line.largest_of.empty()) return {.colour = p.series[4], .thickness = 0.08F * em()};
  return {.colour = p.series[place % p.series.size()], .thickness = 0.1F * em(), .dots = true};
}

// Which knobs protected the run at some step of the present segment: "kl in force".
std::string in_force_text(const run::RunState& state) {
  std::string names;
  for (const auto& [name, knob] : state.knobs) {
    const bool on = std::any_of(knob.on_applied.begin(), knob.on_applied.end(), [&](const auto& i) {
      return i.attempt == state.attempt && i.segment == state.segment;
    });
    if (on) names += (names.empty() ? "" : ", ") + one_line(name, 24);
  }
  return names + " in force";
}

// What stands behind every plot: intervals, events, and from where nothing is fresh.
plot::Backdrop backdrop_of(const Model& model, const View& view) {
  plot::Backdrop backdrop;
  const plot::Palette& p = view.palette();
  const run::RunState& state = *model.shown();
  const std::string in_force = in_force_text(state);
  for (const Interval& on : protected_intervals(
           state, static_cast<double>(std::max<std::int64_t>(state.step.value, 0)))) {
    backdrop.shades.push_back({on.from, on.to, in_force});
  }
  for (const EventRow& event : view.events) {
    if (event.mark.empty()) continue;
    plot::Marker marker;
    marker.x = static_cast<double>(std::max<std::int64_t>(event.step.value, 0));
    marker.text = event.mark;
    marker.id = static_cast<int>(event.decision);
    switch (event.kind) {
      case EventKind::kTrip: {
        const Sign sign = sign_of(event.level, p);
        marker.shape = sign.shape, marker.colour = sign.colour;
        break;
      }
      case EventKind::kCommand:
        marker.shape = Shape::kDiamond, marker.colour = p.override_;
        break;
      case EventKind::kRequest:
        marker.shape = Shape::kSquare, marker.colour = p.info;
        break;
      case EventKind::kLink:
        marker.shape = Shape::kCross, marker.colour = p.dim;
        break;
      case EventKind::kDecision:
      case EventKind::kApplied:
      case EventKind::kSegment:
      case EventKind::kEnd:
        marker.shape = Shape::kCircle, marker.colour = p.dim;
        break;
    }
    backdrop.markers.push_back(std::move(marker));
  }
  if (model.stale())
    backdrop.stale_from = static_cast<double>(std::max<std::int64_t>(state.step.value, 0));
  return backdrop;
}

}  // namespace

plot::Range steps_of(const run::RunState& state) {
  double lo = 0.0;
  double hi = static_cast<double>(std::max<std::int64_t>(state.step.value, 1));
  for (const auto& [name, signal] : state.signals) {
    if (signal.series.empty()) continue;
    lo = std::min(lo, static_cast<double>(signal.series.first_step().value));
    hi = std::max(hi, static_cast<double>(signal.series.last_step().value));
  }
  return {lo, hi};
}

Sheet::Sheet(const Model& model, const View& view)
    : palette(view.palette()),
      until(steps_of(*model.shown()).hi),
      backdrop(backdrop_of(model, view)) {}

plot::PlotSpec spec_of(const run::PlotSpec& plan, Sheet& sheet) {
  plot::PlotSpec spec;
  spec.id = plan.id;
  spec.title = one_line(plan.title, 128);
  spec.subtitle = subtitle_of(plan);
  spec.help = help_of(plan);
  spec.min = plan.min;
  spec.max = plan.max;
  spec.backdrop = &sheet.backdrop;
  if (!plan.remark.empty()) spec.empty_text = plan.remark;
  for (const run::PlotLine& line : plan.lines) {
    spec.lines.push_back({data_of(line, sheet.until, sheet), one_line(line.label, 40),
                          style_of(line, spec.lines.size(), sheet.palette)});
  }
  for (const run::PlotLevel& level : plan.levels) {
    spec.thresholds.push_back({level.value, one_line(level.label, 60)});
  }
  return spec;
}

}  // namespace phaseguard::dashboard
