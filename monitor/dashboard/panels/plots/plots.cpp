#include "monitor/dashboard/panels/plots/plots.h"

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

constexpr std::size_t kSmoothedInAFrame = 200000;  // points; a median counts tenfold

const plot::Data* data_of(const run::PlotLine& line, const plot::Along& along, double until,
                          Sheet& sheet) {
  if (!line.largest_of.empty()) return &sheet.maxima.emplace_back(line.largest_of, along);
  if (line.series == nullptr) return nullptr;
  if (line.holds) return &sheet.held.emplace_back(*line.series, until, along);
  return &sheet.series.emplace_back(*line.series, line.joins_within, along);
}

plot::LineStyle style_of(const run::PlotLine& line, std::size_t place, const plot::Palette& p) {
  if (line.planned) return {.colour = p.text, .thickness = 0.09F * em(), .dashed = true};
  if (line.holds) return {.colour = p.series[0], .thickness = 0.14F * em()};
  if (!line.largest_of.empty()) return {.colour = p.series[4], .thickness = 0.08F * em()};
  return {.colour = p.series[place % p.series.size()], .thickness = 0.1F * em(), .dots = true};
}

// Who had it in force: told by colour and pattern.
void mark_cause(const Interval& on, const plot::Palette& p, plot::Shade& shade) {
  switch (on.cause) {
    case wire::CauseKind::kRule:
      shade.colour = p.kl_shade;
      shade.pattern = on.by_guard ? plot::Pattern::kStriped : plot::Pattern::kSolid;
      return;
    case wire::CauseKind::kOperator:
      shade.colour = p.override_, shade.pattern = plot::Pattern::kSolid;
      return;
    case wire::CauseKind::kLink:
      shade.colour = p.info, shade.pattern = plot::Pattern::kStriped;
      return;
    case wire::CauseKind::kAdopted:
      shade.colour = p.info, shade.pattern = plot::Pattern::kDotted;
      return;
    case wire::CauseKind::kBase:
    case wire::CauseKind::kInitial:
      shade.colour = p.kl_shade, shade.pattern = plot::Pattern::kHollow;
      return;
  }
}

std::string smooth_text(const plot::Smooth& how) {
  const std::string length = plot::value_label(how.length) + (how.seconds ? " s" : " steps");
  switch (how.kind) {
    case plot::SmoothKind::kEma:
      return "half-life " + length;
    case plot::SmoothKind::kMean:
      return "mean of " + length;
    case plot::SmoothKind::kMedian:
      return "median of " + length;
    case plot::SmoothKind::kNone:
      break;
  }
  return "";
}

// The line smoothed, as far as it is; a part more of it in each frame.
const plot::Data* smoothed_data(const run::PlotLine& line, const std::string& key,
                                const plot::Along& along, Sheet& sheet) {
  const plot::Smooth& how = sheet.view.look.smooth;
  const auto [found, fresh] = sheet.view.smoothed.try_emplace(key, how);
  plot::Smoothed& smoothed = found->second;
  if (!fresh && !(smoothed.how() == how)) smoothed = plot::Smoothed(how);
  const std::size_t each = how.kind == plot::SmoothKind::kMedian ? 10 : 1;
  const std::size_t before = smoothed.values().size();
  const bool done = smoothed.update(*line.series, sheet.points_left / each);
  sheet.view.busy = sheet.view.busy || !done;
  const std::size_t taken = smoothed.values().size() - std::min(before, smoothed.values().size());
  sheet.points_left -= std::min(sheet.points_left, taken * each);
  return &sheet.series.emplace_back(*line.series, line.joins_within, along, &smoothed);
}

// One line of a plan, with what it was smoothed from behind it.
void add_line(const run::PlotLine& line, const std::string& run, plot::Line drawn,
              const plot::Along& along, double until, Sheet& sheet, plot::PlotSpec& spec) {
  drawn.data = data_of(line, along, until, sheet);
  const bool smooths = sheet.view.look.smooth.kind != plot::SmoothKind::kNone &&
                       line.series != nullptr && line.largest_of.empty() && !line.holds;
  if (!smooths) {
    spec.lines.push_back(std::move(drawn));
    return;
  }
  plot::Line raw = drawn;
  raw.listed = false;
  raw.behind = true;
  raw.style.colour = plot::faded(drawn.style.colour, 0.3F);
  raw.style.dots = false;
  raw.style.marks_bad = false;  // the smoothed one has them, in full colour
  spec.lines.push_back(std::move(raw));
  drawn.data = smoothed_data(line, run + "\n" + line.label, along, sheet);
  drawn.style.dots = false;
  drawn.style.thickness *= 1.3F;
  spec.lines.push_back(std::move(drawn));
}

// The same lines of the run that is compared with.
void add_compared(const run::PlotSpec& plan, Sheet& sheet, plot::PlotSpec& spec) {
  if (sheet.other == nullptr) return;
  const bool ghost = sheet.view.look.compared.ghost;
  const std::string run = sheet.other->run.text();
  for (const run::PlotSpec& other : sheet.other_plots) {
    if (other.id != plan.id) continue;
    for (const run::PlotLine& line : other.lines) {
      if (line.planned) continue;
      const std::size_t place = spec.lines.size() + 2;
      plot::Line drawn;
      drawn.label = one_line(run, 24) + ": " + one_line(line.label, 40);
      drawn.style = style_of(line, place, sheet.palette);
      drawn.style.colour = ghost ? plot::faded(sheet.palette.dim, 0.6F)
                                 : sheet.palette.series[place % sheet.palette.series.size()];
      drawn.style.dots = false;
      drawn.behind = ghost;
      const double until = extent_of(*sheet.other, sheet.other_along).hi;
      add_line(line, run, std::move(drawn), sheet.other_along, until, sheet, spec);
    }
  }
}

// What stands behind every plot: intervals, events, and from where nothing is fresh.
plot::Backdrop backdrop_of(const Model& model, const View& view, const plot::Along& along) {
  plot::Backdrop backdrop;
  const plot::Palette& p = view.palette();
  const run::RunState& state = *model.shown();
  const auto until = static_cast<double>(std::max<std::int64_t>(state.step.value, 0));
  for (const Interval& on : protected_intervals(state, until)) {
    plot::Shade shade{x_of_step(state, along, on.from), x_of_step(state, along, on.to), on.text};
    mark_cause(on, p, shade);
    backdrop.shades.push_back(std::move(shade));
  }
  for (const EventRow& event : view.events) {
    if (event.mark.empty()) continue;
    plot::Marker marker;
    marker.x = x_of_event(along, static_cast<double>(event.step.value), event.t);
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
  if (model.stale()) {
    const auto step = static_cast<double>(std::max<std::int64_t>(state.step.value, 0));
    backdrop.stale_from = x_of_event(along, step, state.t);
  }
  return backdrop;
}

}  // namespace

const run::RunState* compared_run(const Model& model, const View& view) {
  const auto id = RunId::parse(view.look.compared.run);
  if (!id || (model.shown() != nullptr && model.shown()->run == *id)) return nullptr;
  return model.find(*id);
}

Sheet::Sheet(const Model& model, View& of)
    : view(of),
      state(*model.shown()),
      palette(of.palette()),
      along(along_of(*model.shown(), of)),
      extent(extent_of(*model.shown(), along)),
      until(extent.hi),
      backdrop(backdrop_of(model, of, along)),
      other(compared_run(model, of)),
      points_left(kSmoothedInAFrame) {
  view.busy = false;
  if (other == nullptr) return;
  other_along = along_of_compared(*model.shown(), *other, view);
  other_plots = chosen_plots(*other, run::plots_of(*other), view.look);
  const plot::Range theirs = extent_of(*other, other_along);
  extent = {std::min(extent.lo, theirs.lo), std::max(extent.hi, theirs.hi)};
}

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
  const auto choice = sheet.view.look.choices.find(plan.id);
  const bool chosen = choice != sheet.view.look.choices.end();
  if (chosen) spec.y = choice->second.y;
  spec.robust = !plan.is_knob && (!chosen || choice->second.robust);
  add_compared(plan, sheet, spec);  // behind the others
  for (const run::PlotLine& line : plan.lines) {
    plot::Line drawn;
    drawn.label = one_line(line.label, 40);
    const auto place = static_cast<std::size_t>(&line - plan.lines.data());
    drawn.style = style_of(line, place, sheet.palette);
    add_line(line, sheet.state.run.text(), std::move(drawn), sheet.along, sheet.until, sheet, spec);
  }
  for (plot::Line& line : spec.lines) {
    line.hidden = chosen && choice->second.hidden.count(line.label) > 0;
  }
  const std::string smooth = smooth_text(sheet.view.look.smooth);
  if (!smooth.empty() && !plan.is_knob)
    spec.subtitle += (spec.subtitle.empty() ? "" : ", ") + smooth;
  for (const run::PlotLevel& level : plan.levels) {
    spec.thresholds.push_back({level.value, one_line(level.label, 60)});
  }
  return spec;
}

}  // namespace phaseguard::dashboard
