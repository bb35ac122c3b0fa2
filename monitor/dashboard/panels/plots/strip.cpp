// The heat strip of a signal that runs over canaries: a row for each prompt, the plots' x across,
// and what is under the mouse explained.
#include <algorithm>
#include <cmath>

#include "monitor/dashboard/model/items.h"
#include "monitor/dashboard/panels/panels.h"
#include "monitor/dashboard/panels/plots/plots.h"

namespace phaseguard::dashboard {
namespace {

using plot::text_at;

// Signals that run over canaries: those the heat strip can show.
std::vector<const run::PlotSpec*> strips_of(const View& view) {
  std::vector<const run::PlotSpec*> strips;
  for (const run::PlotSpec& plan : view.plots) {
    if (!plan.items.empty()) strips.push_back(&plan);
  }
  return strips;
}

// Place of the chosen one; the first as long as none is chosen.
std::size_t chosen_strip(const View& view, const std::vector<const run::PlotSpec*>& strips) {
  const auto chosen = std::find_if(strips.begin(), strips.end(), [&](const run::PlotSpec* plan) {
    return plan->name == view.strip;
  });
  return chosen == strips.end() ? 0 : static_cast<std::size_t>(chosen - strips.begin());
}

// Goes on to the next signal, where there are several.
void draw_strip_switch(View& view, const std::vector<const run::PlotSpec*>& strips, ImVec2 at,
                       float width) {
  if (strips.size() < 2) return;
  const plot::Palette& p = view.palette();
  const std::size_t chosen = chosen_strip(view, strips);
  const std::string text = std::to_string(chosen + 1) + " of " + std::to_string(strips.size());
  const float wide = plot::text_size(text).x + 0.8F * em();
  const ImVec2 lo{at.x + width - 0.7F * em() - wide, at.y + 0.3F * em()};
  const ImVec2 hi{lo.x + wide, lo.y + 1.3F * em()};
  ImGui::SetCursorScreenPos(lo);
  if (ImGui::InvisibleButton("next strip", {hi.x - lo.x, hi.y - lo.y})) {
    view.strip = strips[(chosen + 1) % strips.size()]->name;
  }
  view.controls["next strip"] = {lo, hi};
  ImDrawList& draw = *ImGui::GetWindowDrawList();
  draw.AddRectFilled(lo, hi, ImGui::IsItemHovered() ? p.button_hot : p.button, 0.2F * em());
  text_at(draw, {lo.x + 0.4F * em(), lo.y + 0.1F * em()}, p.dim, text);
}

// What a strip shows.
struct Strip {
  const run::PlotSpec* plan = nullptr;
  std::vector<plot::SeriesData> data;
  std::vector<plot::HeatRow> rows;
  plot::Range scale{0.0, 0.0};
};

Strip strip_of(const View& view, const plot::Along& along) {
  Strip strip;
  const auto strips = strips_of(view);
  if (strips.empty()) return strip;
  strip.plan = strips[chosen_strip(view, strips)];
  strip.data.reserve(strip.plan->items.size());
  for (const run::PlotItem& item : strip.plan->items) {
    strip.data.emplace_back(*item.series, 1e300, along);
    strip.rows.push_back({&strip.data.back(), one_line(item.label, 60)});
    const plot::Extent e = strip.data.back().present_extent();
    if (e.empty()) continue;
    strip.scale.lo = std::min(strip.scale.lo, e.lo);
    strip.scale.hi = std::max(strip.scale.hi, e.hi);
  }
  if (strip.scale.hi <= strip.scale.lo) strip.scale.hi = strip.scale.lo + 1.0;
  return strip;
}

// The prompt under the mouse: its value there, its place among all, its largest; and the largest of
// all prompts at that place.
void explain(const run::PlotSpec& plan, std::size_t row, const plot::Along& along, double x,
             plot::XKind kind) {
  const run::PlotItem& item = plan.items[row];
  const double raw = along.raw(x);
  const ItemStory story = story_of(plan, row, raw, along.by());
  const auto number = [](double v) { return std::isnan(v) ? "bad" : plot::value_label(v); };
  plot::begin_tooltip();
  plot::say(one_line(item.label, 120));
  if (!story.measured) {
    plot::say("not measured");
    plot::end_tooltip();
    return;
  }
  plot::say(number(story.value) + " at " + plot::x_label(along.x_of(story.at), kind));
  if (story.place > 0) {
    plot::say("place " + std::to_string(story.place) + " of " + std::to_string(story.of) +
              ", the largest first");
  }
  if (!std::isnan(story.largest)) {
    plot::say("its largest: " + plot::value_label(story.largest) + " at " +
              plot::x_label(along.x_of(story.largest_at), kind));
  }
  plot::say(" ");
  for (const ItemValue& worst : story.worst) {
    plot::say(plot::value_label(worst.value) + "  " + one_line(worst.label, 60));
  }
  plot::say("click: a plot of its history");
  plot::end_tooltip();
}

void draw_rows(View& view, const Strip& strip, const plot::Along& along, ImVec2 at, ImVec2 size) {
  const plot::HeatEvents events =
      plot::draw_heat(strip.rows, view.palette(), view.time, strip.scale, at, size);
  view.controls["strip"] = {at, {at.x + size.x, at.y + size.y}};
  if (events.hovered < 0) return;
  const auto row = static_cast<std::size_t>(events.hovered);
  explain(*strip.plan, row, along, view.time.cursor, view.time.kind);
  if (!events.clicked) return;
  const std::string signal = strip.plan->name + "/" + strip.plan->items[row].label;
  add_own_plot(view.look, signal, {signal});
}

void draw_scale(const View& view, const Strip& strip, ImVec2 at, float width) {
  const plot::Palette& p = view.palette();
  ImDrawList& draw = *ImGui::GetWindowDrawList();
  const std::string low =
      std::to_string(strip.rows.size()) + " prompts   " + plot::value_label(strip.scale.lo);
  const std::string high = plot::value_label(strip.scale.hi) + " " + one_line(strip.plan->unit, 12);
  const float low_width = plot::text_size(low).x;
  const float high_width = plot::text_size(high).x;
  text_at(draw, at, p.dim, low);
  text_at(draw, {at.x + width - high_width, at.y}, p.dim, high);
  const float bar_from = at.x + low_width + 0.5F * em();
  const float bar_to = at.x + width - high_width - 0.5F * em();
  constexpr int kPieces = 24;
  for (int i = 0; i < kPieces; ++i) {
    const float wide = (bar_to - bar_from) / kPieces;
    const float x = bar_from + wide * static_cast<float>(i);
    draw.AddRectFilled({x, at.y + 0.35F * em()}, {x + wide, at.y + 0.85F * em()},
                       heat_colour(p, (i + 0.5) / kPieces));
  }
}

std::string title_of(const Strip& strip) {
  return strip.plan == nullptr ? "" : one_line(strip.plan->name, 40) + " per prompt";
}

}  // namespace

void draw_strip_panel(const Model& model, View& view, ImVec2 at, ImVec2 size) {
  const plot::Along along = along_of(*model.shown(), view);
  const Strip strip = strip_of(view, along);
  begin_panel(view, ("CANARIES  " + title_of(strip)).c_str(), at, size);
  const ImVec2 from = ImGui::GetCursorScreenPos();
  const ImVec2 room = ImGui::GetContentRegionAvail();
  if (strip.rows.empty()) {
    text_at(*ImGui::GetWindowDrawList(), next_row(), view.palette().dim, "no value per prompt");
    end_panel();
    return;
  }
  const float foot = 1.3F * em();
  draw_rows(view, strip, along, from, {room.x, std::max(room.y - foot, em())});
  draw_scale(view, strip, {from.x, from.y + room.y - foot + 0.25F * em()}, room.x);
  end_panel();
  draw_strip_switch(view, strips_of(view), at, size.x);
}

float strip_height(const View& view, float room) {
  const auto strips = strips_of(view);
  if (!view.look.strip || strips.empty()) return 0.0F;
  const auto rows = static_cast<float>(strips[chosen_strip(view, strips)]->items.size());
  return std::min(0.3F * room, (3.2F + 0.35F * rows) * em());
}

void draw_strip(Sheet& sheet, ImVec2 at, ImVec2 size) {
  View& view = sheet.view;
  const Strip strip = strip_of(view, sheet.along);
  if (strip.rows.empty()) return;
  const auto [lo, hi] = plot::data_area(at, size, false);
  text_at(*ImGui::GetWindowDrawList(), {lo.x, at.y + 0.15F * em()}, view.palette().text,
          title_of(strip));
  draw_rows(view, strip, sheet.along, lo, {hi.x - lo.x, hi.y - lo.y - 1.2F * em()});
  draw_scale(view, strip, {lo.x, hi.y - 1.1F * em()}, hi.x - lo.x);
  draw_strip_switch(view, strips_of(view), {at.x, at.y - 0.2F * em()}, hi.x - at.x + 0.7F * em());
}

}  // namespace phaseguard::dashboard
