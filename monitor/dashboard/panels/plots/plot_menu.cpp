// What is done with one plot: its menu, its legend, what is dropped on it.
#include <algorithm>
#include <cstring>

#include "monitor/base/printable.h"
#include "monitor/dashboard/model/table_export.h"
#include "monitor/dashboard/panels/plots/plots.h"
#include "monitor/dashboard/plot/svg.h"

namespace phaseguard::dashboard {
namespace {

bool item(View& view, const std::string& label, bool chosen = false, bool enabled = true) {
  const bool pressed = ImGui::MenuItem(printable(label).c_str(), nullptr, chosen, enabled);
  view.controls["choose " + label] = {ImGui::GetItemRectMin(), ImGui::GetItemRectMax()};
  return pressed;
}

void add_signal(const std::string& signal, const run::PlotSpec& plan, View& view) {
  const bool there = std::any_of(plan.lines.begin(), plan.lines.end(),
                                 [&](const auto& line) { return line.label == signal; });
  if (!there) view.look.choices[plan.id].added.push_back(signal);
}

void draw_axis_items(const run::PlotSpec& plan, View& view) {
  PlotChoice& choice = view.look.choices[plan.id];
  plot::ValueAxis& values = view.values[plan.id];
  const auto spread = [&](const char* label, plot::YKind kind) {
    if (!item(view, label, choice.y == kind)) return;
    choice.y = kind;
    values.automatic = true;
  };
  spread("linear", plot::YKind::kLinear);
  spread("logarithmic", plot::YKind::kLog);
  spread("logarithmic on both sides of 0", plot::YKind::kSymlog);
  ImGui::Separator();
  if (item(view, "far values outside, counted", choice.robust, !plan.is_knob)) choice.robust = true;
  if (item(view, "the whole range", !choice.robust || plan.is_knob)) choice.robust = false;
  if (item(view, "fit the values", values.automatic, !values.automatic)) values.automatic = true;
}

void draw_export_items(const run::PlotSpec& plan, const plot::PlotSpec& spec, Sheet& sheet) {
  View& view = sheet.view;
  if (item(view, "copy the values as CSV")) {
    ImGui::SetClipboardText(csv_of(sheet.state, plan).c_str());
  }
  if (item(view, "save the values as CSV")) {
    view.files_to_save.push_back(
        {file_name_of(sheet.state, plan, "csv"), csv_of(sheet.state, plan)});
  }
  if (item(view, "save the picture as SVG")) {
    view.files_to_save.push_back({file_name_of(sheet.state, plan, "svg"),
                                  svg_of(spec, view.palette(), view.time, view.values[plan.id])});
  }
  if (item(view, "save the picture as PNG")) {
    view.picture = PictureToSave{file_name_of(sheet.state, plan, "png"), plan.id, {}, false};
  }
}

// Signals that were dragged here, and the plot itself when it is one's own.
void draw_own_items(const run::PlotSpec& plan, View& view) {
  std::vector<std::string>& added = view.look.choices[plan.id].added;
  if (!added.empty()) ImGui::Separator();
  for (std::size_t i = 0; i < added.size(); ++i) {
    if (!item(view, "take away " + added[i])) continue;
    added.erase(added.begin() + static_cast<std::ptrdiff_t>(i));
    break;
  }
  if (!is_own(view.look, plan.id)) return;
  ImGui::Separator();
  ImGui::SetNextItemWidth(12.0F * em());
  PlotMenu& menu = view.plot_menu;
  if (ImGui::InputText("name", menu.name.data(), menu.name.size())) {
    for (OwnPlot& own : view.look.own) {
      if (own.id == plan.id) own.name = menu.name.data();
    }
  }
  view.controls["plot name"] = {ImGui::GetItemRectMin(), ImGui::GetItemRectMax()};
  if (!item(view, "remove this plot")) return;
  remove_own_plot(view.look, plan.id);
  view.values.erase(plan.id);
}

}  // namespace

void on_plot_events(const plot::PlotEvents& events, const run::PlotSpec& plan,
                    const plot::PlotSpec& spec, View& view) {
  if (events.clicked_line >= 0) {
    toggle_line(view.look.choices[plan.id],
                spec.lines[static_cast<std::size_t>(events.clicked_line)].label);
  }
  if (events.isolated_line >= 0) {
    std::vector<std::string> labels;
    for (const plot::Line& line : spec.lines) labels.push_back(line.label);
    isolate_line(view.look.choices[plan.id],
                 spec.lines[static_cast<std::size_t>(events.isolated_line)].label, labels);
  }
  if (!events.dropped.empty()) add_signal(events.dropped, plan, view);
  if (!events.menu) return;
  view.plot_menu.open = true;
  view.plot_menu.plot = plan.id;
  view.plot_menu.name = {};
  plan.title.copy(view.plot_menu.name.data(), view.plot_menu.name.size() - 1);
}

void draw_plot_menu(const run::PlotSpec& plan, const plot::PlotSpec& spec, Sheet& sheet) {
  View& view = sheet.view;
  if (view.plot_menu.plot != plan.id) return;
  ImGui::PushID(plan.id.c_str());
  if (view.plot_menu.open) ImGui::OpenPopup("plot menu");
  view.plot_menu.open = false;
  ImGui::PushStyleVar(ImGuiStyleVar_WindowPadding, {0.5F * em(), 0.4F * em()});
  const bool shown = ImGui::BeginPopup("plot menu");
  ImGui::PopStyleVar();
  if (shown) {
    draw_axis_items(plan, view);
    ImGui::Separator();
    draw_export_items(plan, spec, sheet);
    draw_own_items(plan, view);
    ImGui::EndPopup();
  } else {
    view.plot_menu.plot.clear();
  }
  ImGui::PopID();
}

}  // namespace phaseguard::dashboard
