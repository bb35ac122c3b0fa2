#include "monitor/dashboard/plot/band.h"

#include <algorithm>
#include <cmath>

namespace phaseguard::plot {
namespace {

// Slanted strokes, on a raster of their own so that the pieces of a band look like one.
void stripes(const Frame& f, ImVec2 lo, ImVec2 hi, ImU32 colour) {
  const float each = 0.5F * f.em;
  f.draw.PushClipRect(lo, hi, true);
  for (float at = std::floor(lo.x / each) * each - each; at < hi.x; at += each) {
    f.draw.AddLine({at, hi.y}, {at + 0.5F * each, lo.y}, colour, 0.2F * f.em);
  }
  f.draw.PopClipRect();
}

void dots(const Frame& f, ImVec2 lo, ImVec2 hi, ImU32 colour) {
  const float each = 0.5F * f.em;
  for (float at = std::ceil(lo.x / each) * each; at < hi.x; at += each) {
    f.draw.AddRectFilled({at, lo.y}, {std::min(at + 0.5F * each, hi.x), hi.y}, colour);
  }
}

void draw_piece(const Frame& f, const Shade& shade, ImVec2 lo, ImVec2 hi) {
  switch (shade.pattern) {
    case Pattern::kSolid:
      f.draw.AddRectFilled(lo, hi, shade.colour);
      return;
    case Pattern::kStriped:
      stripes(f, lo, hi, shade.colour);
      return;
    case Pattern::kDotted:
      dots(f, lo, hi, shade.colour);
      return;
    case Pattern::kHollow:
      f.draw.AddRect(lo, hi, shade.colour);
      return;
  }
}

}  // namespace

void draw_band(const Frame& f, const Backdrop& backdrop) {
  for (const Shade& shade : backdrop.shades) {
    const float from = std::max(f.x.px(shade.from), f.lo.x);
    float to = std::min(f.x.px(shade.to), f.hi.x);
    if (shade.to < f.x.range.lo || shade.from > f.x.range.hi) continue;
    to = std::max(to, from + 1.0F);  // a moment is seen too
    draw_piece(f, shade, {from, f.lo.y}, {to, f.lo.y + kBand * f.em});
  }
}

}  // namespace phaseguard::plot
