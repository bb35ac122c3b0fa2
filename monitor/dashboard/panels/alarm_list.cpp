// The alarms of all runs in one list, where the plots are otherwise: in force, shelved, ended.
#include <algorithm>

#include "monitor/dashboard/model/alarm_book.h"
#include "monitor/dashboard/panels/dialog.h"
#include "monitor/dashboard/panels/panels.h"

namespace phaseguard::dashboard {
namespace {

using plot::text_at;

constexpr float kRowEm = 2.9F;
constexpr const char* kShelveTitle = "Shelve an alarm###shelve";

std::string key_of(const AlarmRow& row) {
  return std::to_string(static_cast<int>(row.first.level)) + "/" + name_of(row.state) + "/" +
         (row.ids.front().about);
}

// While the mouse is over the list nothing in it moves: what came is appended, and the place of
// what went stays empty.
std::vector<const AlarmRow*> placed(View& view, const std::vector<AlarmRow>& rows, bool hovered) {
  std::vector<std::string>& order = view.alarm_list.order;
  if (!hovered) order.clear();
  for (const AlarmRow& row : rows) {
    const std::string key = key_of(row);
    if (std::find(order.begin(), order.end(), key) == order.end()) order.push_back(key);
  }
  std::vector<const AlarmRow*> out;
  for (const std::string& key : order) {
    const auto found = std::find_if(rows.begin(), rows.end(),
                                    [&](const AlarmRow& row) { return key_of(row) == key; });
    out.push_back(found == rows.end() ? nullptr : &*found);
  }
  return out;
}

void row_buttons(View& view, const AlarmRow& row, ImVec2 right, std::vector<Action>& actions) {
  const ImVec2 size{7.0F * em(), 1.3F * em()};
  const std::string key = " alarm " + row.ids.front().about + " of " + row.ids.front().run.text();
  const bool shelved = row.state == AlarmState::kShelved;
  const float gap = 0.35F * em();
  ImGui::SetCursorScreenPos({right.x - 2.0F * size.x - gap, right.y});
  const char* seen = row.state == AlarmState::kAcknowledged ? "it has been seen"
                     : shelved                              ? "it is shelved"
                                                            : "";
  if (button(view, "Acknowledge", size, seen, "Acknowledge" + key)) {
    actions.emplace_back(AcknowledgeAlarms{row.ids});
  }
  ImGui::SetCursorScreenPos({right.x - size.x, right.y});
  const char* over = row.state == AlarmState::kReturned ? "it is over: acknowledge it" : "";
  if (button(view, shelved ? "Unshelve" : "Shelve...", size, over,
             (shelved ? "Unshelve" : "Shelve") + key)) {
    if (shelved) {
      actions.emplace_back(UnshelveAlarms{row.ids});
    } else {
      view.form = {};
      view.form.open = Dialog::kShelve;
      view.form.shelved = row;
    }
  }
}

void draw_row(View& view, const AlarmRow& row, bool ended, std::vector<Action>& actions) {
  const plot::Palette& p = view.palette();
  ImDrawList& draw = *ImGui::GetWindowDrawList();
  const float width = row_width();
  const ImVec2 at = next_row(kRowEm);
  const ImVec2 below = ImGui::GetCursorScreenPos();
  const bool in_force = !ended && row.state != AlarmState::kReturned;
  const ImVec2 sign{at.x + 0.9F * em(), at.y + 0.8F * em()};
  const ImU32 ink = in_force ? sign_of(row.first.level, p).colour : p.dim;
  if (in_force) {
    alarm_sign(p, sign, 1.3F * em(), row.first.level, row.first.number,
               is_blinked_off(view, row.first.level, row.state));
  } else {
    plot::shape_at(draw, sign, 1.0F * em(), plot::Shape::kRing, p.dim);
  }
  text_at(draw, {at.x + 2.0F * em(), at.y + 0.25F * em()}, ink, row.first.word);
  const float text_x = at.x + 7.3F * em();
  const float buttons = ended ? 0.0F : 14.8F * em();
  say_elided({text_x, at.y + 0.25F * em()}, at.x + width - text_x, p.text, row.text);
  say_elided({text_x, at.y + 1.5F * em()}, at.x + width - text_x - buttons, p.dim, row.note);
  view.controls["alarm row " + row.text] = {at, {at.x + width, at.y + kRowEm * em()}};
  if (ended) return;
  ImGui::PushID(key_of(row).c_str());
  row_buttons(view, row, {at.x + width, at.y + 1.45F * em()}, actions);
  ImGui::PopID();
  ImGui::SetCursorScreenPos(below);
}

void draw_head(const Model& model, View& view) {
  AlarmList& list = view.alarm_list;
  const AlarmBook& book = model.alarm_book();
  const auto shelved = book.count(AlarmState::kShelved);
  const auto standing = static_cast<std::int64_t>(book.entries().size()) - shelved;
  const std::pair<const char*, std::int64_t> tabs[] = {
      {"In force", standing},
      {"Shelved", shelved},
      {"Ended", static_cast<std::int64_t>(book.history().size())}};
  for (int i = 0; i < 3; ++i) {
    const std::string label = std::string(tabs[i].first) + " " + std::to_string(tabs[i].second);
    if (i > 0) ImGui::SameLine(0.0F, 0.4F * em());
    ImGui::PushID(i);
    const ImU32 ink = list.tab == i ? view.palette().button_hot : view.palette().button;
    ImGui::PushStyleColor(ImGuiCol_Button, ink);
    if (button(view, label.c_str(), {6.5F * em(), 1.6F * em()}, "",
               "list " + std::string(tabs[i].first))) {
      list.tab = i;
    }
    ImGui::PopStyleColor();
    ImGui::PopID();
  }
  ImGui::SameLine(0.0F, 0.8F * em());
  ImGui::SetNextItemWidth(10.0F * em());
  ImGui::InputTextWithHint("##filter", "filter", list.filter.data(), list.filter.size());
  note_item(view, "filter of alarms");
  ImGui::SameLine(0.0F, 0.8F * em());
  if (button(view, "Plots", {5.0F * em(), 1.6F * em()}, "", "close alarms")) list.open = false;
}

}  // namespace

void draw_alarm_list(const Model& model, View& view, ImVec2 at, ImVec2 size,
                     std::vector<Action>& actions) {
  begin_panel(view, "ALARMS of all runs", at, size, true,
              "acknowledging and shelving change nothing in a run");
  draw_head(model, view);
  const AlarmList& list = view.alarm_list;
  const std::string filter = list.filter.data();
  const std::vector<AlarmRow> rows =
      list.tab == 2 ? ended_rows(model, filter) : alarm_rows(model, list.tab == 1, filter);
  const bool hovered = ImGui::IsWindowHovered(ImGuiHoveredFlags_AllowWhenBlockedByActiveItem);
  if (list.tab == 2) {
    for (const AlarmRow& row : rows) draw_row(view, row, true, actions);
  } else {
    for (const AlarmRow* row : placed(view, rows, hovered)) {
      if (row == nullptr) {
        next_row(kRowEm);
      } else {
        draw_row(view, *row, false, actions);
      }
    }
  }
  if (rows.empty()) {
    text_at(*ImGui::GetWindowDrawList(), next_row(), view.palette().dim,
            filter.empty() ? "none" : "none that the filter lets through");
  }
  end_panel();
}

void draw_shelve(const Model& model, View& view, std::vector<Action>& actions) {
  if (!begin_dialog(view, Dialog::kShelve, kShelveTitle)) return;
  Form& form = view.form;
  plot::say(form.shelved.first.word + "  " + plot::elided(form.shelved.text, 30.0F * em()));
  say_quietly(view,
              "It is put aside for everybody at this window, not for the run, and comes back "
              "at the end or when it grows graver. You act as " +
                  one_line(model.operator_name(), 40) + ".");
  const bool one_run = form.shelved.ids.size() == 1 && !form.shelved.ids[0].run.empty();
  ImGui::RadioButton("1 h", &form.shelf, 0);
  note_item(view, "shelf 1 h");
  ImGui::SameLine();
  ImGui::RadioButton("8 h", &form.shelf, 1);
  note_item(view, "shelf 8 h");
  ImGui::SameLine();
  ImGui::BeginDisabled(!one_run);
  ImGui::RadioButton("until step", &form.shelf, 2);
  note_item(view, "shelf step");
  ImGui::SameLine();
  ImGui::SetNextItemWidth(7.0F * em());
  ImGui::InputInt("##shelf step", &form.shelf_step, 10, 100);
  ImGui::EndDisabled();
  reason_field(view, "why (needed)");
  Shelf shelf{form.reason.data(), form.shelf == 0 ? 3600.0 : kLongestShelfS, Step{-1}};
  const run::RunState* state = one_run ? model.find(form.shelved.ids[0].run) : nullptr;
  if (form.shelf == 2) shelf.until_step = Step{form.shelf_step};
  std::string obstacle = is_blank(form.reason) ? "give a reason" : "";
  if (form.shelf == 2 && (state == nullptr || shelf.until_step <= state->step)) {
    obstacle = "expected a step of its run that is still to come";
  }
  if (ask(view, Ask::kClick, "Shelve", obstacle)) {
    actions.emplace_back(ShelveAlarms{form.shelved.ids, shelf});
  }
  say_below(view, obstacle, !obstacle.empty());
  ImGui::EndPopup();
}

}  // namespace phaseguard::dashboard
