#include "probe/preflight/plots.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "monitor/base/html.h"

namespace phaseguard::preflight {

namespace {

constexpr double kWidth = 520, kHeight = 280;
constexpr double kLeft = 56, kRight = 14, kTop = 30, kBottom = 46;
constexpr std::size_t kMaxPoints = 20000;  // more are thinned out evenly: a page stays readable

std::string text(double value, const char* format = "%.1f") {
  std::array<char, 40> out{};
  std::snprintf(out.data(), out.size(), format, value);
  return out.data();
}

struct Axis {
  double low = 0.0, high = 1.0;
  [[nodiscard]] double share(double value) const { return (value - low) / (high - low); }
};

// Covers every value and the line, never empty.
Axis axis_of(const std::vector<double>& values, const std::optional<Line>& line) {
  Axis axis{INFINITY, -INFINITY};
  const auto take = [&](double v) {
    axis.low = std::min(axis.low, v);
    axis.high = std::max(axis.high, v);
  };
  for (double v : values) take(v);
  if (line && std::isfinite(line->at)) take(line->at);
  if (!(axis.high > axis.low)) {
    const double pad = std::max(0.5, 0.05 * std::fabs(axis.low));
    axis = {axis.low - pad, axis.low + pad};
  }
  return axis;
}

double x_at(double share) { return kLeft + share * (kWidth - kLeft - kRight); }
double y_at(double share) { return kHeight - kBottom - share * (kHeight - kTop - kBottom); }

std::string frame(const std::string& title, const std::string& x, const std::string& y,
                  const Axis& across, const Axis& up) {
  std::string out = "<svg viewBox='0 0 " + text(kWidth, "%.0f") + " " + text(kHeight, "%.0f") +
                    "' role='img' aria-label='" + html(title) + "'><text class='title' x='" +
                    text(kLeft) + "' y='18'>" + html(title) + "</text>";
  for (int i = 0; i <= 4; ++i) {
    const double share = i / 4.0;
    out += "<line class='grid' x1='" + text(kLeft) + "' x2='" + text(kWidth - kRight) + "' y1='" +
           text(y_at(share)) + "' y2='" + text(y_at(share)) + "'/><text class='end' x='" +
           text(kLeft - 6) + "' y='" + text(y_at(share) + 4) + "'>" +
           text(up.low + share * (up.high - up.low), "%.3g") + "</text><text class='mid' x='" +
           text(x_at(share)) + "' y='" + text(kHeight - kBottom + 16) + "'>" +
           text(across.low + share * (across.high - across.low), "%.3g") + "</text>";
  }
  return out + "<text class='mid' x='" + text(x_at(0.5)) + "' y='" + text(kHeight - 8) + "'>" +
         html(x) + "</text><text class='mid' transform='translate(13 " + text(y_at(0.5)) +
         ") rotate(-90)'>" + html(y) + "</text>";
}

std::string empty_plot(const std::string& title, const std::string& x) {
  return frame(title, x, "", {0, 1}, {0, 1}) + "<text class='hole' x='" + text(x_at(0.5)) +
         "' y='" + text(y_at(0.5)) + "'>no value</text></svg>";
}

}  // namespace

std::string svg_of(const Histogram& histogram) {
  if (histogram.values.empty()) return empty_plot(histogram.title, histogram.x);
  const Axis across = axis_of(histogram.values, histogram.line);
  const std::size_t bins = std::max<std::size_t>(1, histogram.bins);
  std::vector<std::size_t> counts(bins, 0);
  for (double v : histogram.values) {
    const auto bin = static_cast<std::size_t>(across.share(v) * static_cast<double>(bins));
    ++counts[std::min(bin, bins - 1)];
  }
  const Axis up{0.0, static_cast<double>(*std::max_element(counts.begin(), counts.end()))};
  std::string out = frame(histogram.title, histogram.x, "samples", across, up);
  const double step = x_at(1.0 / static_cast<double>(bins)) - x_at(0.0);
  for (std::size_t i = 0; i < bins; ++i) {
    if (counts[i] == 0) continue;
    const double top = y_at(up.share(static_cast<double>(counts[i])));
    out += "<rect class='bar' x='" +
           text(x_at(static_cast<double>(i) / static_cast<double>(bins)) + 0.5) + "' y='" +
           text(top) + "' width='" + text(step - 1.0) + "' height='" + text(y_at(0.0) - top) +
           "'><title>" + std::to_string(counts[i]) + "</title></rect>";
  }
  if (histogram.line) {
    const double x = x_at(across.share(histogram.line->at));
    out += "<line class='level' x1='" + text(x) + "' x2='" + text(x) + "' y1='" + text(kTop) +
           "' y2='" + text(y_at(0.0)) + "'/><text class='level' x='" + text(x + 4) + "' y='" +
           text(kTop + 10) + "'>" + html(histogram.line->label) + "</text>";
  }
  return out + "</svg>";
}

std::string svg_of(const Scatter& scatter) {
  std::vector<Point> points;
  for (const Point& p : scatter.points) {
    if (std::isfinite(p.x) && std::isfinite(p.y)) points.push_back(p);
  }
  if (points.empty()) return empty_plot(scatter.title, scatter.x);
  std::vector<double> xs, ys;
  for (const Point& p : points) {
    xs.push_back(p.x);
    ys.push_back(p.y);
  }
  const Axis across = axis_of(xs, std::nullopt), up = axis_of(ys, scatter.line);
  std::string out = frame(scatter.title, scatter.x, scatter.y, across, up);
  const std::size_t stride = points.size() / kMaxPoints + 1;
  for (std::size_t i = 0; i < points.size(); i += stride) {
    const std::string x = text(x_at(across.share(points[i].x)));
    const std::string y = text(y_at(up.share(points[i].y)));
    out += points[i].marked ? "<path class='flag' d='M" + x + " " + y + "m-4 3.5h8l-4 -7z'/>"
                            : "<circle class='dot' cx='" + x + "' cy='" + y + "' r='2.6'/>";
  }
  if (scatter.line) {
    const double y = y_at(up.share(scatter.line->at));
    out += "<line class='level' x1='" + text(kLeft) + "' x2='" + text(kWidth - kRight) + "' y1='" +
           text(y) + "' y2='" + text(y) + "'/><text class='level' x='" + text(kLeft + 4) + "' y='" +
           text(y - 4) + "'>" + html(scatter.line->label) + "</text>";
  }
  return out + "</svg>";
}

}  // namespace phaseguard::preflight
