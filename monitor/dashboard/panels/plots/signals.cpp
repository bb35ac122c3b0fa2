// The list of signals: by group, with a search; each can be dragged onto a plot.
#include "monitor/wire/signals.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "monitor/dashboard/panels/panels.h"

namespace phaseguard::dashboard {
namespace {

using plot::text_at;

constexpr std::size_t kUngrouped = 6;  // so many rows need no headings
constexpr std::size_t kMostFound = 200;

std::string printed(const char* format, double value) {
  char text[48];
  std::snprintf(text, sizeof text, format, value);
  return text;
}

// The row of a signal under the mouse: it can be dragged onto a plot, and a double click makes one
// of it. Advances the cursor by the row.
void as_source(View& view, const std::string& name, ImVec2 size) {
  ImGui::PushID(name.c_str());
  ImGui::PushStyleVar(ImGuiStyleVar_ItemSpacing, {0.0F, 0.0F});
  ImGui::InvisibleButton("signal", {std::max(size.x, 1.0F), size.y});
  ImGui::PopStyleVar();
  view.controls["signal " + name] = {ImGui::GetItemRectMin(), ImGui::GetItemRectMax()};
  if (ImGui::IsItemHovered()) {
    ImGui::GetWindowDrawList()->AddRectFilled(ImGui::GetItemRectMin(), ImGui::GetItemRectMax(),
                                              plot::faded(view.palette().button_hot, 0.5F));
    if (ImGui::IsMouseDoubleClicked(0)) add_own_plot(view.look, name, {name});
  }
  if (ImGui::BeginDragDropSource(ImGuiDragDropFlags_None)) {
    ImGui::SetDragDropPayload(plot::kSignalPayload, name.data(), name.size());
    plot::say(name);
    ImGui::EndDragDropSource();
  }
  ImGui::PopID();
}

void draw_signal(const Model& model, View& view, const SignalRow& signal) {
  const plot::Palette& p = view.palette();
  ImDrawList& draw = *ImGui::GetWindowDrawList();
  const float width = row_width();
  const ImVec2 at = ImGui::GetCursorScreenPos();
  as_source(view, signal.name, {width, 1.5F * em()});
  const float spark = width - 18.0F * em();
  const float right = at.x + width;
  const bool old = model.stale() || signal.overdue;
  const ImU32 ink = old ? p.stale : p.text;
  text_at(draw, at, signal.watched ? ink : p.dim, plot::elided(signal.name, 9.0F * em()));
  const bool good = signal.quality == Quality::kGood;
  const std::string value = signal.step.value < 0             ? "-"
                            : good                            ? plot::value_label(signal.value)
                            : signal.quality == Quality::kBad ? "BAD"
                                                              : "missing";
  number_at(view, {at.x + 13.2F * em(), at.y}, good ? ink : p.text, value);
  const ImVec2 sign{at.x + 14.1F * em(), at.y + 0.55F * em()};
  if (!good && signal.step.value >= 0) {
    plot::shape_at(draw, sign, 0.75F * em(), plot::Shape::kCross, p.text);
  } else if (signal.voting) {
    const Sign level = sign_of(signal.level, p);
    plot::shape_at(draw, sign, 0.75F * em(), level.shape, level.colour);
  } else if (signal.watched) {
    plot::shape_at(draw, sign, 0.6F * em(), plot::Shape::kRing, p.dim);
  }
  std::string of_line = "";
  if (std::isfinite(signal.of_line)) {
    of_line =
        std::abs(signal.of_line) < 9.995 ? printed("%.0f%%", 100.0 * signal.of_line) : ">999%";
  }
  number_at(view, {at.x + 17.5F * em(), at.y},
            signal.voting ? sign_of(signal.level, p).colour : p.dim, of_line);
  if (signal.series != nullptr && spark > 2.0F * em()) {
    plot::draw_sparkline(draw, plot::SeriesData(*signal.series), view.steps,
                         {right - spark, at.y + 0.1F * em()}, {spark, 1.1F * em()},
                         old ? p.stale : p.series[0]);
  }
}

// A second line for what a trainer does wrong, and so for values that nothing was decided by.
void draw_fates(const View& view, const SignalRow& signal) {
  if (signal.fates.empty()) return;
  const plot::Palette& p = view.palette();
  ImDrawList& draw = *ImGui::GetWindowDrawList();
  const float indent = 0.8F * em();
  const ImVec2 at = next_row(1.3F);
  text_at(draw, {at.x + indent, at.y}, signal.declared ? p.dim : p.text,
          plot::elided(signal.fates, row_width() - indent));
}

// A heading, which a click opens or closes. True: open.
bool draw_heading(View& view, const std::string& group, std::size_t count) {
  const plot::Palette& p = view.palette();
  const ImVec2 at = ImGui::GetCursorScreenPos();
  const bool open = view.closed_groups.count(group) == 0;
  ImGui::PushID(group.c_str());
  ImGui::PushStyleVar(ImGuiStyleVar_ItemSpacing, {0.0F, 0.0F});
  const bool pressed = ImGui::InvisibleButton("group", {std::max(row_width(), 1.0F), 1.35F * em()});
  ImGui::PopStyleVar();
  ImGui::PopID();
  view.controls["signals of " + group] = {ImGui::GetItemRectMin(), ImGui::GetItemRectMax()};
  if (pressed && open) view.closed_groups.insert(group);
  if (pressed && !open) view.closed_groups.erase(group);
  const std::string sign = open ? "- " : "+ ";
  text_at(*ImGui::GetWindowDrawList(), at, ImGui::IsItemHovered() ? p.text : p.dim,
          sign + group + "  " + std::to_string(count));
  return open;
}

void draw_search(View& view, float width) {
  ImGui::PushStyleVar(ImGuiStyleVar_FramePadding, {0.4F * em(), 0.1F * em()});
  ImGui::SetNextItemWidth(width);
  ImGui::InputTextWithHint("##search", "search", view.search.data(), view.search.size());
  ImGui::PopStyleVar();
  view.controls["search signals"] = {ImGui::GetItemRectMin(), ImGui::GetItemRectMax()};
}

// What the list leaves out, one canary's values, is found by name.
void draw_found_items(const Model& model, View& view, const std::string& search) {
  std::size_t found = 0;
  for (const auto& [name, signal] : model.shown()->signals) {
    if (!signal.is_item || !has_words(name, search)) continue;
    if (++found > kMostFound) break;
    const ImVec2 at = ImGui::GetCursorScreenPos();
    as_source(view, name, {row_width(), 1.35F * em()});
    text_at(*ImGui::GetWindowDrawList(), at, view.palette().dim,
            plot::elided(one_line(name, 120), row_width()));
  }
}

void draw_rows(const Model& model, View& view, const std::vector<SignalRow>& rows) {
  const bool headings = rows.size() > kUngrouped;
  std::vector<std::string> groups;
  const auto group_of = [](const SignalRow& row) {
    return row.watched ? std::string("watched") : std::string(wire::group_of(row.name));
  };
  for (const SignalRow& row : rows) {
    const std::string group = group_of(row);
    if (std::find(groups.begin(), groups.end(), group) == groups.end()) groups.push_back(group);
  }
  for (const std::string& group : groups) {
    const auto n = std::count_if(rows.begin(), rows.end(),
                                 [&](const SignalRow& row) { return group_of(row) == group; });
    if (headings && !draw_heading(view, group, static_cast<std::size_t>(n))) continue;
    for (const SignalRow& row : rows) {
      if (group_of(row) != group) continue;
      draw_signal(model, view, row);
      draw_fates(view, row);
    }
  }
}

}  // namespace

void draw_signals(const Model& model, View& view, const std::vector<SignalRow>& rows, ImVec2 at,
                  ImVec2 size) {
  const plot::Palette& p = view.palette();
  begin_panel(view, "SIGNALS", at, size, true);
  ImDrawList& draw = *ImGui::GetWindowDrawList();
  const ImVec2 head = ImGui::GetCursorScreenPos();
  number_at(view, {head.x + 13.2F * em(), head.y}, p.dim, "value");
  number_at(view, {head.x + 17.5F * em(), head.y}, p.dim, "of line");
  draw_search(view, 8.6F * em());
  const std::string search = view.search.data();
  std::vector<SignalRow> wanted;
  for (const SignalRow& row : rows) {
    if (has_words(row.name, search)) wanted.push_back(row);
  }
  draw_rows(model, view, wanted);
  if (!search.empty() && model.shown() != nullptr) draw_found_items(model, view, search);
  if (rows.empty()) text_at(draw, next_row(), p.dim, "none declared yet");
  if (!rows.empty() && wanted.empty()) text_at(draw, next_row(), p.dim, "none of that name");
  end_panel();
}

}  // namespace phaseguard::dashboard
