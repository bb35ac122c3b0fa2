// The row above the plots: what x counts, how much of it is in sight, smoothing, comparison, the
// read-out and new plots; and, while the view does not follow the run, a chip that says so.
#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "monitor/base/printable.h"
#include "monitor/dashboard/model/places.h"
#include "monitor/dashboard/panels/panels.h"
#include "monitor/dashboard/panels/plots.h"

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

void note(View& view, const std::string& label) {
  view.controls[label] = {ImGui::GetItemRectMin(), ImGui::GetItemRectMax()};
}

bool item(View& view, const std::string& label, bool chosen, const std::string& obstacle = {}) {
  const bool pressed = ImGui::MenuItem(printable(label).c_str(), nullptr, chosen, obstacle.empty());
  note(view, "choose " + label);
  if (!obstacle.empty() && ImGui::IsItemHovered(ImGuiHoveredFlags_AllowWhenDisabled)) {
    plot::tooltip(obstacle);
  }
  return pressed;
}

bool has_strip(const View& view) {
  return std::any_of(view.plots.begin(), view.plots.end(),
                     [](const run::PlotSpec& plan) { return !plan.items.empty(); });
}

// Where the next button goes. They go on in a second row where the first is full.
struct Bar {
  float left = 0.0F;
  float right = 0.0F;
  ImVec2 at;
};

constexpr float kBarRow = 1.6F;   // em
constexpr float kFollow = 12.4F;  // em: kept free for the chip, so that nothing moves when it comes

// A small button with its text. `lit`: something is chosen there. `place`: where it was put.
bool chip(View& view, const char* id, Bar& bar, const std::string& text, bool lit,
          ImVec2* place = nullptr) {
  const plot::Palette& p = view.palette();
  ImDrawList& draw = *ImGui::GetWindowDrawList();
  const float width = plot::text_size(text).x + 0.8F * em();
  if (bar.at.x + width > bar.right && bar.at.x > bar.left) {
    bar.at = {bar.left, bar.at.y + kBarRow * em()};
  }
  const ImVec2 at = bar.at;
  if (place != nullptr) *place = {at.x, at.y + kBarRow * em()};
  const ImVec2 hi{at.x + width, at.y + 1.4F * em()};
  ImGui::SetCursorScreenPos(at);
  const bool pressed = ImGui::InvisibleButton(id, {width, hi.y - at.y});
  note(view, id);
  const bool hot = ImGui::IsItemHovered();
  draw.AddRectFilled(at, hi, hot ? p.button_hot : p.button, 0.2F * em());
  plot::text_at(draw, {at.x + 0.4F * em(), at.y + 0.15F * em()}, lit ? p.text : p.dim, text);
  bar.at.x = hi.x + 0.4F * em();
  return pressed;
}

// The popup of a chip, below it.
bool begin_menu(const char* id, bool open, ImVec2 below) {
  if (open) ImGui::OpenPopup(id);
  ImGui::SetNextWindowPos(below, ImGuiCond_Appearing);
  ImGui::PushStyleVar(ImGuiStyleVar_WindowPadding, {0.5F * em(), 0.4F * em()});
  const bool shown = ImGui::BeginPopup(id);
  ImGui::PopStyleVar();
  return shown;
}

const char* name_of(XKind kind) {
  for (const auto& [known, name] : kKinds) {
    if (known == kind) return name;
  }
  return "";
}

void draw_x_menu(const run::RunState& state, View& view, Bar& bar) {
  ImVec2 below;
  const bool open = chip(view, "x axis", bar, std::string("x: ") + name_of(view.look.x),
                         view.look.x != XKind::kStep, &below);
  if (!begin_menu("x axis menu", open, below)) return;
  for (const auto& [kind, name] : kKinds) {
    if (!item(view, name, view.look.x == kind, obstacle_of(state, kind))) continue;
    view.look.x = kind;
    view.time.fit();
    view.time.selected.reset();
  }
  ImGui::EndPopup();
}

void draw_range_menu(View& view, Bar& bar) {
  ImVec2 below;
  plot::TimeAxis& time = view.time;
  const auto last_text = [&](double n) { return "last " + plot::distance_label(n, view.look.x); };
  std::string text = time.last > 0.0 ? last_text(time.last) : "all";
  if (!time.follow) text = plot::distance_label(time.view.span(), view.look.x);
  const bool open = chip(view, "range", bar, text, !time.follow || time.last > 0.0, &below);
  if (!begin_menu("range menu", open, below)) return;
  if (item(view, "all, and follow", time.follow && time.last == 0.0)) time.fit();
  for (const double n : counts_time(view.look.x) ? kLastSeconds : kLastCounts) {
    const bool chosen = time.follow && time.last == n;
    if (!item(view, last_text(n) + ", and follow", chosen)) continue;
    time.follow = true;
    time.last = n;
  }
  const bool fitted = std::all_of(view.values.begin(), view.values.end(),
                                  [](const auto& one) { return one.second.automatic; });
  if (item(view, "fit the values of every plot", false, fitted ? "they are" : "")) {
    for (auto& [id, axis] : view.values) axis.automatic = true;
  }
  ImGui::EndPopup();
}

std::string smooth_text(const plot::Smooth& smooth) {
  if (smooth.kind == SmoothKind::kNone) return "smooth";
  const char* kind = smooth.kind == SmoothKind::kEma    ? "half-life"
                     : smooth.kind == SmoothKind::kMean ? "mean of"
                                                        : "median of";
  return std::string("smooth: ") + kind + " " + plot::value_label(smooth.length) +
         (smooth.seconds ? " s" : " steps");
}

void draw_smooth_menu(View& view, Bar& bar) {
  ImVec2 below;
  plot::Smooth& smooth = view.look.smooth;
  const bool open =
      chip(view, "smooth", bar, smooth_text(smooth), smooth.kind != SmoothKind::kNone, &below);
  if (!begin_menu("smooth menu", open, below)) return;
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
  note(view, "length");
  ImGui::EndPopup();
}

void draw_compare_menu(const Model& model, View& view, Bar& bar) {
  const std::string shown = model.shown()->run.text();
  Comparison& compared = view.look.compared;
  const bool there = compared_run(model, view) != nullptr;
  ImVec2 below;
  const std::string text = there ? "against " + one_line(compared.run, 20) : "compare";
  const bool open = chip(view, "compare", bar, text, there, &below);
  if (!begin_menu("compare menu", open, below)) return;
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
  ImGui::EndPopup();
}

std::string newer_text(const View& view) {
  const double newer = view.time.newer();
  if (newer <= 0.0) return "not following";
  const bool counts = !counts_time(view.look.x);
  return "not following, " +
         (counts ? std::to_string(std::llround(newer)) : plot::distance_label(newer, view.look.x)) +
         " newer";
}

// Ends with the first click: nothing else hides that newer data are out of sight.
void draw_follow_chip(View& view, float right, float y) {
  const std::string whole = newer_text(view);
  const std::string text = plot::elided(whole, (kFollow - 0.8F) * em());
  const float left = right - plot::text_size(text).x - 0.8F * em();
  Bar bar{left, right + em(), {left, y}};
  if (chip(view, "follow", bar, text, true)) view.time.follow = true;
  if (ImGui::IsItemHovered()) plot::tooltip(whole + "\nclick: follow the newest again");
}

// What came of the last file that was saved, where there is room for it.
void draw_saved(const View& view, const Bar& bar) {
  const float room = bar.right - bar.at.x;
  if (view.saved.empty() || room < 6.0F * em()) return;
  plot::text_at(*ImGui::GetWindowDrawList(), {bar.at.x, bar.at.y + 0.15F * em()},
                view.palette().dim, plot::elided(view.saved, room));
}

}  // namespace

float draw_plot_bar(const Model& model, View& view, ImVec2 at, float width) {
  const float left = at.x + 0.8F * em();
  const float right = at.x + width - 0.8F * em();
  if (!view.time.follow) draw_follow_chip(view, right, at.y);
  Bar bar{left, right - (kFollow + 0.4F) * em(), {left, at.y}};
  draw_x_menu(*model.shown(), view, bar);
  draw_range_menu(view, bar);
  draw_smooth_menu(view, bar);
  draw_compare_menu(model, view, bar);
  if (chip(view, "table", bar, "table", view.look.table)) view.look.table = !view.look.table;
  if (ImGui::IsItemHovered()) {
    plot::tooltip("every line at the cursor; Ctrl + drag over a plot: its statistics there");
  }
  if (has_strip(view) && chip(view, "prompts", bar, "prompts", view.look.strip)) {
    view.look.strip = !view.look.strip;
  }
  if (chip(view, "add plot", bar, "+ plot", false)) add_own_plot(view.look, "", {});
  if (ImGui::IsItemHovered()) plot::tooltip("a plot of your own; drag signals onto it");
  draw_saved(view, bar);
  return bar.at.y - at.y + 1.7F * em();
}

}  // namespace phaseguard::dashboard
