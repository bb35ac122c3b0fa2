// The column of plots: a row that names the groups, the plots below it, which scroll when there are
// more than fit, and the knobs pinned at the bottom with the steps.
#include <algorithm>
#include <cmath>

#include "monitor/base/printable.h"
#include "monitor/base/text.h"
#include "monitor/dashboard/panels/panels.h"
#include "monitor/dashboard/panels/plots/chips.h"
#include "monitor/dashboard/panels/plots/plots.h"

namespace phaseguard::dashboard {
namespace {

using Plans = std::vector<const run::PlotSpec*>;

constexpr float kLeastWatched = 5.4F;   // em: what a plot needs to be read at a glance
constexpr float kMostWatched = 6.6F;    // em: more only where nothing has to be scrolled
constexpr float kLeastRow = 4.6F;       // em: any other plot
constexpr float kTwoColumns = 50.0F;    // em: from this width on, two small plots beside each other
constexpr std::size_t kMostPinned = 2;  // knobs
constexpr float kLeastToPin = 14.0F;    // em: below this height everything scrolls

struct Group {
  std::string name;
  std::string title;
  Plans plots;
  bool hidden = false;
  std::size_t troubled = 0;  // plots whose newest value is bad, missing or overdue
};

// What the column shows of the run's plots.
struct Shown {
  Plans watched;
  std::vector<Group> groups;  // of the others
  Plans pinned;
  std::size_t total = 0;
};

bool is_troubled(const Model& model, const run::PlotSpec& plan) {
  for (const run::StaleSignal& late : model.health().stale) {
    if (late.name == plan.name) return true;
  }
  const auto found = model.shown()->signals.find(plan.name);
  if (found == model.shown()->signals.end() || found->second.series.empty()) return false;
  return found->second.quality != Quality::kGood;
}

// Knobs that rules of the policy move, else the first one there is.
Plans pinned_knobs(const run::RunState& state, const std::vector<run::PlotSpec>& plots) {
  const auto is_moved = [&](const std::string& knob) {
    if (!state.policy) return false;
    const auto& rules = state.policy->rules;
    return std::any_of(rules.begin(), rules.end(), [&](const wire::RuleInfo& rule) {
      return std::any_of(rule.sets.begin(), rule.sets.end(),
                         [&](const wire::KnobSetting& set) { return set.knob == knob; });
    });
  };
  Plans pinned;
  const run::PlotSpec* first = nullptr;
  for (const run::PlotSpec& plan : plots) {
    if (!plan.is_knob) continue;
    if (first == nullptr) first = &plan;
    if (pinned.size() < kMostPinned && is_moved(plan.name)) pinned.push_back(&plan);
  }
  if (pinned.empty() && first != nullptr) pinned.push_back(first);
  return pinned;
}

Shown sorted_out(const Model& model, const View& view, bool pins) {
  Shown shown;
  if (pins) shown.pinned = pinned_knobs(*model.shown(), view.plots);
  shown.total = view.plots.size();
  for (const run::PlotSpec& plan : view.plots) {
    const bool pinned =
        std::find(shown.pinned.begin(), shown.pinned.end(), &plan) != shown.pinned.end();
    if (pinned) continue;
    if (plan.is_watched() || is_own(view.look, plan.id)) {
      shown.watched.push_back(&plan);
      continue;
    }
    const std::string name = plan.is_knob ? "knobs" : plan.group;
    if (shown.groups.empty() || shown.groups.back().name != name) {
      shown.groups.push_back({name, plan.is_knob ? "Knobs" : plan.group_title, {}, false, 0});
      shown.groups.back().hidden = view.hidden_groups.count(name) > 0;
    }
    shown.groups.back().plots.push_back(&plan);
    shown.groups.back().troubled += is_troubled(model, plan) ? 1 : 0;
  }
  return shown;
}

std::string chip_text(const Group& group) {
  const std::string text = one_line(group.name, 24) + "  " + std::to_string(group.plots.size());
  return group.hidden ? text + " hidden" : text;
}

void chip_tooltip(const Group& group) {
  std::string text = one_line(group.title, 40) + ": ";
  text += group.hidden ? "put away; click to show" : "click to put away";
  for (const run::PlotSpec* plan : group.plots) text += "\n" + one_line(plan->name, 80);
  if (group.troubled > 0) {
    text += "\n" + std::to_string(group.troubled) + " bad, missing or overdue";
  }
  plot::tooltip(text);
}

float group_width(const Group& group) {
  return plot::text_size(chip_text(group)).x + (group.troubled > 0 ? 2.2F : 1.0F) * em();
}

void toggle(View& view, const Group& group) {
  if (group.hidden) {
    view.hidden_groups.erase(group.name);
    view.group_to_show = group.name;
  } else {
    view.hidden_groups.insert(group.name);
  }
}

// One group: filled while it is shown, an outline that says so while it is put away.
void draw_chip(View& view, const Group& group, ImVec2 at, float width) {
  const plot::Palette& p = view.palette();
  ImDrawList& draw = *ImGui::GetWindowDrawList();
  const std::string text = chip_text(group);
  const bool warns = group.troubled > 0;
  const ImVec2 hi{at.x + width, at.y + 1.4F * em()};
  ImGui::SetCursorScreenPos(at);
  ImGui::PushID(group.name.c_str());
  if (ImGui::InvisibleButton("group", {width, hi.y - at.y})) toggle(view, group);
  ImGui::PopID();
  view.controls["group " + group.name] = {at, hi};
  const bool hot = ImGui::IsItemHovered();
  if (hot) chip_tooltip(group);
  if (!group.hidden || hot) {
    draw.AddRectFilled(at, hi, hot ? p.button_hot : p.button, 0.2F * em());
  }
  if (group.hidden) draw.AddRect(at, hi, p.dim, 0.2F * em());
  float x = at.x + 0.5F * em();
  if (warns) {
    plot::shape_at(draw, {x + 0.4F * em(), at.y + 0.7F * em()}, 0.8F * em(), plot::Shape::kCross,
                   p.text);
    x += 1.2F * em();
  }
  plot::text_at(draw, {x, at.y + 0.15F * em()}, group.hidden ? p.text : p.dim,
                plot::elided(text, hi.x - 0.3F * em() - x));
}

// What the chip of the groups from this one on says; nothing that is wrong goes unsaid.
std::string rest_text(const Shown& shown, std::size_t from) {
  std::size_t troubled = 0;
  for (std::size_t i = from; i < shown.groups.size(); ++i) troubled += shown.groups[i].troubled;
  const std::string text = "and " + std::to_string(shown.groups.size() - from) + " more";
  return troubled == 0 ? text : text + ", " + std::to_string(troubled) + " bad";
}

// Those groups as a menu.
void draw_rest(View& view, const Shown& shown, std::size_t from, ImVec2 at) {
  const bool pressed = chip(view, "more groups", at, rest_text(shown, from), false);
  if (!begin_menu("groups menu", pressed, {at.x, at.y + 1.6F * em()})) return;
  for (std::size_t i = from; i < shown.groups.size(); ++i) {
    const Group& group = shown.groups[i];
    std::string text = one_line(group.name, 40) + "  " + std::to_string(group.plots.size());
    if (group.troubled > 0) text += ", " + std::to_string(group.troubled) + " bad";
    const std::string item = printable(text) + "###" + std::to_string(i);
    if (ImGui::MenuItem(item.c_str(), nullptr, !group.hidden)) toggle(view, group);
    note_control(view, "choose group " + group.name);
    if (ImGui::IsItemHovered()) chip_tooltip(group);
  }
  ImGui::EndPopup();
}

// The row of groups, at most two of them. Gives the height. `note` is what does not fit below.
float draw_groups(View& view, const Shown& shown, const std::string& note, ImVec2 at, float width) {
  const plot::Palette& p = view.palette();
  ImDrawList& draw = *ImGui::GetWindowDrawList();
  const float left = at.x + plot::data_area({0.0F, 0.0F}, {0.0F, 0.0F}, false).lo.x;
  const float right = at.x + width - 0.8F * em();
  const float row = 1.6F * em();
  const float note_width = plot::text_size(note).x;
  const float rest = chip_width(rest_text(shown, 0));
  float x = left;
  float y = at.y;
  if (!shown.watched.empty()) {
    const std::string text = "watched  " + std::to_string(shown.watched.size());
    plot::text_at(draw, {x, y + 0.15F * em()}, p.text, text);
    x += plot::text_size(text).x + 0.9F * em();
  }
  for (std::size_t i = 0; i < shown.groups.size(); ++i) {
    const bool first_row = y == at.y;
    // Room for the note in the first row, for the rest in the second.
    const float end = right - (first_row ? note_width + em() : rest + 0.4F * em());
    const float wanted = group_width(shown.groups[i]);
    if (x + wanted > end && x > left) {
      if (!first_row) {
        draw_rest(view, shown, i, {x, y});
        break;
      }
      x = left;
      y += row;
    }
    const float wide = std::max(std::min(wanted, end - x), 2.0F * em());
    draw_chip(view, shown.groups[i], {x, y}, wide);
    x += wide + 0.4F * em();
  }
  plot::text_at(draw, {right - note_width, at.y + 0.15F * em()}, p.text, note);
  return y + row - at.y;
}

struct Cell {
  const run::PlotSpec* plan = nullptr;
  std::string group;  // "": watched
  float x = 0.0F;     // from the top left corner of what scrolls, in pixels
  float y = 0.0F;
  float width = 0.0F;
  float height = 0.0F;
  bool numbers_steps = false;
};

struct Layout {
  std::vector<Cell> cells;
  float height = 0.0F;       // of all rows
  float pinned_each = 0.0F;  // height of a pinned knob
  float scale = 1.0F;        // by which rows are higher than they must be
  bool two_columns = false;
  bool scrolls = false;
};

// Rows of the others, one or two plots in each.
std::size_t rows_of(std::size_t plots, bool two_columns) {
  return two_columns ? (plots + 1) / 2 : plots;
}

// Each watched signal has a row of its own. The others have one too as long as all fit; then two of
// them share a row where the column is wide enough; what still does not fit is reached by
// scrolling. Where all fits, rows grow together until the column is full. `size` is without the
// steps' foot; pinned knobs take their part of it.
Layout laid_out(const Shown& shown, ImVec2 size) {
  Layout layout;
  std::vector<Cell> rest;
  for (const run::PlotSpec* plan : shown.watched) layout.cells.push_back({plan, ""});
  for (const Group& group : shown.groups) {
    if (group.hidden) continue;
    for (const run::PlotSpec* plan : group.plots) rest.push_back({plan, group.name});
  }
  const auto n_watched = static_cast<float>(layout.cells.size());
  const float pinned = kLeastRow * em() * static_cast<float>(shown.pinned.size());
  const auto needed = [&](bool two) {
    const auto rows = static_cast<float>(rows_of(rest.size(), two));
    const float foot = two ? plot::step_labels_height() : 0.0F;  // of the last row
    return em() * (n_watched * kLeastWatched + rows * kLeastRow) + foot + pinned;
  };
  layout.two_columns = rest.size() > 1 && size.x >= kTwoColumns * em() && needed(false) > size.y;
  layout.scrolls = needed(layout.two_columns) > size.y;
  if (!layout.scrolls) layout.scale = size.y / std::max(needed(layout.two_columns), 1.0F);
  layout.pinned_each = kLeastRow * em() * layout.scale;
  float watched = kLeastWatched * em() * layout.scale;
  if (layout.scrolls && n_watched > 0.0F) {
    watched = std::clamp((size.y - pinned) / n_watched, kLeastRow * em(), kMostWatched * em());
  }
  const float width = size.x - (layout.scrolls ? ImGui::GetStyle().ScrollbarSize : 0.0F);
  for (Cell& cell : layout.cells) {
    cell.y = layout.height;
    cell.width = width;
    cell.height = watched;
    layout.height += watched;
  }
  const std::size_t columns = layout.two_columns ? 2 : 1;
  const float each = kLeastRow * em() * layout.scale;
  const std::size_t rows = rows_of(rest.size(), layout.two_columns);
  for (std::size_t i = 0; i < rest.size(); ++i) {
    rest[i].width = width / static_cast<float>(columns);
    rest[i].x = rest[i].width * static_cast<float>(i % columns);
    const std::size_t line = i / columns;
    rest[i].y = layout.height + each * static_cast<float>(line);
    rest[i].height = each;
    rest[i].numbers_steps = layout.two_columns && i / columns + 1 == rows;
    if (rest[i].numbers_steps) rest[i].height += plot::step_labels_height() * layout.scale;
    layout.cells.push_back(rest[i]);
  }
  if (!rest.empty()) layout.height = rest.back().y + rest.back().height;
  return layout;
}

// Where the plot of a picture is: what of it is in sight.
void place_picture(View& view, const std::string& plot, ImVec2 at, ImVec2 size) {
  if (!view.picture || view.picture->plot != plot) return;
  const ImVec2 lo = ImGui::GetWindowDrawList()->GetClipRectMin();
  const ImVec2 hi = ImGui::GetWindowDrawList()->GetClipRectMax();
  view.picture->place = {{std::max(at.x, lo.x), std::max(at.y, lo.y)},
                         {std::min(at.x + size.x, hi.x), std::min(at.y + size.y, hi.y)}};
}

void draw_one(const run::PlotSpec& plan, plot::PlotSpec& spec, Sheet& sheet, ImVec2 at, ImVec2 size,
              bool noted, std::vector<Action>& actions, bool& hovered) {
  View& view = sheet.view;
  const auto events =
      plot::draw_plot(spec, view.palette(), view.time, view.values[spec.id], at, size);
  hovered = hovered || events.hovered;
  place_picture(view, spec.id, at, size);
  if (events.clicked_marker > 0) actions.emplace_back(SelectDecision{events.clicked_marker});
  on_plot_events(events, plan, spec, view);
  draw_plot_menu(plan, spec, sheet);
  if (!noted) return;
  const auto [lo, hi] = plot::data_area(at, size, spec.step_labels);
  view.controls["plot " + spec.id] = {lo, hi};
  view.controls["title of " + spec.id] = {{lo.x, at.y}, {hi.x, lo.y}};
  for (std::size_t i = 0; i < events.legend.size(); ++i) {
    const plot::Range x = events.legend[i];
    view.controls["legend of " + spec.id + ": " + spec.lines[i].label] = {
        {static_cast<float>(x.lo), at.y}, {static_cast<float>(x.hi), lo.y}};
  }
}

// The wheel zooms over data; over titles and margins it scrolls, and so do the paging keys.
void scroll(float height, bool over_data) {
  const ImGuiIO& io = ImGui::GetIO();
  const float row = kLeastRow * em();
  float by = 0.0F;
  if (ImGui::IsWindowHovered() && !over_data && !io.KeyShift) by -= io.MouseWheel * 0.5F * row;
  if (!io.WantTextInput && !ImGui::IsPopupOpen("", ImGuiPopupFlags_AnyPopup)) {
    if (is_pressed(ImGuiKey_PageDown)) by += height - 0.5F * row;
    if (is_pressed(ImGuiKey_PageUp)) by -= height - 0.5F * row;
  }
  if (by != 0.0F) ImGui::SetScrollY(ImGui::GetScrollY() + by);
}

// The part that scrolls. Gives how many plots are in sight, by half at least.
std::size_t draw_cells(View& view, const Layout& layout, Sheet& sheet, ImVec2 at, ImVec2 size,
                       std::vector<Action>& actions) {
  ImGui::SetCursorScreenPos(at);
  ImGui::BeginChild("plots", size, false, ImGuiWindowFlags_NoScrollWithMouse);
  const ImVec2 origin = ImGui::GetCursorScreenPos();
  std::size_t in_sight = 0;
  bool over_data = false;
  bool named = false;
  for (const Cell& cell : layout.cells) {
    if (!view.group_to_show.empty() && view.group_to_show == cell.group) {
      view.group_to_show.clear();
      ImGui::SetScrollY(cell.y);
    }
    const ImVec2 from{origin.x + cell.x, origin.y + cell.y};
    const float middle = from.y + 0.5F * cell.height;
    const bool noted = middle >= at.y && middle <= at.y + size.y;
    in_sight += noted ? 1 : 0;
    if (from.y + cell.height <= at.y || from.y >= at.y + size.y) continue;
    plot::PlotSpec spec = spec_of(*cell.plan, sheet);
    spec.marker_texts = noted && !named;
    named = named || noted;
    spec.step_labels = cell.numbers_steps;
    draw_one(*cell.plan, spec, sheet, from, {cell.width, cell.height}, noted, actions, over_data);
  }
  ImGui::SetCursorScreenPos(origin);
  ImGui::Dummy({1.0F, layout.height - 1.0F});
  if (layout.scrolls) scroll(size.y, over_data);
  ImGui::EndChild();
  return in_sight;
}

// Knobs that stay in sight, with the steps below them.
void draw_pinned(View& view, const Plans& knobs, Sheet& sheet, ImVec2 at, ImVec2 size,
                 std::vector<Action>& actions) {
  if (knobs.empty()) {
    plot::draw_step_labels(view.palette(), view.time, at, size.x);
    return;
  }
  const float foot = plot::step_labels_height();  // extra of the bottom plot
  const float each = (size.y - foot) / static_cast<float>(knobs.size());
  bool hovered = false;
  for (const run::PlotSpec* plan : knobs) {
    plot::PlotSpec spec = spec_of(*plan, sheet);
    spec.step_labels = plan == knobs.back();
    const float height = each + (spec.step_labels ? foot : 0.0F);
    draw_one(*plan, spec, sheet, at, {size.x, height}, true, actions, hovered);
    at.y += height;
  }
}

void draw_nothing(const Shown& shown, const plot::Palette& palette, ImVec2 at) {
  const char* text = shown.groups.empty() ? "the trainer has declared no signal yet"
                                          : "every group of plots is put away: click one above";
  plot::text_at(*ImGui::GetWindowDrawList(),
                {at.x + plot::data_area({0.0F, 0.0F}, {0.0F, 0.0F}, false).lo.x, at.y + em()},
                palette.dim, text);
}

// One x axis, and one grid, for plots of which the narrowest is so wide.
void begin_x(const Model& model, Sheet& sheet, float narrowest) {
  plot::TimeAxis& time = sheet.view.time;
  time.kind = sheet.along.kind;
  plot::Range extent = sheet.extent;
  if (model.stale()) extent.hi += std::max(2.0, 0.05 * extent.span());  // room for the hatch
  const float tick = time.kind == plot::XKind::kStep ? 5.0F : 7.0F;
  time.begin_frame(extent,
                   std::max(plot::kLeastTicks, static_cast<int>(narrowest / (tick * em()))));
}

void draw_run(const Model& model, View& view, ImVec2 at, ImVec2 size,
              std::vector<Action>& actions) {
  const float pad = 0.4F * em();
  at.y += pad;
  size.y -= 2.0F * pad;
  Sheet sheet(model, view);
  const float bar = draw_plot_bar(model, view, at, size.x);
  at.y += bar;
  size.y -= bar;
  const Shown shown = sorted_out(model, view, size.y >= kLeastToPin * em());
  std::string note;  // of the last frame; nothing that is out of sight goes unsaid
  if (view.plots_in_sight < shown.total) {
    note = std::to_string(view.plots_in_sight) + " of " + std::to_string(shown.total) + " in sight";
  }
  const float head = draw_groups(view, shown, note, at, size.x);
  at.y += head;
  size.y -= head;
  const float foot = plot::step_labels_height();
  const float table = readout_height(view, size.y);
  const float strip = strip_height(view, size.y);
  size.y -= table + strip;
  const Layout layout = laid_out(shown, {size.x, size.y - foot});
  begin_x(model, sheet, layout.two_columns ? 0.5F * size.x : size.x);
  const float pinned = layout.pinned_each * static_cast<float>(shown.pinned.size()) + foot;
  const ImVec2 cells{size.x, size.y - pinned};
  const ImVec2 edge{at.x, at.y + cells.y};
  view.plots_in_sight = shown.pinned.size();
  if (layout.cells.empty()) {
    draw_nothing(shown, view.palette(), at);
  } else {
    view.plots_in_sight += draw_cells(view, layout, sheet, at, cells, actions);
  }
  const float right = layout.scrolls ? ImGui::GetStyle().ScrollbarSize : 0.0F;
  if (layout.scrolls) {
    ImGui::GetWindowDrawList()->AddLine(edge, {edge.x + size.x, edge.y}, view.palette().border);
  }
  draw_pinned(view, shown.pinned, sheet, edge, {size.x - right, pinned}, actions);
  at.y += size.y;
  if (strip > 0.0F) draw_strip(sheet, at, {size.x - right, strip});
  if (table > 0.0F) draw_readout(sheet, {at.x, at.y + strip}, {size.x, table});
}

}  // namespace

void draw_plots(const Model& model, View& view, ImVec2 at, ImVec2 size,
                std::vector<Action>& actions) {
  panel_back(view, at, size);
  if (model.shown() == nullptr) {
    const std::string text = waiting_text(model);
    const ImVec2 extent = plot::text_size(text);
    plot::text_at(*ImGui::GetWindowDrawList(),
                  {at.x + 0.5F * (size.x - extent.x), at.y + 0.5F * size.y}, view.palette().dim,
                  text);
    return;
  }
  draw_run(model, view, at, size, actions);
}

}  // namespace phaseguard::dashboard
