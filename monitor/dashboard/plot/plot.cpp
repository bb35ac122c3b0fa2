#include "monitor/dashboard/plot/plot.h"

#include <algorithm>
#include <cmath>

#include "monitor/run/plots.h"

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
  const Extent values = all;
  for (const Threshold& t : spec.thresholds) {
    if (!run::has_room(t.y, values.lo, values.hi)) continue;
    all.lo = std::min(all.lo, t.y);
    all.hi = std::max(all.hi, t.y);
  }
  return all;
}

// Title and, where there is room, what it is of and the legend. The whole title bar explains the
// plot when the mouse rests on it.
void draw_title(const Frame& f, const PlotSpec& spec, ImVec2 title_at, float right) {
  const float gap = 0.6F * f.em;
  const std::string title = elided(spec.title, right - title_at.x);
  const float title_width = text_size(title).x;
  text_at(f.draw, title_at, f.palette.text, title);
  float width = 0.0F;
  if (spec.lines.size() > 1) {
    for (const Line& line : spec.lines) width += text_size(line.label).x + 2.2F * f.em + gap;
  }
  float at = right - width;
  const bool legend = width > 0.0F && at > title_at.x + title_width;  // else the tooltip names them
  const ImVec2 more_at{title_at.x + title_width + 0.5F * f.em, title_at.y};
  const float room = (legend ? at : right) - more_at.x;
  if (!spec.subtitle.empty() && room > 4.0F * f.em) {
    text_at(f.draw, more_at, f.palette.dim, elided(spec.subtitle, room));
  }
  if (!spec.help.empty() && ImGui::IsWindowHovered() &&
      ImGui::IsMouseHoveringRect(title_at, {right, f.lo.y})) {
    tooltip(spec.help);
  }
  if (!legend) return;
  const float middle = title_at.y + 0.55F * f.em;
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

template <class Draw>
void for_steps(const Scale& x, float em, Draw draw) {
  const float width = x.px_hi - x.px_lo;
  const Ticks ticks = nice_ticks(x.range, std::max(2, static_cast<int>(width / (5.0F * em))), true);
  for (int i = 0; i < ticks.count; ++i) {
    draw(std::floor(x.px(ticks.at(i))) + 0.5F, tick_label(ticks.at(i), ticks.step));
  }
}

void draw_axes(const Frame& f) {
  const float height = f.hi.y - f.lo.y;
  const Ticks rows =
      nice_ticks(f.y.range, std::max(2, static_cast<int>(height / (1.3F * f.em)) + 1));
  for (int i = 0; i < rows.count; ++i) {
    const float py = std::floor(f.y.px(rows.at(i))) + 0.5F;
    f.draw.AddLine({f.lo.x, py}, {f.hi.x, py}, f.palette.grid);
    const std::string label = tick_label(rows.at(i), rows.step);
    const ImVec2 size = text_size(label);
    const float top =
        std::clamp(py - 0.5F * size.y, f.lo.y - 0.2F * f.em, f.hi.y - size.y + 0.35F * f.em);
    text_at(f.draw, {f.lo.x - size.x - 0.4F * f.em, top}, f.palette.dim, label);
  }
  for_steps(f.x, f.em, [&](float px, const std::string& /*label*/) {
    f.draw.AddLine({px, f.lo.y}, {px, f.hi.y}, f.palette.grid);
  });
}

void draw_shades(const Frame& f, const Backdrop& backdrop) {
  for (const Shade& shade : backdrop.shades) {
    const float from = std::max(f.x.px(shade.from), f.lo.x);
    const float to = std::min(f.x.px(shade.to), f.hi.x);
    if (to > from) f.draw.AddRectFilled({from, f.lo.y}, {to, f.hi.y}, f.palette.kl_shade);
  }
  if (!std::isfinite(backdrop.stale_from)) return;
  const float from = std::max(f.x.px(backdrop.stale_from), f.lo.x);
  f.draw.PushClipRect({from, f.lo.y}, f.hi, true);
  const float height = f.hi.y - f.lo.y;
  const int lines = static_cast<int>((f.hi.x + height - from) / (0.6F * f.em));
  for (int i = 0; i < lines; ++i) {
    const float at = from + 0.6F * f.em * static_cast<float>(i);
    f.draw.AddLine({at, f.lo.y}, {at - height, f.hi.y}, faded(f.palette.stale, 0.35F));
  }
  f.draw.PopClipRect();
}

// Where the names of shades go that are wide enough for them: `draw` gets place and name.
template <class Draw>
void for_shade_labels(const Frame& f, const Backdrop& backdrop, Draw draw) {
  for (const Shade& shade : backdrop.shades) {
    const float from = std::max(f.x.px(shade.from), f.lo.x);
    const float to = std::min(f.x.px(shade.to), f.hi.x);
    const float width = text_size(shade.label).x;
    if (to - from <= width + f.em) continue;
    draw(ImVec2{to - width - 0.5F * f.em, f.lo.y + 0.1F * f.em}, shade.label);
  }
}

// Text on the data: what is behind it shows through a little.
void label_at(const Frame& f, ImVec2 at, ImU32 colour, const std::string& text) {
  const ImVec2 size = text_size(text);
  f.draw.AddRectFilled({at.x - 2.0F, at.y}, {at.x + size.x + 2.0F, at.y + size.y},
                       faded(f.palette.plot, 0.75F));
  text_at(f.draw, at, colour, text);
}

// `reserved`: width that is taken at the right end of the topmost line of text.
void draw_thresholds(const Frame& f, const PlotSpec& spec, float reserved) {
  float last_label_y = -1e9F;
  for (const Threshold& t : spec.thresholds) {
    if (!std::isfinite(t.y)) continue;
    const bool above = t.y > f.y.range.hi;
    const bool below = t.y < f.y.range.lo;
    const std::string label = t.label + (above ? " (above)" : below ? " (below)" : "");
    const ImVec2 size = text_size(label);
    float right = f.hi.x - 0.4F * f.em;
    float top = above ? f.lo.y + 1.0F : f.hi.y - size.y - 1.0F;
    if (!above && !below) {
      const float py = std::floor(f.y.px(t.y)) + 0.5F;
      dashed_line(f.draw, {f.lo.x, py}, {f.hi.x, py}, f.palette.threshold, 1.0F, 0.4F * f.em);
      top = py - size.y - 1.0F;
      const bool taken = reserved > 0.0F && top < f.lo.y + 1.1F * f.em;
      const bool wide = f.hi.x - f.lo.x > 2.0F * (reserved + size.x);
      if (top < f.lo.y || (taken && !wide)) top = py + 1.0F;
    }
    if (top < f.lo.y + 1.1F * f.em) right -= reserved;
    if (std::abs(top - last_label_y) < size.y) continue;
    last_label_y = top;
    label_at(f, {right - size.x, top}, f.palette.threshold, label);
  }
}

// Draws the markers; gives the id of the one under the mouse, -1: none.
int draw_markers(const Frame& f, const Backdrop& backdrop, bool texts) {
  const ImVec2 mouse = ImGui::GetIO().MousePos;
  int under_mouse = -1;
  float text_from = f.lo.x;
  for (const Marker& marker : backdrop.markers) {
    if (!f.x.range.contains(marker.x)) continue;
    const float px = std::floor(f.x.px(marker.x)) + 0.5F;
    f.draw.AddLine({px, f.lo.y}, {px, f.hi.y}, faded(marker.colour, 0.55F));
    const ImVec2 at{px, f.hi.y - 0.45F * f.em};
    shape_at(f.draw, at, 0.8F * f.em, marker.shape, marker.colour);
    if (std::abs(mouse.x - at.x) < 0.6F * f.em && std::abs(mouse.y - at.y) < 0.8F * f.em) {
      under_mouse = marker.id;
    }
    if (!texts || marker.text.empty()) continue;
    const float width = text_size(marker.text).x;
    float left = px + 0.4F * f.em;
    if (left + width > f.hi.x) left = px - 0.4F * f.em - width;
    if (left < text_from) continue;
    label_at(f, {left, f.lo.y + 0.1F * f.em}, f.palette.text, marker.text);
    text_from = left + width + 0.5F * f.em;
  }
  return under_mouse;
}

void draw_tooltip(const PlotSpec& spec, const Backdrop& backdrop, const TimeAxis& time) {
  begin_tooltip();
  std::string head = "step " + tick_label(std::round(time.cursor), 1.0);
  say(head);
  for (const Line& line : spec.lines) {
    if (line.data == nullptr) continue;
    const auto near = line.data->nearest(time.cursor);
    if (!near) continue;
    std::string text =
        line.label + "  " + value_label(near->y) + "  at " + tick_label(near->x, 1.0);
    ImGui::PushStyleColor(ImGuiCol_Text, line.style.colour);
    say(text);
    ImGui::PopStyleColor();
  }
  for (const Marker& marker : backdrop.markers) {
    if (std::abs(marker.x - time.cursor) > 0.01 * time.view.span() || marker.text.empty()) continue;
    say(marker.text);
  }
  end_tooltip();
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

DataArea data_area(ImVec2 origin, ImVec2 size, bool step_labels) {
  const float em = ImGui::GetFontSize();
  const float foot = step_labels ? step_labels_height() : 0.3F * em;
  return {{origin.x + 3.4F * em, origin.y + 1.5F * em},
          {origin.x + size.x - 0.8F * em, origin.y + size.y - foot}};
}

void draw_step_labels(const Palette& palette, const TimeAxis& time, ImVec2 origin, float width) {
  const float em = ImGui::GetFontSize();
  ImDrawList& draw = *ImGui::GetWindowDrawList();
  const DataArea area = data_area(origin, {width, 0.0F}, false);
  for_steps({time.view, area.lo.x, area.hi.x}, em, [&](float px, const std::string& label) {
    const float half = 0.5F * text_size(label).x;
    const float at = std::clamp(px, area.lo.x + half, area.hi.x - half);  // never cut at the edge
    text_at(draw, {at - half, origin.y + 0.2F * em}, palette.dim, label);
  });
}

PlotEvents draw_plot(const PlotSpec& spec, const Palette& palette, TimeAxis& time,
                     ValueAxis& values, ImVec2 origin, ImVec2 size) {
  const float em = ImGui::GetFontSize();
  ImDrawList& draw = *ImGui::GetWindowDrawList();
  const auto [lo, hi] = data_area(origin, size, spec.step_labels);
  PlotEvents events;
  if (hi.x - lo.x < 4.0F * em || hi.y - lo.y < 1.5F * em) return events;

  if (values.automatic) {
    const Extent e = extent_in_sight(spec, time.view);
    const run::ValueRange range = run::value_range(e.lo, e.hi, spec.min, spec.max);
    values.view = {range.lo, range.hi};
  }
  const Frame f{
      draw,
      palette,
      em,
      lo,
      hi,
      {time.view, lo.x, hi.x},
      {values.view, hi.y - 0.2F * em, lo.y}};  // a line at the lower end is not half hidden
  static const Backdrop kNothing;
  const Backdrop& backdrop = spec.backdrop != nullptr ? *spec.backdrop : kNothing;
  ImGui::PushID(spec.id.c_str());
  ImGui::SetCursorScreenPos(lo);
  ImGui::InvisibleButton("data", {hi.x - lo.x, hi.y - lo.y});
  events.hovered = ImGui::IsItemHovered();
  if (events.hovered) {
    time.cursor = f.x.value(ImGui::GetIO().MousePos.x);
    interact(f, time, values);
  }
  draw.AddRectFilled(lo, hi, palette.plot);
  draw.PushClipRect(lo, hi, true);
  draw_shades(f, backdrop);
  draw.PopClipRect();
  draw_axes(f);
  if (spec.step_labels) draw_step_labels(palette, time, {origin.x, hi.y}, size.x);
  draw.PushClipRect(lo, hi, true);
  draw_lines(f, spec, values);
  float taken = 0.0F;  // at the right end of the topmost line of text
  if (spec.marker_texts) {
    for_shade_labels(f, backdrop, [&](ImVec2 at, const std::string& /*label*/) {
      taken = std::max(taken, f.hi.x - at.x);
    });
  }
  draw_thresholds(f, spec, taken);
  if (spec.marker_texts) {
    for_shade_labels(f, backdrop, [&](ImVec2 at, const std::string& label) {
      label_at(f, at, f.palette.dim, label);
    });
  }
  const int marker = draw_markers(f, backdrop, spec.marker_texts);
  draw_crosshair(f, spec, time);
  draw.PopClipRect();
  draw.AddRect(lo, hi, palette.border);
  draw_title(f, spec, {lo.x, origin.y + 0.15F * em}, hi.x);
  if (events.hovered) {
    draw_tooltip(spec, backdrop, time);
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
