#include "monitor/ctl/svg_plot.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "monitor/base/html.h"
#include "monitor/base/text.h"

namespace phaseguard::ctl {

namespace {

constexpr double kWidth = 720, kHeight = 190, kLeft = 52, kRight = 10, kTop = 22, kBottom = 26;

// Two decimals are a hundredth of a pixel.
std::string px(double value) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.2f", value);
  return text.data();
}

std::string label(double value) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.4g", value);
  return text.data();
}

// The step of 1, 2 or 5 times a power of ten that puts about `wanted` ticks on a span.
double tick_step(double span, int wanted) {
  const double raw = span / wanted;
  const double magnitude = std::pow(10.0, std::floor(std::log10(raw)));
  for (double factor : {1.0, 2.0, 5.0}) {
    if (factor * magnitude >= raw) return factor * magnitude;
  }
  return 10.0 * magnitude;
}

struct Frame {
  double x_max = 1.0;
  double y_min = 0.0;
  double y_max = 1.0;

  [[nodiscard]] double x(double step) const {
    return kLeft + (kWidth - kLeft - kRight) * step / x_max;
  }
  [[nodiscard]] double y(double value) const {
    return kTop + (kHeight - kTop - kBottom) * (1.0 - (value - y_min) / (y_max - y_min));
  }
};

Frame frame_of(const Plot& plot) {
  Frame frame;
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
  frame.y_min = lo < 0.0 ? lo - pad : 0.0;
  frame.y_max = hi + pad;
  frame.x_max = std::max(1.0, last);
  return frame;
}

std::string text_at(double x, double y, const char* style, const std::string& text) {
  return "<text x='" + px(x) + "' y='" + px(y) + "' class='" + style + "'>" + html(text) +
         "</text>";
}

std::string rule(double x1, double y1, double x2, double y2, const char* style,
                 const std::string& more = "") {
  return "<line x1='" + px(x1) + "' y1='" + px(y1) + "' x2='" + px(x2) + "' y2='" + px(y2) +
         "' class='" + style + "'" + more + "/>";
}

std::string axes(const Frame& frame) {
  std::string out;
  const double y_step = tick_step(frame.y_max - frame.y_min, 4);
  for (double v = std::ceil(frame.y_min / y_step) * y_step; v <= frame.y_max; v += y_step) {
    out += rule(kLeft, frame.y(v), kWidth - kRight, frame.y(v), "grid");
    out += text_at(kLeft - 6, frame.y(v) + 3.5, "tick end", label(std::abs(v) < 1e-12 ? 0.0 : v));
  }
  const double x_step = std::max(1.0, tick_step(frame.x_max, 8));
  for (double s = 0; s <= frame.x_max; s += x_step) {
    out += text_at(frame.x(s), kHeight - kBottom + 14, "tick mid", label(s));
  }
  return out + rule(kLeft, kHeight - kBottom, kWidth - kRight, kHeight - kBottom, "axis");
}

std::string shading(const Plot& plot, const Frame& frame) {
  std::string out;
  for (const run::OnInterval& on : plot.shaded) {
    const double from = frame.x(static_cast<double>(on.from.value));
    const double to = frame.x(on.to.value < 0 ? frame.x_max : static_cast<double>(on.to.value));
    out += "<rect x='" + px(from) + "' y='" + px(kTop) + "' width='" +
           px(std::max(1.0, to - from)) + "' height='" + px(kHeight - kTop - kBottom) +
           "' class='on'/>";
  }
  return out;
}

// One <path> a run of drawable columns: a gap ends it, so that missing data is never a line.
std::string path_of(const PlotLine& line, const run::Stretch& stretch, const Frame& frame,
                    bool superseded) {
  const int columns = static_cast<int>(kWidth - kLeft - kRight);
  std::string d;
  double last_y = 0.0, last_x = 0.0;
  bool pen_down = false;
  for (const run::Column& column : line.series->columns(stretch, 0.0, frame.x_max, columns)) {
    if (column.extent.good == 0) {
      pen_down = false;
      continue;
    }
    const double x = frame.x(column.x);
    if (pen_down && line.staircase) d += "L" + px(x) + " " + px(last_y);
    const bool single = column.extent.lo == column.extent.hi;
    d += (pen_down ? "L" : "M") + px(x) + " " +
         px(frame.y(single ? column.extent.lo : column.first));
    if (!single) {
      d += "L" + px(x) + " " + px(frame.y(column.extent.lo)) + "L" + px(x) + " " +
           px(frame.y(column.extent.hi));
      if (!std::isnan(column.last)) d += "L" + px(x) + " " + px(frame.y(column.last));
    }
    last_y = frame.y(std::isnan(column.last) ? column.extent.hi : column.last);
    last_x = x;
    pen_down = true;
  }
  if (pen_down && line.staircase && !superseded) d += "L" + px(kWidth - kRight) + " " + px(last_y);
  if (pen_down && d.find('L') == std::string::npos) d += "L" + px(last_x + 2) + " " + px(last_y);
  if (d.empty()) return "";
  return "<path d='" + d + "' fill='none' stroke='" + line.colour + "' stroke-width='1.6'" +
         (line.dashed ? " stroke-dasharray='5 3'" : "") + (superseded ? " opacity='.35'" : "") +
         "/>";
}

std::string gap_marks(const PlotLine& line, const Frame& frame) {
  constexpr std::size_t kMost = 200;
  std::string out;
  const std::vector<std::size_t>& gaps = line.series->gaps();
  for (std::size_t i = 0; i < std::min(gaps.size(), kMost); ++i) {
    const double x = frame.x(static_cast<double>(line.series->step_at(gaps[i]).value));
    out += text_at(x, kHeight - kBottom - 3, "hole", "×");
  }
  return out;
}

std::string lines(const Plot& plot, const Frame& frame) {
  std::string out;
  for (const PlotLine& line : plot.lines) {
    const std::vector<run::Stretch> stretches = line.series->stretches();
    for (std::size_t i = 0; i < stretches.size(); ++i) {
      out += path_of(line, stretches[i], frame, i + 1 < stretches.size());
    }
    out += gap_marks(line, frame);
  }
  return out;
}

std::string levels(const Plot& plot, const Frame& frame) {
  std::string out;
  for (const PlotLevel& level : plot.levels) {
    const bool inside = level.value <= frame.y_max;
    const double y = inside ? frame.y(level.value) : kTop;
    if (inside) out += rule(kLeft, y, kWidth - kRight, y, "level");
    out += text_at(kWidth - kRight - 2, y + (inside ? -3.0 : 9.0), "level end",
                   level.name + " " + label(level.value) + (inside ? "" : " (above)"));
  }
  return out;
}

std::string marks(const Plot& plot, const Frame& frame) {
  std::string out;
  for (const PlotMark& mark : plot.marks) {
    const double x = frame.x(static_cast<double>(mark.step.value));
    out += "<g><title>" + html(mark.text) + "</title>" +
           rule(x, kTop, x, kHeight - kBottom, "mark", " stroke='" + mark.colour + "'") +
           "<path d='M" + px(x) + " " + px(kHeight - kBottom) + "l-4 7h8z' fill='" + mark.colour +
           "'/></g>";
  }
  return out;
}

std::string heading(const Plot& plot) {
  std::string out =
      text_at(kLeft, 14, "title", plot.title + (plot.unit.empty() ? "" : " (" + plot.unit + ")"));
  double x = kWidth - kRight;
  for (auto line = plot.lines.rbegin(); line != plot.lines.rend(); ++line) {
    out += text_at(x, 14, "legend end", line->name);
    x -= 6.3 * static_cast<double>(line->name.size()) + 6;
    out += "<line x1='" + px(x - 18) + "' y1='10' x2='" + px(x) + "' y2='10' stroke='" +
           line->colour + "' stroke-width='2'" + (line->dashed ? " stroke-dasharray='5 3'" : "") +
           "/>";
    x -= 28;
  }
  return out;
}

}  // namespace

std::string svg_of(const Plot& plot) {
  const bool has_points = std::any_of(plot.lines.begin(), plot.lines.end(),
                                      [](const PlotLine& line) { return !line.series->empty(); });
  if (!has_points) return "<p class='none'>" + html(plot.title) + ": not measured in this run</p>";
  const Frame frame = frame_of(plot);
  return "<svg viewBox='0 0 " + px(kWidth) + " " + px(kHeight) + "' role='img' aria-label='" +
         html(plot.title) + "'>" + shading(plot, frame) + axes(frame) + levels(plot, frame) +
         lines(plot, frame) + marks(plot, frame) + heading(plot) + "</svg>";
}

}  // namespace phaseguard::ctl
