#include <algorithm>

#include "monitor/base/table_text.h"
#include "monitor/dashboard/panels/keyboard.h"
#include "monitor/dashboard/panels/panels.h"
#include "monitor/dashboard/panels/plots/x_axis.h"
#include "monitor/dashboard/panels/timeline.h"

namespace phaseguard::dashboard {
namespace {

void note_item(View& view, const std::string& label) {
  view.controls[label] = {ImGui::GetItemRectMin(), ImGui::GetItemRectMax()};
}

// What protects the run that is shown, all at once.
void draw_protect_menu(const Model& model, View& view) {
  const bool open = ImGui::BeginMenu("Protect");
  note_item(view, "Protect");
  if (!open) return;
  const std::string obstacle = model.command_obstacle();
  if (ImGui::MenuItem("Force everything that protects...", "Ctrl+Shift+F, F", false,
                      obstacle.empty())) {
    open_panic(model, view);
  }
  note_item(view, "menu panic");
  if (!obstacle.empty()) plot::say(obstacle);
  ImGui::EndMenu();
}

// Runs that came after one was shown are new until the operator has seen the list.
void draw_run_menu(const Model& model, View& view, std::vector<Action>& actions) {
  const bool open = ImGui::BeginMenu("Run");
  note_item(view, "Run");
  const std::vector<RunId>& runs = model.run_ids();
  const bool closed = view.run_menu_open && !open;
  if (closed || !view.had_run) view.runs_known = runs.size();
  view.runs_known = std::min(view.runs_known, runs.size());
  view.had_run = view.had_run || model.shown() != nullptr;
  view.run_menu_open = open;
  if (!open) return;
  const run::RunState* shown = model.shown();
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const bool chosen = shown != nullptr && shown->run == runs[i];
    const char* mark = i >= view.runs_known ? "new" : nullptr;
    if (ImGui::MenuItem(runs[i].text().c_str(), mark, chosen)) {
      actions.emplace_back(SelectRun{runs[i]});
    }
    note_item(view, "menu run " + runs[i].text());
  }
  ImGui::EndMenu();
}

// Along the lower edge of the menu, as far as the record has been read.
void draw_reading(const SourceState& source, View& view) {
  if (reading_text(source).empty()) return;
  const ImVec2 at = ImGui::GetWindowPos();
  const float bottom = at.y + ImGui::GetFrameHeight();
  const float width = ImGui::GetWindowWidth();
  const Box read{{at.x, bottom - 0.18F * em()},
                 {at.x + width * static_cast<float>(part_read(source)), bottom}};
  ImDrawList& draw = *ImGui::GetWindowDrawList();
  draw.AddRectFilled(read.lo, {at.x + width, bottom}, view.palette().border);
  draw.AddRectFilled(read.lo, read.hi, view.palette().text);
  view.controls["reading"] = read;
}

void draw_alarm_line(View& view, const AlarmLine& line, int id, std::vector<Action>& actions) {
  const plot::Palette& p = view.palette();
  const std::string text = text_of(line);
  const ImVec2 at = ImGui::GetCursorScreenPos();
  const float text_x = 8.4F * em();
  const float width = text_x + plot::text_size(text).x + em();
  ImGui::PushID(id);
  if (line.runs.empty()) {
    ImGui::Dummy({width, 1.4F * em()});
  } else if (ImGui::Selectable("##line", false, ImGuiSelectableFlags_None, {width, 1.4F * em()})) {
    actions.emplace_back(SelectRun{line.runs.front()});
  }
  if (!line.runs.empty()) note_item(view, "alarm of run " + line.runs.front().text());
  ImDrawList& draw = *ImGui::GetWindowDrawList();
  alarm_sign(p, {at.x + 0.8F * em(), at.y + 0.7F * em()}, 1.2F * em(), line.first.level,
             line.first.number);
  const ImVec2 word{at.x + 2.0F * em(), at.y + 0.2F * em()};
  plot::text_at(draw, word, sign_of(line.first.level, p).colour, line.first.word);
  plot::text_at(draw, {at.x + text_x, word.y}, p.text, text);
  if (line.runs.size() > 1 && ImGui::BeginMenu("        choose one of them")) {
    for (const RunId& run : line.runs) {
      if (ImGui::MenuItem(run.text().c_str())) actions.emplace_back(SelectRun{run});
      note_item(view, "menu run " + run.text());
    }
    ImGui::EndMenu();
  }
  ImGui::PopID();
}

// Lists them as they were when it opened, so that none moves away under the mouse.
void draw_alarm_menu(const Model& model, View& view, std::vector<Action>& actions) {
  const bool open = ImGui::BeginMenu("Alarms");
  note_item(view, "Alarms");
  if (!open) return;
  if (ImGui::MenuItem("List of all alarms", nullptr, view.alarm_list.open)) {
    view.alarm_list.open = !view.alarm_list.open;
  }
  note_item(view, "menu list of alarms");
  if (ImGui::IsWindowAppearing()) view.alarm_menu = plant_alarms(model);
  for (std::size_t i = 0; i < view.alarm_menu.size(); ++i) {
    draw_alarm_line(view, view.alarm_menu[i], static_cast<int>(i), actions);
  }
  if (view.alarm_menu.empty()) plot::say("no alarm of any run");
  ImGui::EndMenu();
}

// Named arrangements: the shell reads and writes them.
void draw_layouts(View& view) {
  const bool open = ImGui::BeginMenu("Layouts");
  note_item(view, "Layouts");
  if (!open) return;
  for (const std::string& name : view.layouts) {
    if (ImGui::MenuItem(name.c_str())) view.layout_to_read = name;
    note_item(view, "layout " + name);
  }
  if (!view.layouts.empty()) ImGui::Separator();
  ImGui::SetNextItemWidth(14.0F * em());
  ImGui::InputTextWithHint("##layout", "name", view.layout_name.data(), view.layout_name.size());
  note_item(view, "layout name");
  ImGui::SameLine();
  const std::string name = view.layout_name.data();
  if (button(view, "Save layout", {7.0F * em(), 0.0F}, name.empty() ? "give it a name" : "")) {
    view.layout_to_save = name;
  }
  if (!view.layout_said.empty()) plot::say(one_line(view.layout_said, 300));
  ImGui::EndMenu();
}

void draw_looks(View& view) {
  draw_layouts(view);
  ImGui::Separator();
  for (const plot::Theme theme : plot::kThemes) {
    const std::string label = std::string("Theme: ") + plot::name_of(theme);
    if (ImGui::MenuItem(label.c_str(), nullptr, view.theme == theme)) view.theme = theme;
    note_item(view, label);
  }
  ImGui::Separator();
  for (std::size_t size = 0; size < kTextNames.size(); ++size) {
    const std::string label = std::string("Text: ") + kTextNames[size];
    if (ImGui::MenuItem(label.c_str(), nullptr, view.text_size == size)) view.text_size = size;
    note_item(view, label);
  }
  if (view.memory_said.empty()) return;
  ImGui::Separator();
  plot::say(view.memory_said);
}

void draw_menu(const Model& model, const Replay& replay, View& view, std::vector<Action>& actions) {
  if (!ImGui::BeginMenuBar()) return;
  if (ImGui::BeginMenu("File")) {
    if (ImGui::MenuItem("Quit")) view.quit = true;
    note_item(view, "Quit");
    ImGui::EndMenu();
  }
  if (ImGui::BeginMenu("View")) {
    if (ImGui::MenuItem("Show every group of plots", nullptr, false, !view.hidden_groups.empty())) {
      view.hidden_groups.clear();
    }
    if (ImGui::MenuItem("Fit all steps", "F")) fit_all(view);
    ImGui::MenuItem("Follow the newest step", nullptr, &view.time.follow);
    if (ImGui::MenuItem("Timeline", nullptr, replay.open(), model.shown() != nullptr)) {
      actions.emplace_back(OpenTimeline{!replay.open()});
    }
    note_item(view, "Timeline");
    draw_looks(view);
    if (const std::string& kept = model.source().kept; !kept.empty()) {
      ImGui::Separator();
      plot::say(one_line(kept, 300));
    }
    ImGui::EndMenu();
  }
  note_item(view, "View");
  draw_run_menu(model, view, actions);
  draw_alarm_menu(model, view, actions);
  draw_protect_menu(model, view);
  if (ImGui::BeginMenu("Help")) {
    if (ImGui::MenuItem("Keys and gestures", "F1")) view.sheet_asked = true;
    note_item(view, "Keys and gestures");
    if (ImGui::MenuItem("Commands by name", "Ctrl + P")) view.commands_asked = true;
    ImGui::EndMenu();
  }
  note_item(view, "Help");
  const run::RunState* state = model.shown();
  std::string title = state == nullptr ? waiting_text(model) : "run: " + state->run.text();
  if (replay.past() != nullptr) title += "    " + replay.moment_text();
  if (view.chord_s > 0.0) title += "    F: force everything that protects it";
  if (!view.memory_problem.empty()) title += "    " + one_line(view.memory_problem, 120);
  const std::size_t fresh = model.run_ids().size() - view.runs_known;
  if (fresh > 0) {
    title += "    " + counted(static_cast<std::int64_t>(fresh), "new run") + ", see Run";
  }
  const SourceState& source = model.source();
  const std::string reading = reading_text(source);
  const std::string kind = source.live ? "live" : reading.empty() ? "recorded" : reading;
  const std::string place = kind + "  " + source.place;
  const float right = ImGui::GetWindowPos().x + ImGui::GetWindowWidth() - 0.8F * em();
  const float y = ImGui::GetCursorScreenPos().y + 0.25F * em();
  const float title_width = plot::text_size(title).x;
  const float middle = ImGui::GetWindowPos().x + 0.5F * (ImGui::GetWindowWidth() - title_width);
  ImDrawList& draw = *ImGui::GetWindowDrawList();
  plot::text_at(draw, {middle, y}, view.palette().text, title);
  const std::string shown_place = plot::elided(place, right - middle - title_width - 2.0F * em());
  plot::text_at(draw, {right - plot::text_size(shown_place).x, y}, view.palette().dim, shown_place);
  draw_reading(source, view);
  ImGui::EndMenuBar();
}

// The rows of the event list, made anew only when the record has grown.
void refresh_events(const Model& model, View& view) {
  const run::RunState* state = model.shown();
  if (state == nullptr) {
    view.events.clear();
    view.cached_run = {};
    return;
  }
  std::size_t outcomes = 0;
  for (const run::RequestState& r : state->requests) outcomes += r.outcome.empty() ? 0 : 1;
  if (view.cached_run == state->run && view.cached_seq == state->last_seq &&
      view.cached_outcomes == outcomes) {
    return;
  }
  if (view.cached_run != state->run) {  // another run: its own axes
    view.time = {};
    view.values.clear();
    view.smoothed.clear();
    view.statistics.clear();
  }
  view.cached_run = state->run;
  view.cached_seq = state->last_seq;
  view.cached_outcomes = outcomes;
  view.events = event_rows(*state, 2000);
}

// `live`: the present, whose list of runs is shown.
void draw_columns(const Model& model, const Model& live, View& view, ImVec2 at, ImVec2 size,
                  std::vector<Action>& actions) {
  const float gap = 0.4F * em();
  const float left = std::min(view.left_em * em(), 0.35F * size.x);
  const float right = std::min(view.right_em * em(), 0.35F * size.x);
  const float middle = size.x - left - right - 2.0F * gap;
  draw_left_column(model, view, at, {left, size.y});
  splitter(view, "left splitter", {at.x + left, at.y}, {gap, size.y}, view.left_em, 1.0F, true,
           14.0F, 40.0F);
  const ImVec2 centre{at.x + left + gap, at.y};
  if (view.alarm_list.open) {
    draw_alarm_list(live, view, centre, {middle, size.y}, actions);
  } else {
    draw_plots(model, view, centre, {middle, size.y}, actions);
  }
  splitter(view, "right splitter", {centre.x + middle, at.y}, {gap, size.y}, view.right_em, -1.0F,
           true, 16.0F, 40.0F);
  draw_right_column(model, live, view, {centre.x + middle + gap, at.y}, {right, size.y}, actions);
}

}  // namespace

void draw_dashboard(const Model& live, Replay& replay, View& view, std::vector<Action>& actions) {
  const Model& model = replay.past() != nullptr ? *replay.past() : live;
  ImGui::GetIO().ConfigFlags &= ~ImGuiConfigFlags_NavEnableKeyboard;  // but in a dialog
  view.controls.clear();
  if (view.picture) {
    view.picture->place = {};
    view.picture->clear = !ImGui::IsPopupOpen("", ImGuiPopupFlags_AnyPopup);
    view.time.cursor = wire::kNaN;
  }
  view.why.clear();
  if (model.shown() != nullptr) view.why = replay.why(*model.shown());
  refresh_events(model, view);
  view.plots.clear();
  if (const run::RunState* state = model.shown()) {
    view.plots = chosen_plots(*state, run::plots_of(*state), view.look);
    view.steps = extent_of(*state, {});
  }
  const ImVec2 display = ImGui::GetIO().DisplaySize;
  ImGui::SetNextWindowPos({0.0F, 0.0F});
  ImGui::SetNextWindowSize(display);
  ImGui::Begin("phaseguard", nullptr,
               ImGuiWindowFlags_NoDecoration | ImGuiWindowFlags_NoMove |
                   ImGuiWindowFlags_NoSavedSettings | ImGuiWindowFlags_NoBringToFrontOnFocus |
                   ImGuiWindowFlags_NoScrollWithMouse | ImGuiWindowFlags_MenuBar);
  draw_menu(live, replay, view, actions);
  const float gap = 0.4F * em();
  const float menu = ImGui::GetFrameHeight() + gap;
  const float width = display.x - 2.0F * gap;
  const float banners = height_of_banners();
  draw_banners(live, view, {gap, menu}, width);
  const float top = menu + banners;
  const bool evidence = model.decision(model.selected_decision()) != nullptr;
  const float bottom_em = evidence ? std::max(view.bottom_em, 16.0F) : view.bottom_em;
  const float timeline = height_of_timeline(replay);
  const float bottom = std::min(bottom_em * em(), (timeline > 0.0F ? 0.16F : 0.33F) * display.y);
  const float middle =
      display.y - top - bottom - 2.0F * gap - (timeline > 0.0F ? timeline + gap : 0.0F);
  if (replay.past() != nullptr) {  // what is framed so is not the present
    ImGui::GetWindowDrawList()->AddRect({0.25F * gap, top - 0.5F * gap},
                                        {display.x - 0.25F * gap, top + middle + 0.5F * gap},
                                        view.palette().text, 0.0F, 0, 0.15F * em());
  }
  const double cursor = view.time.cursor;
  draw_columns(model, live, view, {gap, top}, {width, middle}, actions);
  if (view.time.cursor == cursor && ImGui::GetIO().MouseDelta.x != 0.0F) {
    view.time.cursor = wire::kNaN;  // the mouse has left the plots
  }
  if (timeline > 0.0F) {
    draw_timeline(replay, view, {gap, display.y - bottom - 2.0F * gap - timeline},
                  {width, timeline}, actions);
  }
  const float foot_y = display.y - bottom - gap;
  splitter(view, "bottom splitter", {gap, foot_y - gap}, {width, gap}, view.bottom_em, -1.0F, false,
           6.0F, 30.0F);
  const ImVec2 foot{gap, foot_y};
  const float events_width = evidence ? 0.38F * width : width;
  draw_events(model, view, foot, {events_width, bottom}, actions);
  if (evidence) {
    draw_evidence(model, view, {foot.x + events_width + gap, foot.y},
                  {width - events_width - gap, bottom}, actions);
  }
  watch_keys(live, replay, view, actions);
  watch_panic_keys(live, view);
  draw_dialogs(live, view, actions);
  ImGui::End();
}

}  // namespace phaseguard::dashboard
