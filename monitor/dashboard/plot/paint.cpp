#include "monitor/dashboard/plot/paint.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "monitor/base/printable.h"
#include "monitor/dashboard/plot/glyphs.h"
#include "monitor/dashboard/plot/palette.h"

namespace phaseguard::plot {
namespace {

constexpr std::size_t kChunk = 8000;  // vertices of one AddPolyline; its index is 16 bits wide

void stroke(ImDrawList& draw, const std::vector<ImVec2>& points, const LineStyle& style) {
  if (points.size() < 2) return;
  if (style.dashed) {
    for (std::size_t i = 1; i < points.size(); ++i) {
      dashed_line(draw, points[i - 1], points[i], style.colour, style.thickness,
                  style.thickness * 4.0F);
    }
    return;
  }
  for (std::size_t first = 0; first + 1 < points.size(); first += kChunk - 1) {
    const std::size_t count = std::min(kChunk, points.size() - first);
    draw.AddPolyline(points.data() + first, static_cast<int>(count), style.colour, ImDrawFlags_None,
                     style.thickness);
  }
}

ImVec2 size_of(std::string_view shown) {
  return ImGui::CalcTextSize(shown.data(), shown.data() + shown.size());
}

// A run of vertices that belong together.
class Runs {
 public:
  Runs(ImDrawList& draw, const Scale& x, const Scale& y, const LineStyle& style)
      : draw_(draw), x_(x), y_(y), style_(style) {}

  void add(const Vertex& v, bool bar) {
    const float px = x_.px(v.x);
    if (!bar) {
      points_.push_back({px, y_.px(v.lo)});
      return;
    }
    const float bottom = y_.px(v.lo);
    const float top = std::min(y_.px(v.hi), bottom - style_.thickness);
    const bool touches =
        after_bar_ && points_.size() == 1 && top <= bar_bottom_ && bottom >= bar_top_;
    if (touches) {
      points_.clear();  // neighbouring bars overlap: nothing to join
    } else if (!points_.empty()) {
      points_.push_back({px, std::clamp(points_.back().y, top, bottom)});
    }
    flush();
    bar_top_ = top;
    bar_bottom_ = bottom;
    const float half = 0.5F * style_.thickness;
    draw_.AddRectFilled({px - half, top}, {px + half, bottom}, style_.colour);
    points_.push_back({px, 0.5F * (top + bottom)});  // the next value is joined to this bar
    after_bar_ = true;
  }

  void flush() {
    if (points_.size() >= 2) {
      stroke(draw_, points_, style_);
    } else if (points_.size() == 1 && !after_bar_) {
      shape_at(draw_, points_[0], 3.2F * style_.thickness, Shape::kCircle, style_.colour);
    }
    const bool spaced =
        points_.size() >= 2 && (points_.back().x - points_.front().x) >
                                   9.0F * style_.thickness * static_cast<float>(points_.size() - 1);
    if (style_.dots && spaced && !after_bar_) {
      for (const ImVec2& p : points_) {
        draw_.AddCircleFilled(p, 1.7F * style_.thickness, style_.colour, 8);
      }
    }
    points_.clear();
    after_bar_ = false;
  }

 private:
  ImDrawList& draw_;
  const Scale& x_;
  const Scale& y_;
  const LineStyle& style_;
  std::vector<ImVec2> points_;
  bool after_bar_ = false;
  float bar_top_ = 0.0F;
  float bar_bottom_ = 0.0F;
};

}  // namespace

void text_at(ImDrawList& draw, ImVec2 at, ImU32 colour, std::string_view text) {
  if (text.empty()) return;
  const std::string shown = printable(text);
  want_glyphs(shown);
  draw.AddText({std::floor(at.x), std::floor(at.y)}, colour, shown.data(),
               shown.data() + shown.size());
}

ImVec2 text_size(std::string_view text) {
  if (text.empty()) return {0.0F, ImGui::GetFontSize()};
  return size_of(printable(text));
}

std::string elided(std::string_view whole, float width) {
  const std::string text = printable(whole);
  if (text.empty() || size_of(text).x <= width) return text;
  const float room = width - size_of("...").x;
  std::size_t low = 0;
  std::size_t high = text.size();
  while (low < high) {
    const std::size_t middle = (low + high + 1) / 2;
    if (size_of({text.data(), middle}).x <= room) {
      low = middle;
    } else {
      high = middle - 1;
    }
  }
  return std::string(cut_between_characters(text, low)) + "...";
}

void say(std::string_view text) {
  const std::string shown = printable_lines(text);
  ImGui::TextUnformatted(shown.data(), shown.data() + shown.size());
}

void begin_tooltip() {
  const float em = ImGui::GetFontSize();
  ImGui::PushStyleVar(ImGuiStyleVar_WindowPadding, {0.6F * em, 0.45F * em});
  ImGui::BeginTooltip();
}

void end_tooltip() {
  ImGui::EndTooltip();
  ImGui::PopStyleVar();
}

void tooltip(std::string_view text) {
  begin_tooltip();
  ImGui::PushTextWrapPos(34.0F * ImGui::GetFontSize());
  say(text);
  const std::string lacking = unshown(text);
  if (!lacking.empty()) say("no font here has " + lacking);
  ImGui::PopTextWrapPos();
  end_tooltip();
}

void dashed_line(ImDrawList& draw, ImVec2 from, ImVec2 to, ImU32 colour, float thickness,
                 float dash) {
  const float dx = to.x - from.x;
  const float dy = to.y - from.y;
  const float length = std::sqrt(dx * dx + dy * dy);
  if (length <= 0.0F) return;
  constexpr int kMostDashes = 2000;
  dash = std::max(dash, length / kMostDashes);
  // Dashes are placed on a fixed raster, so that the pieces of a long line look like one.
  const bool flat = std::abs(dx) >= std::abs(dy);
  const float start = -std::fmod(flat ? from.x : from.y, 2.0F * dash);
  const int dashes = static_cast<int>(std::ceil((length - start) / (2.0F * dash)));
  for (int i = 0; i < dashes; ++i) {
    const float at = start + 2.0F * dash * static_cast<float>(i);
    const float a = std::clamp(at, 0.0F, length) / length;
    const float b = std::clamp(at + dash, 0.0F, length) / length;
    if (b <= a) continue;
    draw.AddLine({from.x + a * dx, from.y + a * dy}, {from.x + b * dx, from.y + b * dy}, colour,
                 thickness);
  }
}

void shape_at(ImDrawList& draw, ImVec2 at, float size, Shape shape, ImU32 colour) {
  const float h = 0.5F * size;
  switch (shape) {
    case Shape::kSquare:
      draw.AddRectFilled({at.x - h * 0.9F, at.y - h * 0.9F}, {at.x + h * 0.9F, at.y + h * 0.9F},
                         colour);
      break;
    case Shape::kTriangleUp:
      draw.AddTriangleFilled({at.x - h, at.y + h * 0.8F}, {at.x, at.y - h},
                             {at.x + h, at.y + h * 0.8F}, colour);
      break;
    case Shape::kTriangleDown:
      draw.AddTriangleFilled({at.x - h, at.y - h * 0.8F}, {at.x + h, at.y - h * 0.8F},
                             {at.x, at.y + h}, colour);
      break;
    case Shape::kCircle:
      draw.AddCircleFilled(at, h, colour, 16);
      break;
    case Shape::kRing:
      draw.AddCircle(at, h * 0.85F, colour, 16, size * 0.16F);
      break;
    case Shape::kDiamond:
      draw.AddQuadFilled({at.x, at.y - h}, {at.x + h, at.y}, {at.x, at.y + h}, {at.x - h, at.y},
                         colour);
      break;
    case Shape::kCross:
      draw.AddLine({at.x - h, at.y - h}, {at.x + h, at.y + h}, colour, size * 0.2F);
      draw.AddLine({at.x - h, at.y + h}, {at.x + h, at.y - h}, colour, size * 0.2F);
      break;
  }
}

namespace {

// Marks of bad values on the lower edge: a cross each, and a bar where they stand closer than
// crosses can.
class BadMarks {
 public:
  BadMarks(ImDrawList& draw, float edge, const LineStyle& style)
      : draw_(draw),
        size_(5.0F * style.thickness),
        y_(edge - 4.0F * style.thickness),
        colour_(style.colour) {}

  void at(float px) {
    if (px - last_cross_ >= size_) {
      shape_at(draw_, {px, y_}, size_, Shape::kCross, colour_);
      last_cross_ = px;
    } else {
      draw_.AddRectFilled({last_, y_ + 0.5F * size_}, {px + 1.0F, y_ + 0.8F * size_}, colour_);
    }
    last_ = px;
  }
  void begin_stretch() { last_cross_ = -1e9F; }

 private:
  ImDrawList& draw_;
  float size_;
  float y_;
  ImU32 colour_;
  float last_cross_ = -1e9F;
  float last_ = 0.0F;
};

}  // namespace

void line_through(ImDrawList& draw, const std::vector<Vertex>& vertices, const Scale& x,
                  const Scale& y, const LineStyle& style) {
  LineStyle now = style;
  Runs runs(draw, x, y, now);
  for (const Vertex& v : vertices) {
    if (v.starts) {
      runs.flush();
      now.colour = v.old ? faded(style.colour, 0.5F) : style.colour;
    }
    if (!v.hole) runs.add(v, v.lo != v.hi);
  }
  runs.flush();
  if (!style.marks_bad) return;
  BadMarks marks(draw, y.px_lo, style);
  float last = 0.0F;
  for (const Vertex& v : vertices) {
    if (v.bad == 0) continue;
    const float px = x.px(v.x);
    if (px < last) marks.begin_stretch();
    last = px;
    marks.at(px);
  }
}

}  // namespace phaseguard::plot
