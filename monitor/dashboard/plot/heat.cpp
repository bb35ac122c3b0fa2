#include <algorithm>
#include <cmath>

#include "monitor/dashboard/plot/plot.h"

namespace phaseguard::plot {
namespace {

// Cells of one row: each value is shown from its step to the next one, at most `widest` steps.
void draw_row(ImDrawList& draw, const Palette& palette, const std::vector<Vertex>& cells,
              const Scale& x, Range scale, float top, float bottom, float right) {
  for (std::size_t i = 0; i < cells.size(); ++i) {
    const Vertex& cell = cells[i];
    const float from = std::max(x.px(cell.x), x.px_lo);
    float to = i + 1 < cells.size() ? x.px(cells[i + 1].x) : right;
    to = std::min(to, right);
    if (to <= from) continue;
    if (cell.old) continue;  // a rollback has overtaken it
    if (cell.hole) {
      draw.AddLine({from, top}, {to, bottom}, palette.stale);
      continue;
    }
    draw.AddRectFilled({from, top}, {to, bottom},
                       heat_colour(palette, (cell.hi - scale.lo) / scale.span()));
  }
}

}  // namespace

void draw_heat(const std::vector<HeatRow>& rows, const Palette& palette, TimeAxis& time,
               Range scale, ImVec2 origin, ImVec2 size) {
  if (rows.empty()) return;
  static thread_local std::vector<Vertex> scratch;
  ImDrawList& draw = *ImGui::GetWindowDrawList();
  const ImVec2 hi{origin.x + size.x, origin.y + size.y};
  const Scale x{time.view, origin.x, hi.x};
  const float row_height = size.y / static_cast<float>(rows.size());
  draw.AddRectFilled(origin, hi, palette.plot);
  draw.PushClipRect(origin, hi, true);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (rows[i].data == nullptr) continue;
    scratch.clear();
    rows[i].data->vertices(time.view, std::max(1, static_cast<int>(size.x)), scratch);
    const float top = origin.y + row_height * static_cast<float>(i);
    const float gap = row_height > 5.0F ? 1.0F : 0.0F;
    draw_row(draw, palette, scratch, x, scale, top, top + row_height - gap, hi.x);
  }
  if (x.range.contains(time.cursor)) {
    const float px = x.px(time.cursor);
    draw.AddLine({px, origin.y}, {px, hi.y}, faded(palette.text, 0.45F));
  }
  draw.PopClipRect();

  ImGui::SetCursorScreenPos(origin);
  ImGui::InvisibleButton("heat", size);
  if (!ImGui::IsItemHovered()) return;
  const ImVec2 mouse = ImGui::GetIO().MousePos;
  time.cursor = x.value(mouse.x);
  const auto row =
      std::min(static_cast<std::size_t>((mouse.y - origin.y) / row_height), rows.size() - 1);
  const auto near =
      rows[row].data != nullptr ? rows[row].data->nearest(time.cursor) : std::optional<Nearest>{};
  std::string text = rows[row].label;
  text += near ? "  " + value_label(near->y) + "  at " + x_label(near->x, time.kind)
               : std::string("  not measured");
  tooltip(text);
}

}  // namespace phaseguard::plot
