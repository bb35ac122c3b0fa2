#include "probe/preflight/plots.h"

#include <algorithm>
#include <cmath>

#include "monitor/page/svg.h"

namespace phaseguard::preflight {

namespace {

constexpr page::Box kBox{
    .width = 520, .height = 280, .left = 56, .right = 14, .top = 30, .bottom = 46};
constexpr std::size_t kMaxPoints = 20000;  // more are thinned out evenly: a page stays readable
constexpr int kTicks = 5;

page::Plot frame(const std::string& title, const std::string& x, const std::string& y,
                 const page::Span& across, const page::Span& up) {
  page::Plot plot(title, kBox, across, up);
  plot.title(title);
  plot.number_across(page::ticks(plot.across().low, plot.across().high, kTicks), x);
  plot.number_up(page::ticks(plot.up().low, plot.up().high, kTicks), y);
  return plot;
}

std::string empty_plot(const std::string& title, const std::string& x) {
  page::Plot plot = frame(title, x, "", {}, {});
  plot.nothing_there("no value");
  return plot.svg();
}

}  // namespace

std::string svg_of(const Histogram& histogram) {
  if (histogram.values.empty()) return empty_plot(histogram.title, histogram.x);
  page::Span across;
  for (const double value : histogram.values) across.take(value);
  if (histogram.line) across.take(histogram.line->at);
  const page::Span shown = page::widened(across);
  const std::size_t bins = std::max<std::size_t>(1, histogram.bins);
  const double width = (shown.high - shown.low) / static_cast<double>(bins);
  std::vector<std::size_t> counts(bins, 0);
  for (const double value : histogram.values) {
    ++counts[std::min(static_cast<std::size_t>((value - shown.low) / width), bins - 1)];
  }
  const auto most = static_cast<double>(*std::max_element(counts.begin(), counts.end()));
  page::Plot plot = frame(histogram.title, histogram.x, "samples", shown, {0.0, most});
  for (std::size_t i = 0; i < bins; ++i) {
    if (counts[i] == 0) continue;
    const double left = plot.x(shown.low + width * static_cast<double>(i));
    const double right = plot.x(shown.low + width * static_cast<double>(i + 1));
    const double top = plot.y(static_cast<double>(counts[i]));
    plot.begin_hover(std::to_string(counts[i]));
    plot.area(left + 0.5, top, right - left - 1.0, plot.bottom() - top, "bar");
    plot.end_hover();
  }
  if (histogram.line) plot.level_upright(histogram.line->at, histogram.line->label);
  return plot.svg();
}

std::string svg_of(const Scatter& scatter) {
  std::vector<Point> points;
  page::Span across, up;
  for (const Point& p : scatter.points) {
    if (!std::isfinite(p.x) || !std::isfinite(p.y)) continue;
    points.push_back(p);
    across.take(p.x);
    up.take(p.y);
  }
  if (points.empty()) return empty_plot(scatter.title, scatter.x);
  if (scatter.line) up.take(scatter.line->at);
  page::Plot plot = frame(scatter.title, scatter.x, scatter.y, across, up);
  const std::size_t stride = points.size() / kMaxPoints + 1;
  for (std::size_t i = 0; i < points.size(); i += stride) {
    const double x = plot.x(points[i].x), y = plot.y(points[i].y);
    if (points[i].marked) {
      plot.triangle(x, y - 3.5, 7, "harm");
    } else {
      plot.disc(x, y, 2.6, "dot");
    }
  }
  if (scatter.line) plot.level_across(scatter.line->at, scatter.line->label);
  return plot.svg();
}

}  // namespace phaseguard::preflight
