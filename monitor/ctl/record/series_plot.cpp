#include "monitor/ctl/record/series_plot.h"

#include <algorithm>
#include <cmath>

#include "monitor/base/table_text.h"
#include "monitor/page/svg.h"

namespace phaseguard::ctl {

namespace {

constexpr page::Box kBox{
    .width = 720, .height = 190, .left = 52, .right = 10, .top = 22, .bottom = 26};

page::Plot frame_of(const SeriesPlot& plot) {
  double lo = 0.0, hi = 0.0, last = static_cast<double>(plot.last_step);
  for (const PlotLine& line : plot.lines) {
    const run::Extent extent = line.series->extent(0, line.series->size());
    if (extent.good > 0) {
      lo = std::min<double>(lo, extent.lo);
      hi = std::max<double>(hi, extent.hi);
    }
    last = std::max(last, static_cast<double>(line.series->last_step().value));
  }
  // A line far above the data would flatten it; it is then named at the upper edge instead.
  for (const PlotLevel& level : plot.levels) {
    if (level.value <= 3.0 * std::max(hi, 1e-9)) hi = std::max(hi, level.value);
  }
  if (hi <= lo) hi = lo + 1.0;
  const double pad = 0.06 * (hi - lo);
  return {plot.title, kBox, {0.0, std::max(1.0, last)}, {lo < 0.0 ? lo - pad : 0.0, hi + pad}};
}

void draw_shading(const SeriesPlot& plot, page::Plot& out) {
  for (const run::OnInterval& on : plot.shaded) {
    const double from = out.x(static_cast<double>(on.from.value));
    const double to = on.to.value < 0 ? out.right() : out.x(static_cast<double>(on.to.value));
    out.area(from, out.top(), std::max(1.0, to - from), out.bottom() - out.top(), "on");
  }
}

// A gap lifts the pen, so that missing data is never a line.
page::Path path_of(const PlotLine& line, const run::Stretch& stretch, const page::Plot& out,
                   bool superseded) {
  const int columns = static_cast<int>(out.right() - out.left());
  page::Path path;
  double last_y = 0.0;
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
      for (const float value : {column.first, column.extent.lo, column.extent.hi, column.last}) {
        if (!std::isnan(value)) path.to(x, out.y(value));
      }
    }
    last_y = out.y(std::isnan(column.last) ? column.extent.hi : column.last);
  }
  if (path.drawing() && line.staircase && !superseded) path.to(out.right(), last_y);
  return path;
}

void draw_line(const PlotLine& line, page::Plot& out) {
  constexpr std::size_t kMostGaps = 200;
  const std::vector<run::Stretch> stretches = line.series->stretches();
  for (std::size_t i = 0; i < stretches.size(); ++i) {
    const bool superseded = i + 1 < stretches.size();
    out.path(path_of(line, stretches[i], out, superseded),
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
    out.level_across(level.value, level.name + " " + short_number(level.value));
  }
  for (const PlotLine& line : plot.lines) draw_line(line, out);
  for (const PlotMark& mark : plot.marks) draw_mark(mark, out);
  out.title(plot.title + (plot.unit.empty() ? "" : " (" + plot.unit + ")"));
  std::vector<page::Legend> legend;
  for (const PlotLine& line : plot.lines) legend.push_back({line.name, line.style});
  out.legend(legend);
  return out.svg();
}

}  // namespace phaseguard::ctl
