#include "monitor/dashboard/plot/svg.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "monitor/base/printable.h"
#include "monitor/dashboard/plot/lines.h"

namespace phaseguard::plot {
namespace {

constexpr float kWidth = 900.0F;
constexpr float kHeight = 360.0F;
constexpr float kLeft = 70.0F;
constexpr float kRight = 880.0F;
constexpr float kTop = 40.0F;
constexpr float kBottom = 320.0F;

std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f", std::isfinite(value) ? value : 0.0);
  return text;
}

std::string colour(ImU32 c) {
  char text[96];
  const auto part = [&](int shift) { return static_cast<unsigned>((c >> shift) & 0xFF); };
  std::snprintf(text, sizeof text, "rgba(%u,%u,%u,%.3f)", part(IM_COL32_R_SHIFT),
                part(IM_COL32_G_SHIFT), part(IM_COL32_B_SHIFT), part(IM_COL32_A_SHIFT) / 255.0);
  return text;
}

class Picture {
 public:
  void line(double x1, double y1, double x2, double y2, ImU32 ink, const char* more = "") {
    out_ += "<line x1=\"" + number(x1) + "\" y1=\"" + number(y1) + "\" x2=\"" + number(x2) +
            "\" y2=\"" + number(y2) + "\" stroke=\"" + colour(ink) + "\"" + more + "/>\n";
  }
  void box(double x, double y, double width, double height, ImU32 fill) {
    out_ += "<rect x=\"" + number(x) + "\" y=\"" + number(y) + "\" width=\"" + number(width) +
            "\" height=\"" + number(height) + "\" fill=\"" + colour(fill) + "\"/>\n";
  }
  void text(double x, double y, const char* anchor, ImU32 ink, const std::string& words) {
    out_ += "<text x=\"" + number(x) + "\" y=\"" + number(y) + "\" text-anchor=\"" + anchor +
            "\" fill=\"" + colour(ink) + "\">" + html(words) + "</text>\n";
  }
  void path(const std::string& d, const LineStyle& style, bool pale) {
    if (d.empty()) return;
    out_ += "<path d=\"" + d + "\" fill=\"none\" stroke=\"" +
            colour(pale ? faded(style.colour, 0.5F) : style.colour) + "\" stroke-width=\"1.5\"" +
            (style.dashed ? " stroke-dasharray=\"6 6\"" : "") + "/>\n";
  }
  void raw(const std::string& markup) { out_ += markup; }
  [[nodiscard]] std::string done() { return std::move(out_) + "</svg>\n"; }

 private:
  std::string out_;
};

// A column that holds a range is a stroke from its low to its high.
std::string path_of(const std::vector<Vertex>& vertices, const Scale& x, const Scale& y, bool old) {
  std::string d;
  bool lifted = true;
  for (const Vertex& v : vertices) {
    if (v.hole || v.old != old) {
      lifted = true;
      continue;
    }
    const auto point = [&](double value) { return number(x.px(v.x)) + " " + number(y.px(value)); };
    d += (lifted || v.starts ? "M" : "L") + point(v.lo) + " ";
    if (v.lo != v.hi) d += "L" + point(v.hi) + " ";
    lifted = false;
  }
  return d;
}

void add_axes(const Palette& p, const TimeAxis& time, const ValueAxis& values, const Scale& x,
              const Scale& y, Picture& out) {
  for (const Tick& tick : value_ticks(values.view, values.spread, 6).ticks) {
    out.line(kLeft, y.px(tick.value), kRight, y.px(tick.value), p.grid);
    out.text(kLeft - 6.0, y.px(tick.value) + 4.0, "end", p.dim, value_label(tick.value));
  }
  for (const Tick& tick : x_ticks(time.view, time.kind, 8)) {
    out.line(x.px(tick.value), kTop, x.px(tick.value), kBottom, p.grid);
    out.text(x.px(tick.value), kBottom + 18.0, "middle", p.dim, tick.label);
  }
}

void add_lines(const PlotSpec& spec, const ValueAxis& values, const Scale& x, const Scale& y,
               Picture& out) {
  for (std::size_t i = 0; i < spec.lines.size(); ++i) {
    const Line& line = spec.lines[i];
    if (line.data == nullptr || line.hidden) continue;
    const auto& vertices = values.drawn[i].vertices;
    for (const bool old : {true, false}) out.path(path_of(vertices, x, y, old), line.style, old);
    for (const Vertex& v : vertices) {
      if (v.bad == 0) continue;
      out.text(x.px(v.x), kBottom - 3.0, "middle", line.style.colour, "x");
    }
  }
}

}  // namespace

std::string svg_of(const PlotSpec& spec, const Palette& p, const TimeAxis& time, ValueAxis values) {
  refresh_lines(spec, time.view, static_cast<int>(kRight - kLeft), values);
  fit_values(spec, values);
  const Scale x(time.view, kLeft, kRight);
  const Scale y(values.view, kBottom, kTop, values.spread);
  Picture out;
  out.raw("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"" + number(kWidth) + "\" height=\"" +
          number(kHeight) + "\" font-family=\"sans-serif\" font-size=\"12\">\n");
  out.box(0.0, 0.0, kWidth, kHeight, p.panel);
  out.box(kLeft, kTop, kRight - kLeft, kBottom - kTop, p.plot);
  add_axes(p, time, values, x, y, out);
  out.raw("<clipPath id=\"data\"><rect x=\"" + number(kLeft) + "\" y=\"" + number(kTop) +
          "\" width=\"" + number(kRight - kLeft) + "\" height=\"" + number(kBottom - kTop) +
          "\"/></clipPath>\n<g clip-path=\"url(#data)\">\n");
  add_lines(spec, values, x, y, out);
  for (const Threshold& t : spec.thresholds) {
    if (!values.view.contains(t.y)) continue;
    out.line(kLeft, y.px(t.y), kRight, y.px(t.y), p.threshold, " stroke-dasharray=\"5 5\"");
    out.text(kRight - 4.0, y.px(t.y) - 3.0, "end", p.threshold, t.label);
  }
  out.raw("</g>\n");
  out.text(kLeft, 24.0, "start", p.text, spec.title);
  double at = kRight;
  for (std::size_t i = spec.lines.size(); i-- > 0;) {
    const Line& line = spec.lines[i];
    if (!line.listed || line.hidden || line.data == nullptr) continue;
    out.text(at, 24.0, "end", line.style.colour | IM_COL32_A_MASK, line.label);
    at -= 8.0 * static_cast<double>(line.label.size()) + 16.0;
  }
  return out.done();
}

}  // namespace phaseguard::plot
