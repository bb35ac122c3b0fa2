// Shapes the plots and panels share, on Dear ImGui's draw list. Drawing thread only. Sizes are in
// pixels and come from the font's size, never from constants. Text is data, never a format.
#pragma once

#include <imgui.h>

#include <string_view>
#include <vector>

#include "monitor/dashboard/plot/axis.h"
#include "monitor/dashboard/plot/data.h"

namespace phaseguard::plot {

// All text of the dashboard is drawn and measured by these, as printable() shows it
// (monitor/base/printable.h): names of others cannot turn, hide or overwrite what stands beside
// them.
void text_at(ImDrawList& draw, ImVec2 at, ImU32 colour, std::string_view text);
[[nodiscard]] ImVec2 text_size(std::string_view text);
// `text` cut to `width` pixels with "..." at a character boundary.
[[nodiscard]] std::string elided(std::string_view text, float width);
// An ImGui item of text; its line breaks stay.
void say(std::string_view text);

// A tooltip at the mouse with room around its text. Between the two calls go ImGui items.
void begin_tooltip();
void end_tooltip();
// One that holds `text`, wrapped.
void tooltip(std::string_view text);

// Horizontal or slanted line of dashes of `dash` pixels.
void dashed_line(ImDrawList& draw, ImVec2 from, ImVec2 to, ImU32 colour, float thickness,
                 float dash);

enum class Shape { kSquare, kTriangleUp, kTriangleDown, kCircle, kDiamond, kCross, kRing };
// Centred on `at`, about `size` pixels wide.
void shape_at(ImDrawList& draw, ImVec2 at, float size, Shape shape, ImU32 colour);

// The line through `vertices`: bars where a vertex covers a range, an anti-aliased polyline where
// it is one value (chunked: ImGui's index is 16 bits wide), a dot for a value that stands alone,
// and a cross on the lower edge where values were bad, a bar where there are too many for crosses.
struct LineStyle {
  ImU32 colour = 0;
  float thickness = 1.0F;
  bool dashed = false;
  bool dots = false;  // mark each value when they are far enough apart
  bool marks_bad = true;
};
void line_through(ImDrawList& draw, const std::vector<Vertex>& vertices, const Scale& x,
                  const Scale& y, const LineStyle& style);

}  // namespace phaseguard::plot
