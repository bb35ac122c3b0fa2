#include "monitor/ctl/record/series_plot.h"

#include <algorithm>
#include <cmath>

#include "monitor/page/svg.h"
#include "monitor/run/plots.h"

namespace phaseguard::ctl {

namespace {

constexpr page::Box kBox{
    .width = 720, .height = 190, .left = 52, .right = 10, .top = 22, .bottom = 26};

page::Plot frame_of(const SeriesPlot& plot) {
  double lo = run::kUnlimited, hi = -run::kUnlimited, last = static_cast<double>(plot.last_step);
  for (const PlotLine& line : plot.lines) {
    const run::Extent extent = line.series->extent(0, line.series->size());
    if (extent.good > 0) {
      lo = std::min(lo, extent.lo);
      hi = std::max(hi, extent.hi);
    }
    last = std::max(last, static_cast<double>(line.series->last_step().value));
  }
  double from = lo, to = hi;
  for (const PlotLevel& level : plot.levels) {
    if (!run::has_room(level.value, lo, hi)) continue;  // named at the edge instead
    from = std::min(from, level.value);
    to = std::max(to, level.value);
  }
  const run::ValueRange range = run::value_range(from, to, plot.min, plot.max);
  return {plot.title, kBox, {0.0, std::max(1.0, last)}, {range.lo, range.hi}};
}

void draw_shading(const SeriesPlot& plot, page::Plot& out) {
  for (const run::OnInterval& on : plot.shaded) {
    const double from = out.x(static_cast<double>(on.from.value));
    const double to = out.x(static_cast<double>(on.to < Step{0} ? plot.until : on.to.value));
    out.area(from, out.top(), std::max(1.0, to - from), out.bottom() - out.top(), "on");
  }
}

// A gap lifts the pen, so that missing data is never a line.
page::Path path_of(const PlotLine& line, const run::Stretch& stretch, const page::Plot& out,
                   double holds_until) {
  const int columns = static_cast<int>(out.right() - out.left());
  page::Path path;
  double last_x = 0.0, last_y = 0.0;
  for (const run::Column& column : line.series->columns(stretch, 0.0, out.across().high, columns)) {
    if (column.extent.good == 0) {
      path.lift();
      continue;
    }
    const double x = out.x(column.x);
    if (path.drawing() && line.staircase) path.to(x, last_y);
    if (column.extent.lo == column.extent.hi) {
      path.to(x, out.y(column.extent.lo));
    } else {
      for (const double value : {column.first, column.extent.lo, column.extent.hi, column.last}) {
        if (!std::isnan(value)) path.to(x, out.y(value));
      }
    }
    last_x = x;
    last_y = out.y(std::isnan(column.last) ? column.extent.hi : column.last);
  }
  if (path.drawing() && line.staircase && holds_until > last_x) path.to(holds_until, last_y);
  return path;
}

void draw_line(const PlotLine& line, std::int64_t until, page::Plot& out) {
  constexpr std::size_t kMostGaps = 200;
  const std::vector<run::Stretch> stretches = line.series->stretches();
  for (std::size_t i = 0; i < stretches.size(); ++i) {
    const bool superseded = i + 1 < stretches.size();
    const double holds_until = superseded ? 0.0 : out.x(static_cast<double>(until));
    out.path(path_of(line, stretches[i], out, holds_until),
             line.style + (superseded ? " undone" : ""));
  }
  const std::vector<std::size_t>& gaps = line.series->gaps();
  for (std::size_t i = 0; i < std::min(gaps.size(), kMostGaps); ++i) {
    out.gap(out.x(static_cast<double>(line.series->step_at(gaps[i]).value)));
  }
}

void draw_mark(const PlotMark& mark, page::Plot& out) {
  const double x = out.x(static_cast<double>(mark.step.value));
  out.begin_hover(mark.text);
  out.line(x, out.top(), x, out.bottom(), mark.style);
  out.triangle(x, out.bottom(), 7, mark.style);
  out.end_hover();
}

}  // namespace

bool SeriesPlot::has_points() const {
  return std::any_of(lines.begin(), lines.end(),
                     [](const PlotLine& line) { return !line.series->empty(); });
}

std::string svg_of(const SeriesPlot& plot) {
  page::Plot out = frame_of(plot);
  draw_shading(plot, out);
  out.number_up(page::ticks(out.up().low, out.up().high, 4));
  out.number_across(page::ticks(0.0, out.across().high, 8, 1.0), "");
  out.base_line();
  for (const PlotLevel& level : plot.levels) {
    out.level_across(level.value, level.label);
  }
  for (const PlotLine& line : plot.lines) draw_line(line, plot.until, out);
  for (const PlotMark& mark : plot.marks) draw_mark(mark, out);
  if (!plot.help.empty()) out.begin_hover(plot.help);
  out.title(plot.title + (plot.unit.empty() ? "" : " (" + plot.unit + ")"));
  if (!plot.help.empty()) out.end_hover();
  std::vector<page::Legend> legend;
  for (const PlotLine& line : plot.lines) legend.push_back({line.name, line.style});
  if (legend.size() > 1) out.legend(legend);
  return out.svg();
}

}  // namespace phaseguard::ctl
