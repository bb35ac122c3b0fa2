// The row above the plots: what x counts, how much of it is in sight, smoothing, comparison, the
// read-out and new plots; what has no room is in a menu at its end. While the view does not follow
// the run, a chip on the right says so: its place is kept free, so that nothing moves when it
// comes.
#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <utility>

#include "monitor/base/printable.h"
#include "monitor/dashboard/model/places.h"
#include "monitor/dashboard/panels/panels.h"
#include "monitor/dashboard/panels/plots/chips.h"
#include "monitor/dashboard/panels/plots/plots.h"

namespace phaseguard::dashboard {
namespace {

using plot::SmoothKind;
using plot::XKind;

constexpr std::array<std::pair<XKind, const char*>, 4> kKinds{{{XKind::kStep, "step"},
                                                               {XKind::kWall, "time of day"},
                                                               {XKind::kElapsed, "elapsed time"},
                                                               {XKind::kTokens, "tokens"}}};
constexpr std::array<std::pair<SmoothKind, const char*>, 4> kSmooths{
    {{SmoothKind::kNone, "off"},
     {SmoothKind::kEma, "average, weights halve"},
     {SmoothKind::kMean, "mean"},
     {SmoothKind::kMedian, "median"}}};
constexpr std::array<double, 4> kLastCounts{100, 1000, 10000, 100000};
constexpr std::array<double, 4> kLastSeconds{60, 600, 3600, 21600};

bool counts_time(XKind kind) { return kind == XKind::kWall || kind == XKind::kElapsed; }

bool item(View& view, const std::string& label, bool chosen, const std::string& obstacle = {}) {
  const bool pressed = ImGui::MenuItem(printable(label).c_str(), nullptr, chosen, obstacle.empty());
  note_control(view, "choose " + label);
  if (!obstacle.empty() && ImGui::IsItemHovered(ImGuiHoveredFlags_AllowWhenDisabled)) {
    plot::tooltip(obstacle);
  }
  return pressed;
}

bool has_strip(const View& view) {
  return std::any_of(view.plots.begin(), view.plots.end(),
                     [](const run::PlotSpec& plan) { return !plan.items.empty(); });
}

constexpr float kGap = 0.25F;     // em: between two chips
constexpr float kFollow = 11.0F;  // em: the place of the chip that says what is not followed
constexpr float kFollowShort = 6.0F;
constexpr float kLeastForFollow = 30.0F;  // em: in narrower columns it has less

// One of the row: a menu, or something that a click does.
struct Entry {
  const char* id;
  std::string text;
  bool lit = false;  // something is chosen there
  std::function<void()> items{};
  std::function<void()> press{};
  const char* help = "";
};

const char* name_of(XKind kind) {
  for (const auto& [known, name] : kKinds) {
    if (known == kind) return name;
  }
  return "";
}

void draw_x_items(const run::RunState& state, View& view) {
  for (const auto& [kind, name] : kKinds) {
    if (!item(view, name, view.look.x == kind, obstacle_of(state, kind))) continue;
    view.look.x = kind;
    view.time.fit();
    view.time.selected.reset();
  }
}

std::string last_text(double n, XKind kind) { return "last " + plot::distance_label(n, kind); }

std::string range_text(const View& view) {
  const plot::TimeAxis& time = view.time;
  if (!time.follow) return plot::distance_label(time.view.span(), view.look.x);
  return time.last > 0.0 ? last_text(time.last, view.look.x) : "all";
}

void draw_range_items(View& view) {
  plot::TimeAxis& time = view.time;
  if (item(view, "all, and follow", time.follow && time.last == 0.0)) time.fit();
  for (const double n : counts_time(view.look.x) ? kLastSeconds : kLastCounts) {
    const bool chosen = time.follow && time.last == n;
    if (!item(view, last_text(n, view.look.x) + ", and follow", chosen)) continue;
    time.follow = true;
    time.last = n;
  }
  const bool fitted = std::all_of(view.values.begin(), view.values.end(),
                                  [](const auto& one) { return one.second.automatic; });
  if (item(view, "fit the values of every plot", false, fitted ? "they are" : "")) {
    for (auto& [id, axis] : view.values) axis.automatic = true;
  }
}

std::string smooth_text(const plot::Smooth& smooth) {
  if (smooth.kind == SmoothKind::kNone) return "smooth";
  const char* kind = smooth.kind == SmoothKind::kEma    ? "half-life"
                     : smooth.kind == SmoothKind::kMean ? "mean of"
                                                        : "median of";
  return std::string(kind) + " " + plot::value_label(smooth.length) +
         (smooth.seconds ? " s" : " steps");
}

void draw_smooth_items(View& view) {
  plot::Smooth& smooth = view.look.smooth;
  for (const auto& [kind, name] : kSmooths) {
    if (item(view, std::string("smooth ") + name, smooth.kind == kind)) smooth.kind = kind;
  }
  ImGui::Separator();
  for (const double length : {5.0, 20.0, 100.0, 1000.0}) {
    const std::string text = plot::value_label(length) + (smooth.seconds ? " s" : " steps");
    if (item(view, "length " + text, smooth.length == length)) smooth.length = length;
  }
  if (item(view, "length in seconds", smooth.seconds)) smooth.seconds = !smooth.seconds;
  ImGui::SetNextItemWidth(8.0F * em());
  double length = smooth.length;
  if (ImGui::InputDouble("##length", &length, 0.0, 0.0, "%.6g") && length > 0.0 &&
      std::isfinite(length)) {
    smooth.length = length;
  }
  note_control(view, "length");
}

void draw_compare_items(const Model& model, View& view) {
  const std::string shown = model.shown()->run.text();
  Comparison& compared = view.look.compared;
  const bool there = compared_run(model, view) != nullptr;
  if (item(view, "no other run", !there)) compared.run.clear();
  for (const RunId& id : model.run_ids()) {
    if (id.text() == shown) continue;
    if (item(view, "run " + id.text(), compared.run == id.text())) compared.run = id.text();
  }
  if (model.run_ids().size() < 2) plot::say("there is no other run here");
  ImGui::Separator();
  const run::RunState* other = compared_run(model, view);
  const auto align = [&](const char* label, XKind kind, Align how, const std::string& why) {
    const bool chosen = compared.align == how && (how == Align::kFirstTrip || view.look.x == kind);
    if (!item(view, label, chosen, why)) return;
    compared.align = how;
    if (how == Align::kFirstTrip || view.look.x == kind) return;
    view.look.x = kind;
    view.time.fit();
  };
  const std::string none = other == nullptr ? "choose a run first" : "";
  align("aligned by step", XKind::kStep, Align::kAsItIs, none);
  align("aligned by time of day", XKind::kWall, Align::kAsItIs, none);
  align("aligned by time since the start", XKind::kElapsed, Align::kAsItIs, none);
  std::string why = none;
  if (other != nullptr && !first_trip(*model.shown())) why = "no rule of this run has fired";
  if (other != nullptr && !first_trip(*other)) why = "no rule of that run has fired";
  align("aligned by the first trip", view.look.x, Align::kFirstTrip, why);
  ImGui::Separator();
  if (item(view, "as a pale ghost", compared.ghost, none)) compared.ghost = true;
  if (item(view, "in a colour of its own", !compared.ghost, none)) compared.ghost = false;
}

std::vector<Entry> entries_of(const Model& model, View& view) {
  const run::RunState& state = *model.shown();
  PlotsView& look = view.look;
  const bool compares = compared_run(model, view) != nullptr;
  std::vector<Entry> all{
      {"x axis", std::string("x: ") + name_of(look.x), look.x != XKind::kStep,
       [&] { draw_x_items(state, view); }},
      {"range", range_text(view), !view.time.follow || view.time.last > 0.0,
       [&] { draw_range_items(view); }},
      {"smooth", smooth_text(look.smooth), look.smooth.kind != SmoothKind::kNone,
       [&] { draw_smooth_items(view); }},
      {"compare", compares ? "against " + one_line(look.compared.run, 20) : "compare", compares,
       [&] { draw_compare_items(model, view); }},
      {"table",
       "table",
       look.table,
       {},
       [&] { look.table = !look.table; },
       "every line at the cursor; Ctrl + drag over a plot: its statistics there"}};
  if (has_strip(view)) {
    all.push_back({"prompts", "prompts", look.strip, {}, [&] { look.strip = !look.strip; }});
  }
  all.push_back({"add plot",
                 "+ plot",
                 false,
                 {},
                 [&] { add_own_plot(look, "", {}); },
                 "a plot of your own; drag signals onto it"});
  return all;
}

// How many of them have room, the menu of the others included.
std::size_t fitting(const std::vector<Entry>& all, float room) {
  float used = 0.0F;
  const float more = chip_width("more") + kGap * em();
  std::size_t fit = 0;  // beside that menu
  for (std::size_t i = 0; i < all.size(); ++i) {
    used += chip_width(all[i].text) + kGap * em();
    if (used + more <= room) fit = i + 1;
  }
  return used - kGap * em() <= room ? all.size() : fit;
}

void draw_entry(View& view, const Entry& entry, ImVec2 at) {
  const bool pressed = chip(view, entry.id, at, entry.text, entry.lit);
  if (*entry.help != '\0' && ImGui::IsItemHovered()) plot::tooltip(entry.help);
  if (entry.press) {
    if (pressed) entry.press();
    return;
  }
  const std::string menu = std::string(entry.id) + " menu";
  if (!begin_menu(menu.c_str(), pressed, {at.x, at.y + 1.6F * em()})) return;
  entry.items();
  ImGui::EndPopup();
}

// Those that have no room in the row.
void draw_more(View& view, const std::vector<Entry>& all, std::size_t from, ImVec2 at) {
  const bool pressed = chip(view, "more", at, "more", false);
  if (!begin_menu("more menu", pressed, {at.x, at.y + 1.6F * em()})) return;
  for (std::size_t i = from; i < all.size(); ++i) {
    const std::string text = printable(all[i].text) + "###" + all[i].id;
    if (all[i].press) {
      if (ImGui::MenuItem(text.c_str(), nullptr, all[i].lit)) all[i].press();
      note_control(view, all[i].id);
      continue;
    }
    const bool open = ImGui::BeginMenu(text.c_str());
    note_control(view, all[i].id);
    if (!open) continue;
    all[i].items();
    ImGui::EndMenu();
  }
  ImGui::EndPopup();
}

// Steps and tokens are counted without their unit: the axis names it.
std::string newer_text(const View& view) {
  const double newer = view.time.newer();
  if (newer <= 0.0) return "";
  const std::string much = counts_time(view.look.x) ? plot::distance_label(newer, view.look.x)
                                                    : std::to_string(std::llround(newer));
  return much + " newer";
}

// Ends with the first click: nothing else hides that newer data are out of sight.
void draw_follow_chip(View& view, float right, float y, bool is_short) {
  const std::string newer = newer_text(view);
  const std::string whole = newer.empty() ? "not following" : "not following, " + newer;
  const float room = ((is_short ? kFollowShort : kFollow) - 0.8F) * em();
  const bool fits = newer.empty() || plot::text_size(whole).x <= room;
  const std::string text = plot::elided(fits ? whole : newer, room);
  if (chip(view, "follow", {right - chip_width(text), y}, text, true)) view.time.follow = true;
  if (ImGui::IsItemHovered()) plot::tooltip(whole + "\nclick: follow the newest again");
}

// What came of the last file that was saved, until it is clicked away.
float draw_saved(View& view, ImVec2 at, float right) {
  if (view.saved.empty()) return 0.0F;
  const float room = right - at.x - 0.8F * em();
  if (chip(view, "saved", at, plot::elided(view.saved, room), true)) {
    view.saved.clear();
    return 0.0F;
  }
  if (ImGui::IsItemHovered()) plot::tooltip(view.saved + "\nclick: put this line away");
  return 1.6F * em();
}

}  // namespace

float draw_plot_bar(const Model& model, View& view, ImVec2 at, float width) {
  const float right = at.x + width - 0.8F * em();
  const bool is_short = width < kLeastForFollow * em();
  const float kept = ((is_short ? kFollowShort : kFollow) + kGap) * em();
  if (!view.time.follow) draw_follow_chip(view, right, at.y, is_short);
  ImVec2 next{at.x + 0.8F * em(), at.y};
  const std::vector<Entry> all = entries_of(model, view);
  const std::size_t fit = fitting(all, right - kept - next.x);
  for (std::size_t i = 0; i < fit; ++i) {
    const float wide = chip_width(all[i].text);
    draw_entry(view, all[i], next);
    next.x += wide + kGap * em();
  }
  if (fit < all.size()) draw_more(view, all, fit, next);
  const ImVec2 below{at.x + 0.8F * em(), at.y + 1.7F * em()};
  return 1.7F * em() + draw_saved(view, below, right);
}

}  // namespace phaseguard::dashboard
