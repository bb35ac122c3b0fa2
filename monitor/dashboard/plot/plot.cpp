#include "monitor/dashboard/plot/plot.h"

#include <algorithm>
#include <cmath>

namespace phaseguard::plot {
namespace {

constexpr double kZoomPerNotch = 0.8;
constexpr double kLeastSpan = 4.0;  // steps

struct Frame {
  ImDrawList& draw;
  const Palette& palette;
  float em;
  ImVec2 lo;  // data area, top left
  ImVec2 hi;  // bottom right
  Scale x;
  Scale y;
};

Extent extent_in_sight(const PlotSpec& spec, Range x) {
  Extent all;
  for (const Line& line : spec.lines) {
    if (line.data == nullptr) continue;
    const Extent e = line.data->extent(x);
    all.lo = std::min(all.lo, e.lo);
    all.hi = std::max(all.hi, e.hi);
  }
  for (const Threshold& t : spec.thresholds) {
    if (!std::isfinite(t.y)) continue;
    all.lo = std::min(all.lo, t.y);
    all.hi = std::max(all.hi, t.y);
  }
  return all;
}

void draw_legend(const Frame& f, const PlotSpec& spec, ImVec2 title_at, float right) {
  const float gap = 0.6F * f.em;
  float width = 0.0F;
  for (const Line& line : spec.lines) width += text_size(line.label).x + 2.2F * f.em + gap;
  float at = right - width;
  const float title_width = text_size(spec.title).x;
  const float middle = title_at.y + 0.55F * f.em;
  text_at(f.draw, title_at, f.palette.text, spec.title);
  const ImVec2 unit_at{title_at.x + title_width + 0.5F * f.em, title_at.y};
  if (!spec.unit.empty() && unit_at.x + text_size(spec.unit).x < at) {
    text_at(f.draw, unit_at, f.palette.dim, spec.unit);
  }
  if (at < title_at.x + title_width) return;  // too narrow: the tooltip names the lines
  for (const Line& line : spec.lines) {
    const ImU32 colour = line.data != nullptr ? line.style.colour : f.palette.stale;
    const ImVec2 from{at + gap, middle};
    const ImVec2 to{at + gap + 1.5F * f.em, middle};
    if (line.style.dashed) {
      dashed_line(f.draw, from, to, colour, line.style.thickness, line.style.thickness * 3.0F);
    } else {
      f.draw.AddLine(from, to, colour, line.style.thickness * 1.3F);
    }
    text_at(f.draw, {to.x + 0.35F * f.em, title_at.y}, f.palette.dim, line.label);
    at += text_size(line.label).x + 2.2F * f.em + gap;
  }
}

void draw_axes(const Frame& f, bool step_labels) {
  const float height = f.hi.y - f.lo.y;
  const Ticks rows = nice_ticks(f.y.range, std::max(2, static_cast<int>(height / (1.7F * f.em))));
  for (int i = 0; i < rows.count; ++i) {
    const float py = std::floor(f.y.px(rows.at(i))) + 0.5F;
    f.draw.AddLine({f.lo.x, py}, {f.hi.x, py}, f.palette.grid);
    const std::string label = tick_label(rows.at(i), rows.step);
    const ImVec2 size = text_size(label);
    const float top =
        std::clamp(py - 0.5F * size.y, f.lo.y - 0.2F * f.em, f.hi.y - size.y + 0.35F * f.em);
    text_at(f.draw, {f.lo.x - size.x - 0.4F * f.em, top}, f.palette.dim, label);
  }
  const float width = f.hi.x - f.lo.x;
  const Ticks columns =
      nice_ticks(f.x.range, std::max(2, static_cast<int>(width / (5.0F * f.em))), true);
  for (int i = 0; i < columns.count; ++i) {
    const float px = std::floor(f.x.px(columns.at(i))) + 0.5F;
    f.draw.AddLine({px, f.lo.y}, {px, f.hi.y}, f.palette.grid);
    if (!step_labels) continue;
    const std::string label = tick_label(columns.at(i), columns.step);
    const float half = 0.5F * text_size(label).x;
    const float at = std::clamp(px, f.lo.x + half, f.hi.x - half);  // never cut at the edge
    text_at(f.draw, {at - half, f.hi.y + 0.2F * f.em}, f.palette.dim, label);
  }
}

void draw_shades(const Frame& f, const PlotSpec& spec) {
  for (const Shade& shade : spec.shades) {
    const float from = std::max(f.x.px(shade.from), f.lo.x);
    const float to = std::min(f.x.px(shade.to), f.hi.x);
    if (to <= from) continue;
    f.draw.AddRectFilled({from, f.lo.y}, {to, f.hi.y}, f.palette.kl_shade);
    const float width = text_size(shade.label).x;
    if (to - from > width + f.em) {
      text_at(f.draw, {to - width - 0.5F * f.em, f.lo.y + 0.1F * f.em}, f.palette.dim, shade.label);
    }
  }
  if (std::isfinite(spec.stale_from)) {
    const float from = std::max(f.x.px(spec.stale_from), f.lo.x);
    f.draw.PushClipRect({from, f.lo.y}, f.hi, true);
    const float height = f.hi.y - f.lo.y;
    const int lines = static_cast<int>((f.hi.x + height - from) / (0.6F * f.em));
    for (int i = 0; i < lines; ++i) {
      const float at = from + 0.6F * f.em * static_cast<float>(i);
      f.draw.AddLine({at, f.lo.y}, {at - height, f.hi.y}, faded(f.palette.stale, 0.35F));
    }
    f.draw.PopClipRect();
  }
}

// Text on the data: what is behind it shows through a little.
void label_at(const Frame& f, ImVec2 at, ImU32 colour, const std::string& text) {
  const ImVec2 size = text_size(text);
  f.draw.AddRectFilled({at.x - 2.0F, at.y}, {at.x + size.x + 2.0F, at.y + size.y},
                       faded(f.palette.plot, 0.75F));
  text_at(f.draw, at, colour, text);
}

void draw_thresholds(const Frame& f, const PlotSpec& spec) {
  float last_label_y = -1e9F;
  for (const Threshold& t : spec.thresholds) {
    if (!f.y.range.contains(t.y)) continue;
    const float py = std::floor(f.y.px(t.y)) + 0.5F;
    dashed_line(f.draw, {f.lo.x, py}, {f.hi.x, py}, f.palette.threshold, 1.0F, 0.4F * f.em);
    const ImVec2 size = text_size(t.label);
    float top = py - size.y - 1.0F;
    if (top < f.lo.y) top = py + 1.0F;
    if (std::abs(top - last_label_y) < size.y) continue;
    last_label_y = top;
    const ImVec2 at{f.hi.x - size.x - 0.4F * f.em, top};
    label_at(f, at, f.palette.threshold, t.label);
  }
}

// Draws the markers; gives the id of the one under the mouse, -1: none.
int draw_markers(const Frame& f, const PlotSpec& spec) {
  const ImVec2 mouse = ImGui::GetIO().MousePos;
  int under_mouse = -1;
  float text_from = f.lo.x;
  for (const Marker& marker : spec.markers) {
    if (!f.x.range.contains(marker.x)) continue;
    const float px = std::floor(f.x.px(marker.x)) + 0.5F;
    f.draw.AddLine({px, f.lo.y}, {px, f.hi.y}, faded(marker.colour, 0.55F));
    const ImVec2 at{px, f.hi.y - 0.45F * f.em};
    shape_at(f.draw, at, 0.8F * f.em, marker.shape, marker.colour);
    if (std::abs(mouse.x - at.x) < 0.6F * f.em && std::abs(mouse.y - at.y) < 0.8F * f.em) {
      under_mouse = marker.id;
    }
    if (!spec.marker_texts || marker.text.empty()) continue;
    const float width = text_size(marker.text).x;
    float left = px + 0.4F * f.em;
    if (left + width > f.hi.x) left = px - 0.4F * f.em - width;
    if (left < text_from) continue;
    label_at(f, {left, f.lo.y + 0.1F * f.em}, f.palette.text, marker.text);
    text_from = left + width + 0.5F * f.em;
  }
  return under_mouse;
}

void draw_tooltip(const PlotSpec& spec, const TimeAxis& time) {
  ImGui::BeginTooltip();
  std::string head = "step " + tick_label(std::round(time.cursor), 1.0);
  ImGui::TextUnformatted(head.data(), head.data() + head.size());
  for (const Line& line : spec.lines) {
    if (line.data == nullptr) continue;
    const auto near = line.data->nearest(time.cursor);
    if (!near) continue;
    std::string text =
        line.label + "  " + value_label(near->y) + "  at " + tick_label(near->x, 1.0);
    ImGui::PushStyleColor(ImGuiCol_Text, line.style.colour);
    ImGui::TextUnformatted(text.data(), text.data() + text.size());
    ImGui::PopStyleColor();
  }
  for (const Marker& marker : spec.markers) {
    if (std::abs(marker.x - time.cursor) > 0.01 * time.view.span() || marker.text.empty()) continue;
    ImGui::TextUnformatted(marker.text.data(), marker.text.data() + marker.text.size());
  }
  ImGui::EndTooltip();
}

void interact(const Frame& f, TimeAxis& time, ValueAxis& values) {
  const ImGuiIO& io = ImGui::GetIO();
  const double span_limit = std::max(time.full.span() * 4.0, kLeastSpan);
  if (io.MouseWheel != 0.0F) {
    const double factor = std::pow(kZoomPerNotch, io.MouseWheel);
    if (io.KeyShift) {
      const double full = std::max(f.y.range.span(), 1e-12);
      values.view = zoomed(f.y.range, f.y.value(io.MousePos.y), factor, full * 1e-3, full * 1e3);
      values.automatic = false;
    } else {
      time.view = zoomed(time.view, f.x.value(io.MousePos.x), factor, kLeastSpan, span_limit);
      time.follow = false;
    }
  }
  if (ImGui::IsItemActive() && ImGui::IsMouseDragging(0, 2.0F)) {
    const double dx = -io.MouseDelta.x / (f.hi.x - f.lo.x) * time.view.span();
    time.view = panned(time.view, dx, time.full);
    time.follow = false;
    if (io.KeyShift) {
      const double dy = io.MouseDelta.y / (f.hi.y - f.lo.y) * f.y.range.span();
      values.view = {f.y.range.lo + dy, f.y.range.hi + dy};
      values.automatic = false;
    }
  }
  if (ImGui::IsMouseDoubleClicked(0)) {
    time.view = time.full;
    time.follow = true;
    values.automatic = true;
  }
}

void draw_crosshair(const Frame& f, const PlotSpec& spec, const TimeAxis& time) {
  if (!f.x.range.contains(time.cursor)) return;
  const float px = std::floor(f.x.px(time.cursor)) + 0.5F;
  f.draw.AddLine({px, f.lo.y}, {px, f.hi.y}, faded(f.palette.text, 0.45F));
  for (const Line& line : spec.lines) {
    if (line.data == nullptr) continue;
    const auto near = line.data->nearest(time.cursor);
    if (!near || std::isnan(near->y) || !f.x.range.contains(near->x)) continue;
    f.draw.AddCircleFilled({f.x.px(near->x), f.y.px(near->y)}, 0.2F * f.em, line.style.colour, 12);
  }
}

void draw_lines(const Frame& f, const PlotSpec& spec, ValueAxis& values) {
  bool any = false;
  values.drawn.resize(spec.lines.size());
  const int columns = std::max(1, static_cast<int>(f.hi.x - f.lo.x));
  for (std::size_t i = 0; i < spec.lines.size(); ++i) {
    const Line& line = spec.lines[i];
    if (line.data == nullptr) continue;
    ValueAxis::Drawn& drawn = values.drawn[i];
    const Stamp stamp = line.data->stamp();
    if (!(drawn.stamp == stamp) || drawn.x.lo != f.x.range.lo || drawn.x.hi != f.x.range.hi ||
        drawn.columns != columns) {
      drawn.vertices.clear();
      line.data->vertices(f.x.range, columns, drawn.vertices);
      drawn.stamp = stamp;
      drawn.x = f.x.range;
      drawn.columns = columns;
    }
    any = any || !drawn.vertices.empty();
    line_through(f.draw, drawn.vertices, f.x, f.y, line.style);
  }
  if (any) return;
  const ImVec2 size = text_size(spec.empty_text);
  text_at(f.draw, {0.5F * (f.lo.x + f.hi.x - size.x), 0.5F * (f.lo.y + f.hi.y - size.y)},
          f.palette.stale, spec.empty_text);
}

}  // namespace

void TimeAxis::begin_frame(Range extent) {
  full = extent;
  if (!(full.span() >= kLeastSpan)) full.hi = full.lo + kLeastSpan;
  if (follow) view = full;
}

float step_labels_height() { return 1.4F * ImGui::GetFontSize(); }

PlotEvents draw_plot(const PlotSpec& spec, const Palette& palette, TimeAxis& time,
                     ValueAxis& values, ImVec2 origin, ImVec2 size) {
  const float em = ImGui::GetFontSize();
  ImDrawList& draw = *ImGui::GetWindowDrawList();
  const float foot = spec.step_labels ? step_labels_height() : 0.3F * em;
  const ImVec2 lo{origin.x + 3.4F * em, origin.y + 1.5F * em};
  const ImVec2 hi{origin.x + size.x - 0.8F * em, origin.y + size.y - foot};
  PlotEvents events;
  if (hi.x - lo.x < 4.0F * em || hi.y - lo.y < 1.5F * em) return events;

  if (values.automatic) {
    const Extent e = extent_in_sight(spec, time.view);
    values.view = fitted(e.lo, e.hi);
  }
  const Frame f{
      draw,
      palette,
      em,
      lo,
      hi,
      {time.view, lo.x, hi.x},
      {values.view, hi.y - 0.2F * em, lo.y}};  // a line at the lower end is not half hidden
  ImGui::PushID(spec.id);
  ImGui::SetCursorScreenPos(lo);
  ImGui::InvisibleButton("data", {hi.x - lo.x, hi.y - lo.y});
  events.hovered = ImGui::IsItemHovered();
  if (events.hovered) {
    time.cursor = f.x.value(ImGui::GetIO().MousePos.x);
    interact(f, time, values);
  }
  draw.AddRectFilled(lo, hi, palette.plot);
  draw.PushClipRect(lo, hi, true);
  draw_shades(f, spec);
  draw.PopClipRect();
  draw_axes(f, spec.step_labels);
  draw.PushClipRect(lo, hi, true);
  draw_lines(f, spec, values);
  draw_thresholds(f, spec);
  const int marker = draw_markers(f, spec);
  draw_crosshair(f, spec, time);
  draw.PopClipRect();
  draw.AddRect(lo, hi, palette.border);
  draw_legend(f, spec, {lo.x, origin.y + 0.15F * em}, hi.x);
  if (events.hovered) {
    draw_tooltip(spec, time);
    if (marker >= 0 && ImGui::IsMouseClicked(0)) events.clicked_marker = marker;
  }
  ImGui::PopID();
  return events;
}

void draw_sparkline(ImDrawList& draw, const Data& data, Range x, ImVec2 origin, ImVec2 size,
                    ImU32 colour) {
  static thread_local std::vector<Vertex> scratch;
  scratch.clear();
  data.vertices(x, std::max(1, static_cast<int>(size.x)), scratch);
  const Extent e = data.extent(x);
  if (e.empty()) return;
  const Scale sx{x, origin.x, origin.x + size.x};
  const Scale sy{fitted(e.lo, e.hi), origin.y + size.y, origin.y};
  draw.PushClipRect(origin, {origin.x + size.x, origin.y + size.y}, true);
  line_through(draw, scratch, sx, sy, {.colour = colour, .thickness = 1.2F});
  draw.PopClipRect();
}

}  // namespace phaseguard::plot
