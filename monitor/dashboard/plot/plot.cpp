#include "monitor/dashboard/plot/plot.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "monitor/dashboard/plot/band.h"
#include "monitor/dashboard/plot/gestures.h"
#include "monitor/dashboard/plot/labels.h"
#include "monitor/dashboard/plot/lines.h"
#include "monitor/dashboard/plot/title.h"

namespace phaseguard::plot {
namespace {

constexpr float kGutter = 4.4F;  // em: for the labels of the values
constexpr double kLeastSteps = 4.0;
constexpr double kLeastSeconds = 1e-3;

// At least three ticks whatever the height; where that is too little for their labels, every other
// one has its own.
std::string draw_y_axis(const Frame& f) {
  const float height = f.hi.y - f.lo.y;
  const int most = std::max(kLeastTicks, static_cast<int>(height / (1.5F * f.em)) + 1);
  const AxisTicks rows = value_ticks(f.y.range, f.y.spread, most);
  float last = 1e9F;
  for (const Tick& tick : rows.ticks) {
    const float py = std::floor(f.y.px(tick.value)) + 0.5F;
    if (py < f.lo.y - 1.0F || py > f.hi.y + 1.0F) continue;
    f.draw.AddLine({f.lo.x, py}, {f.hi.x, py}, f.palette.grid);
    const std::string label = elided(tick.label, (kGutter - 0.5F) * f.em);
    const ImVec2 size = text_size(label);
    const float top =
        std::clamp(py - 0.5F * size.y, f.lo.y - 0.2F * f.em, f.hi.y - size.y + 0.35F * f.em);
    if (std::abs(top - last) < 0.7F * size.y) continue;  // digits do not touch
    last = top;
    text_at(f.draw, {f.lo.x - size.x - 0.4F * f.em, top}, f.palette.dim, label);
  }
  return rows.base;
}

void draw_x_grid(const Frame& f, const TimeAxis& time) {
  for (const Tick& tick : time.ticks) {
    if (!f.x.range.contains(tick.value)) continue;
    const float px = std::floor(f.x.px(tick.value)) + 0.5F;
    f.draw.AddLine({px, f.lo.y}, {px, f.hi.y}, f.palette.grid);
  }
}

void draw_stale(const Frame& f, const Backdrop& backdrop) {
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

constexpr float kAround = 0.2F;  // em: room beside a word on the data

Label label_of(const Frame& f, std::string text, ImU32 colour) {
  const ImVec2 size = text_size(text);
  return {std::move(text), colour, {size.x + 2.0F * kAround * f.em, size.y}, {}};
}

// The topmost line of words: below the band.
float top_of_words(const Frame& f) { return f.lo.y + kBand * f.em + 1.0F; }

// The names of shades, inside of them.
void add_shade_labels(const Frame& f, const Backdrop& backdrop, std::vector<Label>& labels) {
  for (auto shade = backdrop.shades.rbegin(); shade != backdrop.shades.rend(); ++shade) {
    const float from = std::max(f.x.px(shade->from), f.lo.x) + 0.3F * f.em;
    const float to = std::min(f.x.px(shade->to), f.hi.x) - 0.3F * f.em;
    Label label = label_of(f, shade->label, f.palette.dim);
    if (to - from <= label.size.x) continue;
    for (const float row : {0.0F, label.size.y}) {
      label.places.push_back({to - label.size.x, top_of_words(f) + row});
      label.places.push_back({from, top_of_words(f) + row});
    }
    labels.push_back(std::move(label));
  }
}

// Where the name of a threshold may be: on either side of its line, at either end.
void add_threshold_label(const Frame& f, const Threshold& t, std::vector<Label>& labels) {
  const bool above = t.y > f.y.range.hi;
  const bool below = t.y < f.y.range.lo;
  Label label = label_of(f,
                         t.label + (above   ? " (above)"
                                    : below ? " (below)"
                                            : ""),
                         f.palette.threshold);
  const float height = label.size.y;
  const float py = std::floor(f.y.px(t.y)) + 0.5F;
  std::array<float, 2> rows{py - height - 1.0F, py + 1.0F};
  if (above) rows = {top_of_words(f), top_of_words(f) + height};
  if (below) rows = {f.hi.y - height - 1.0F, f.hi.y - 2.0F * height - 1.0F};
  const float right = f.hi.x - 0.2F * f.em - label.size.x;
  for (const float left : {right, f.lo.x + 0.2F * f.em}) {
    for (const float row : rows) label.places.push_back({left, row});
  }
  labels.push_back(std::move(label));
}

void draw_thresholds(const Frame& f, const PlotSpec& spec, std::vector<Label>& labels) {
  for (const Threshold& t : spec.thresholds) {
    if (!std::isfinite(t.y)) continue;
    if (f.y.range.contains(t.y)) {
      const float py = std::floor(f.y.px(t.y)) + 0.5F;
      dashed_line(f.draw, {f.lo.x, py}, {f.hi.x, py}, f.palette.threshold, 1.0F, 0.4F * f.em);
    }
    add_threshold_label(f, t, labels);
  }
}

// What markers are, beside their lines; the newest first.
void add_marker_labels(const Frame& f, const Backdrop& backdrop, std::vector<Label>& labels) {
  for (auto marker = backdrop.markers.rbegin(); marker != backdrop.markers.rend(); ++marker) {
    if (marker->text.empty() || !f.x.range.contains(marker->x)) continue;
    const float px = std::floor(f.x.px(marker->x)) + 0.5F;
    Label label = label_of(f, marker->text, f.palette.text);
    for (const float row : {0.0F, label.size.y}) {
      label.places.push_back({px + 0.2F * f.em, top_of_words(f) + row});
      label.places.push_back({px - 0.2F * f.em - label.size.x, top_of_words(f) + row});
    }
    labels.push_back(std::move(label));
  }
}

// Text on the data: what is behind it shows through a little.
void draw_labels(const Frame& f, const std::vector<Label>& labels) {
  const auto places = placed(labels, {f.lo.x, f.lo.y + kBand * f.em}, f.hi);
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (!places[i]) continue;
    const ImVec2 at = *places[i];
    f.draw.AddRectFilled(at, {at.x + labels[i].size.x, at.y + labels[i].size.y},
                         faded(f.palette.plot, 0.75F));
    text_at(f.draw, {at.x + kAround * f.em, at.y}, labels[i].colour, labels[i].text);
  }
}

void draw_marker_lines(const Frame& f, const Backdrop& backdrop) {
  for (const Marker& marker : backdrop.markers) {
    if (!f.x.range.contains(marker.x)) continue;
    const float px = std::floor(f.x.px(marker.x)) + 0.5F;
    f.draw.AddLine({px, f.lo.y}, {px, f.hi.y}, faded(marker.colour, 0.55F));
  }
}

// Draws the markers; gives the id of the one under the mouse, -1: none.
int draw_markers(const Frame& f, const Backdrop& backdrop) {
  const ImVec2 mouse = ImGui::GetIO().MousePos;
  int under_mouse = -1;
  for (const Marker& marker : backdrop.markers) {
    if (!f.x.range.contains(marker.x)) continue;
    const ImVec2 at{std::floor(f.x.px(marker.x)) + 0.5F, f.hi.y - 0.45F * f.em};
    shape_at(f.draw, at, 0.8F * f.em, marker.shape, marker.colour);
    if (std::abs(mouse.x - at.x) < 0.6F * f.em && std::abs(mouse.y - at.y) < 0.8F * f.em) {
      under_mouse = marker.id;
    }
  }
  return under_mouse;
}

void draw_tooltip(const PlotSpec& spec, const Backdrop& backdrop, const TimeAxis& time) {
  const bool whole = time.kind == XKind::kStep || time.kind == XKind::kTokens;
  begin_tooltip();
  say(x_label(whole ? std::round(time.cursor) : time.cursor, time.kind));
  for (const Line& line : spec.lines) {
    if (line.data == nullptr || line.hidden) continue;
    const auto near = line.data->nearest(time.cursor);
    if (!near) continue;
    const std::string value = std::isnan(near->y) ? "bad" : value_label(near->y);
    ImGui::PushStyleColor(ImGuiCol_Text, line.style.colour | IM_COL32_A_MASK);
    say(line.label + (line.listed ? "  " : " (raw)  ") + value + "  at " +
        x_label(near->x, time.kind));
    ImGui::PopStyleColor();
  }
  for (const Shade& shade : backdrop.shades) {
    if (time.cursor >= shade.from && time.cursor <= shade.to) say(shade.label);
  }
  for (const Marker& marker : backdrop.markers) {
    if (std::abs(marker.x - time.cursor) > 0.01 * time.view.span() || marker.text.empty()) continue;
    say(marker.text);
  }
  end_tooltip();
}

void draw_crosshair(const Frame& f, const PlotSpec& spec, const TimeAxis& time) {
  if (!f.x.range.contains(time.cursor)) return;
  const float px = std::floor(f.x.px(time.cursor)) + 0.5F;
  f.draw.AddLine({px, f.lo.y}, {px, f.hi.y}, faded(f.palette.text, 0.45F));
  for (const Line& line : spec.lines) {
    if (line.data == nullptr || line.hidden) continue;
    const auto near = line.data->nearest(time.cursor);
    if (!near || std::isnan(near->y) || !f.x.range.contains(near->x)) continue;
    f.draw.AddCircleFilled({f.x.px(near->x), f.y.px(near->y)}, 0.2F * f.em, line.style.colour, 12);
  }
}

// Arrows at the edges where lines leave the picture, one in a width of its own.
void draw_arrows(const Frame& f, const std::vector<Vertex>& vertices, ImU32 colour) {
  const float size = 0.55F * f.em;
  float last_up = -1e9F;
  float last_down = -1e9F;
  for (const Vertex& v : vertices) {
    if (v.hole || !f.x.range.contains(v.x)) continue;
    const float px = f.x.px(v.x);
    if (v.hi > f.y.range.hi && std::abs(px - last_up) > size) {
      shape_at(f.draw, {px, f.lo.y + kBand * f.em + 0.5F * size}, size, Shape::kTriangleUp, colour);
      last_up = px;
    }
    if (v.lo < f.y.range.lo && std::abs(px - last_down) > size) {
      shape_at(f.draw, {px, f.hi.y - 0.5F * size}, size, Shape::kTriangleDown, colour);
      last_down = px;
    }
  }
}

// How many values the arrows stand for.
void draw_beyond(const Frame& f, const PlotSpec& spec, ValueAxis& values,
                 std::vector<Label>& labels) {
  const run::Beyond beyond = count_beyond(spec, f.x.range, values);
  if (beyond.above + beyond.below == 0) return;
  for (std::size_t i = 0; i < spec.lines.size(); ++i) {
    const Line& line = spec.lines[i];
    if (line.data == nullptr || line.hidden) continue;
    draw_arrows(f, values.drawn[i].vertices, line.style.colour | IM_COL32_A_MASK);
  }
  const auto said = [&](std::size_t n, const char* where, float y) {
    if (n == 0) return;
    const std::string many = (beyond.all ? "" : "at least ") + std::to_string(n);
    Label label = label_of(f, many + " " + where, f.palette.text);
    label.places = {{f.lo.x + 0.2F * f.em, y},
                    {f.lo.x + 0.2F * f.em, 0.5F * (f.lo.y + f.hi.y)},
                    {f.hi.x - 0.2F * f.em - label.size.x, y}};
    labels.push_back(std::move(label));
  };
  said(beyond.above, "above", f.lo.y + (kBand + 0.3F) * f.em);
  said(beyond.below, spec.y == YKind::kLog ? "below, or 0 and less" : "below",
       f.hi.y - 1.6F * f.em);
}

void draw_lines(const Frame& f, const PlotSpec& spec, ValueAxis& values) {
  bool any = false;
  for (std::size_t i = 0; i < spec.lines.size(); ++i) {
    const Line& line = spec.lines[i];
    if (line.data == nullptr) continue;
    any = any || !values.drawn[i].vertices.empty();
    if (!line.hidden) line_through(f.draw, values.drawn[i].vertices, f.x, f.y, line.style);
  }
  if (any) return;
  const ImVec2 size = text_size(spec.empty_text);
  text_at(f.draw, {0.5F * (f.lo.x + f.hi.x - size.x), 0.5F * (f.lo.y + f.hi.y - size.y)},
          f.palette.stale, spec.empty_text);
}

}  // namespace

void TimeAxis::begin_frame(Range extent, int max_ticks) {
  full = extent;
  if (!(full.span() >= least_span())) full.hi = full.lo + least_span();
  if (follow) {
    view = full;
    if (last > 0.0) view.lo = std::max(full.lo, full.hi - std::max(last, least_span()));
  }
  ticks = x_ticks(view, kind, max_ticks);
}

double TimeAxis::newer() const { return follow ? 0.0 : std::max(0.0, full.hi - view.hi); }

void TimeAxis::fit() {
  view = full;
  follow = true;
  last = 0.0;
}

double TimeAxis::least_span() const {
  const bool time = kind == XKind::kWall || kind == XKind::kElapsed;
  return time ? kLeastSeconds : kLeastSteps;
}

float step_labels_height() { return 1.4F * ImGui::GetFontSize(); }

DataArea data_area(ImVec2 origin, ImVec2 size, bool step_labels) {
  const float em = ImGui::GetFontSize();
  const float foot = step_labels ? step_labels_height() : 0.3F * em;
  return {{origin.x + kGutter * em, origin.y + 1.5F * em},
          {origin.x + size.x - 0.8F * em, origin.y + size.y - foot}};
}

void draw_step_labels(const Palette& palette, const TimeAxis& time, ImVec2 origin, float width) {
  const float em = ImGui::GetFontSize();
  ImDrawList& draw = *ImGui::GetWindowDrawList();
  const DataArea area = data_area(origin, {width, 0.0F}, false);
  const Scale x{time.view, area.lo.x, area.hi.x};
  float last = -1e9F;
  for (const Tick& tick : time.ticks) {
    if (!time.view.contains(tick.value)) continue;
    const float half = 0.5F * text_size(tick.label).x;
    const float at = std::clamp(x.px(tick.value), area.lo.x + half, area.hi.x - half);  // not cut
    if (at - half < last) continue;
    last = at + half + 0.5F * em;
    text_at(draw, {at - half, origin.y + 0.2F * em}, palette.dim, tick.label);
  }
}

namespace {

void take_dropped(PlotEvents& events) {
  if (!ImGui::BeginDragDropTarget()) return;
  const ImGuiPayload* payload = ImGui::AcceptDragDropPayload(kSignalPayload);
  if (payload != nullptr) {
    events.dropped.assign(static_cast<const char*>(payload->Data),
                          static_cast<std::size_t>(payload->DataSize));
  }
  ImGui::EndDragDropTarget();
}

}  // namespace

PlotEvents draw_plot(const PlotSpec& spec, const Palette& palette, TimeAxis& time,
                     ValueAxis& values, ImVec2 origin, ImVec2 size) {
  const float em = ImGui::GetFontSize();
  ImDrawList& draw = *ImGui::GetWindowDrawList();
  const auto [lo, hi] = data_area(origin, size, spec.step_labels);
  PlotEvents events;
  if (hi.x - lo.x < 4.0F * em || hi.y - lo.y < 1.5F * em) return events;

  refresh_lines(spec, time.view, std::max(1, static_cast<int>(hi.x - lo.x)), values);
  fit_values(spec, values);
  const Frame f{draw,
                palette,
                em,
                lo,
                hi,
                {time.view, lo.x, hi.x},
                // a line at an end is not half hidden, nor by the band
                {values.view, hi.y - 0.2F * em, lo.y + kBand * em, values.spread}};
  static const Backdrop kNothing;
  const Backdrop& backdrop = spec.backdrop != nullptr ? *spec.backdrop : kNothing;
  ImGui::PushID(spec.id.c_str());
  ImGui::SetCursorScreenPos(lo);
  ImGui::InvisibleButton("data", {hi.x - lo.x, hi.y - lo.y},
                         ImGuiButtonFlags_MouseButtonLeft | ImGuiButtonFlags_MouseButtonRight);
  events.hovered = ImGui::IsItemHovered();
  if (events.hovered) time.cursor = f.x.value(ImGui::GetIO().MousePos.x);
  events.menu = interact(f, spec.id, time, values);
  take_dropped(events);
  draw.AddRectFilled(lo, hi, palette.plot);
  draw.PushClipRect(lo, hi, true);
  draw_stale(f, backdrop);
  draw.PopClipRect();
  const std::string base = draw_y_axis(f);
  draw_x_grid(f, time);
  if (spec.step_labels) draw_step_labels(palette, time, {origin.x, hi.y}, size.x);
  draw.PushClipRect(lo, hi, true);
  draw_lines(f, spec, values);
  std::vector<Label> labels;
  draw_beyond(f, spec, values, labels);
  draw_thresholds(f, spec, labels);
  if (spec.marker_texts) {
    add_shade_labels(f, backdrop, labels);
    add_marker_labels(f, backdrop, labels);
  }
  draw_marker_lines(f, backdrop);
  draw_labels(f, labels);
  draw_band(f, backdrop);
  const int marker = draw_markers(f, backdrop);
  draw_crosshair(f, spec, time);
  draw_drag(f, spec.id, time);
  draw.PopClipRect();
  draw.AddRect(lo, hi, palette.border);
  draw_title(f, spec, base, {lo.x, origin.y + 0.15F * em}, hi.x, events);
  if (events.hovered && time.drag == Drag::kNone) {
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
