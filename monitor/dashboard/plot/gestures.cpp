#include "monitor/dashboard/plot/gestures.h"

#include <algorithm>
#include <cmath>

namespace phaseguard::plot {
namespace {

constexpr double kZoomPerNotch = 0.8;
constexpr float kDragFrom = 3.0F;  // pixels: less is a click
constexpr float kThin = 0.7F;      // em: a box that is flatter zooms along its length alone

void wheel(const Frame& f, TimeAxis& time, ValueAxis& values) {
  const ImGuiIO& io = ImGui::GetIO();
  if (io.MouseWheel == 0.0F) return;
  const double factor = std::pow(kZoomPerNotch, io.MouseWheel);
  if (io.KeyShift) {
    values.view = spread_zoomed(f.y.range, values.spread, f.y.value(io.MousePos.y), factor);
    values.automatic = false;
    return;
  }
  const double most = std::max(time.full.span() * 4.0, time.least_span());
  time.view = zoomed(time.view, f.x.value(io.MousePos.x), factor, time.least_span(), most);
  time.follow = false;
}

void move(const Frame& f, TimeAxis& time, ValueAxis& values) {
  const ImGuiIO& io = ImGui::GetIO();
  if (io.MouseDelta.x != 0.0F) {
    const double dx = -io.MouseDelta.x / (f.hi.x - f.lo.x) * time.view.span();
    time.view = panned(time.view, dx, time.full);
    time.follow = false;
  }
  if (!io.KeyShift || io.MouseDelta.y == 0.0F) return;
  values.view = spread_panned(f.y.range, values.spread, io.MouseDelta.y / (f.hi.y - f.lo.y));
  values.automatic = false;
}

Range ordered(double a, double b) { return {std::min(a, b), std::max(a, b)}; }

struct Dragged {
  Range x;
  Range y;
  bool wide = false;
  bool high = false;
};

Dragged dragged(const Frame& f, const TimeAxis& time) {
  const ImVec2 mouse = ImGui::GetIO().MousePos;
  const float at_x = std::clamp(mouse.x, f.lo.x, f.hi.x);
  const float at_y = std::clamp(mouse.y, f.lo.y, f.hi.y);
  Dragged out;
  out.x = ordered(time.drag_x, f.x.value(at_x));
  out.y = ordered(time.drag_y, f.y.value(at_y));
  out.wide = std::abs(f.x.px(time.drag_x) - at_x) > kThin * f.em;
  out.high = std::abs(f.y.px(time.drag_y) - at_y) > kThin * f.em;
  return out;
}

void zoom_into_box(const Frame& f, TimeAxis& time, ValueAxis& values) {
  const Dragged box = dragged(f, time);
  if (box.wide && box.x.span() > 0.0) {
    const double more = std::max(0.0, time.least_span() - box.x.span());
    time.view = {box.x.lo - 0.5 * more, box.x.hi + 0.5 * more};
    time.follow = false;
  }
  if (box.high && box.y.span() > 0.0) {
    values.view = box.y;
    values.automatic = false;
  }
}

void end_drag(const Frame& f, TimeAxis& time, ValueAxis& values) {
  if (time.drag == Drag::kBox) zoom_into_box(f, time, values);
  if (time.drag == Drag::kSelect) {
    const Dragged chosen = dragged(f, time);
    time.selected =
        chosen.wide && chosen.x.span() > 0.0 ? std::optional<Range>(chosen.x) : std::nullopt;
  }
  time.drag = Drag::kNone;
}

void begin_drag(const Frame& f, const std::string& id, TimeAxis& time, Drag what, int button) {
  time.drag = what;
  time.drag_plot = id;
  const ImVec2 from = ImGui::GetIO().MouseClickedPos[button];
  time.drag_x = f.x.value(from.x);
  time.drag_y = f.y.value(from.y);
}

}  // namespace

bool interact(const Frame& f, const std::string& id, TimeAxis& time, ValueAxis& values) {
  const ImGuiIO& io = ImGui::GetIO();
  const bool hovered = ImGui::IsItemHovered();
  const bool mine = time.drag != Drag::kNone && time.drag_plot == id;
  if (hovered && time.drag == Drag::kNone) wheel(f, time, values);
  if (ImGui::IsItemActive() && time.drag == Drag::kNone) {
    if (ImGui::IsMouseDragging(0, kDragFrom)) {
      begin_drag(f, id, time, io.KeyCtrl ? Drag::kSelect : Drag::kMove, 0);
    } else if (ImGui::IsMouseDragging(1, kDragFrom)) {
      begin_drag(f, id, time, Drag::kBox, 1);
    }
  }
  if (mine && time.drag == Drag::kMove) move(f, time, values);
  bool menu = false;
  if (mine && !io.MouseDown[0] && !io.MouseDown[1]) {
    end_drag(f, time, values);
  } else if (hovered && ImGui::IsMouseReleased(1) && time.drag == Drag::kNone) {
    menu = true;
  }
  if (hovered && ImGui::IsMouseDoubleClicked(0) && !io.KeyCtrl) {
    time.fit();
    values.automatic = true;
  }
  return menu;
}

void draw_drag(const Frame& f, const std::string& id, const TimeAxis& time) {
  const ImU32 fill = faded(f.palette.text, 0.09F);
  const ImU32 edge = faded(f.palette.text, 0.5F);
  const auto interval = [&](Range x) {
    const float from = std::max(f.x.px(x.lo), f.lo.x);
    const float to = std::min(f.x.px(x.hi), f.hi.x);
    if (to < from) return;
    f.draw.AddRectFilled({from, f.lo.y}, {to, f.hi.y}, fill);
    f.draw.AddLine({from, f.lo.y}, {from, f.hi.y}, edge);
    f.draw.AddLine({to, f.lo.y}, {to, f.hi.y}, edge);
  };
  if (time.selected) interval(*time.selected);
  if (time.drag_plot != id) return;
  if (time.drag == Drag::kSelect) interval(dragged(f, time).x);
  if (time.drag != Drag::kBox) return;
  const Dragged box = dragged(f, time);
  const ImVec2 lo{box.wide ? f.x.px(box.x.lo) : f.lo.x, box.high ? f.y.px(box.y.hi) : f.lo.y};
  const ImVec2 hi{box.wide ? f.x.px(box.x.hi) : f.hi.x, box.high ? f.y.px(box.y.lo) : f.hi.y};
  f.draw.AddRectFilled(lo, hi, fill);
  f.draw.AddRect(lo, hi, edge);
}

}  // namespace phaseguard::plot
