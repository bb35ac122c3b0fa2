#include "monitor/dashboard/panels/keyboard.h"

#include <algorithm>

#include "monitor/dashboard/panels/orders.h"
#include "monitor/dashboard/panels/panels.h"

namespace phaseguard::dashboard {
namespace {

constexpr const char* kSheet = "Keys and gestures###help sheet";
constexpr const char* kList = "###commands";

bool is_f1_pressed() {
#if IMGUI_VERSION_NUM < 18700
  constexpr int kGlfwF1 = 290;
  return ImGui::IsKeyPressed(kGlfwF1, false);
#else
  return ImGui::IsKeyPressed(ImGuiKey_F1, false);
#endif
}

void centre_next_window(ImVec2 share) {
  const ImVec2 display = ImGui::GetIO().DisplaySize;
  ImGui::SetNextWindowPos({0.5F * display.x, share.y * display.y}, ImGuiCond_Always, {0.5F, 0.0F});
}

void draw_sheet(View& view) {
  if (view.sheet_asked) ImGui::OpenPopup(kSheet);
  view.sheet_asked = false;
  centre_next_window({0.5F, 0.08F});
  if (!ImGui::BeginPopupModal(kSheet, nullptr, ImGuiWindowFlags_AlwaysAutoResize)) return;
  if (ImGui::BeginTable("keys", 2)) {
    for (const Shortcut& each : shortcuts()) {
      ImGui::TableNextColumn();
      plot::say(each.keys);
      ImGui::TableNextColumn();
      plot::say(each.what);
    }
    ImGui::EndTable();
  }
  const bool closed = button(view, "Close##sheet", {8.0F * em(), 1.9F * em()});
  if (closed || is_pressed(ImGuiKey_Escape)) ImGui::CloseCurrentPopup();
  ImGui::EndPopup();
}

// Up and down go through what matches; the first one is chosen when the words change.
void move_choice(View& view, std::size_t count) {
  const auto last = static_cast<int>(count) - 1;
  if (is_pressed(ImGuiKey_DownArrow)) ++view.command_chosen;
  if (is_pressed(ImGuiKey_UpArrow)) --view.command_chosen;
  view.command_chosen = std::clamp(view.command_chosen, 0, std::max(last, 0));
}

void draw_commands(const std::vector<const NamedCommand*>& found, View& view,
                   const NamedCommand*& done) {
  for (std::size_t i = 0; i < found.size(); ++i) {
    const NamedCommand& each = *found[i];
    const bool chosen = static_cast<int>(i) == view.command_chosen;
    const std::string label = one_line(each.name, 80) + "##" + std::to_string(i);
    ImGui::BeginDisabled(!each.obstacle.empty());
    if (ImGui::Selectable(label.c_str(), chosen)) done = &each;
    ImGui::EndDisabled();
    view.controls["command " + each.name] = {ImGui::GetItemRectMin(), ImGui::GetItemRectMax()};
    if (chosen) ImGui::SetScrollHereY();
    const std::string right = each.obstacle.empty() ? each.keys : each.obstacle;
    const ImVec2 hi = ImGui::GetItemRectMax();
    const std::string shown = plot::elided(right, 22.0F * em());
    plot::text_at(*ImGui::GetWindowDrawList(),
                  {hi.x - plot::text_size(shown).x - 0.5F * em(), ImGui::GetItemRectMin().y},
                  view.palette().dim, shown);
  }
  if (found.empty()) plot::say("no command has these words");
}

void draw_list(const Model& live, const Replay& replay, View& view, std::vector<Action>& actions) {
  if (!view.commands_asked && !ImGui::IsPopupOpen(kList)) return;
  const std::vector<NamedCommand> all = named_commands(live, replay, view, actions);
  if (view.commands_asked) {
    view.command_words = {};
    view.command_chosen = 0;
    ImGui::OpenPopup(kList);
  }
  const bool appears = std::exchange(view.commands_asked, false);
  centre_next_window({0.5F, 0.15F});
  ImGui::SetNextWindowSize({42.0F * em(), 24.0F * em()});
  if (!ImGui::BeginPopup(kList, ImGuiWindowFlags_NoTitleBar | ImGuiWindowFlags_NoMove)) return;
  if (appears) ImGui::SetKeyboardFocusHere();
  ImGui::SetNextItemWidth(-1.0F);
  const bool entered = ImGui::InputTextWithHint(
      "##words", "what to do, such as theme or a run's name", view.command_words.data(),
      view.command_words.size(), ImGuiInputTextFlags_EnterReturnsTrue);
  if (ImGui::IsItemEdited()) view.command_chosen = 0;
  const auto found = matching(all, view.command_words.data());
  move_choice(view, found.size());
  const NamedCommand* done = nullptr;
  ImGui::BeginChild("found");
  draw_commands(found, view, done);
  ImGui::EndChild();
  if (entered && !found.empty()) done = found[static_cast<std::size_t>(view.command_chosen)];
  const bool chosen = done != nullptr && done->obstacle.empty();
  if (chosen || is_pressed(ImGuiKey_Escape)) ImGui::CloseCurrentPopup();
  ImGui::EndPopup();
  if (chosen) done->run();
}

// One of the runs after or before the one that is shown, in the order of the list.
void show_neighbour(const Model& live, int offset, std::vector<Action>& actions) {
  const auto& runs = live.run_ids();
  if (live.shown() == nullptr || runs.empty()) return;
  const auto at = std::find(runs.begin(), runs.end(), live.shown()->run) - runs.begin();
  const auto count = static_cast<std::ptrdiff_t>(runs.size());
  const auto to = static_cast<std::size_t>(((at + offset) % count + count) % count);
  actions.emplace_back(SelectRun{runs[to]});
}

void step_timeline(const Replay& replay, std::vector<Action>& actions) {
  if (!replay.complete()) return;
  const std::size_t place = replay.place();
  if (is_pressed(ImGuiKey_LeftArrow) && place > 0) actions.emplace_back(GoTo{place - 1});
  if (is_pressed(ImGuiKey_RightArrow) && replay.past() != nullptr) {
    actions.emplace_back(GoTo{place + 1});
  }
  if (is_pressed(ImGuiKey_Home)) actions.emplace_back(GoTo{0});
  if (is_pressed(ImGuiKey_End)) actions.emplace_back(GoTo{kPresent});
}

// From the innermost outwards: evidence, the past, the timeline.
void leave(const Model& live, const Replay& replay, std::vector<Action>& actions) {
  if (live.decision(live.selected_decision()) != nullptr) {
    actions.emplace_back(SelectDecision{0});
  } else if (replay.past() != nullptr) {
    actions.emplace_back(GoTo{kPresent});
  } else if (replay.open()) {
    actions.emplace_back(OpenTimeline{false});
  }
}

void hear_plain_keys(const Model& live, const Replay& replay, View& view,
                     std::vector<Action>& actions) {
  if (is_pressed(ImGuiKey_Space)) view.time.follow = !view.time.follow;
  if (is_letter_pressed('F')) fit_all(view);
  if (is_letter_pressed('L')) view.time.follow = true;
  if (is_letter_pressed('T')) actions.emplace_back(OpenTimeline{!replay.open()});
  if (is_letter_pressed('N')) show_neighbour(live, 1, actions);
  if (is_letter_pressed('P')) show_neighbour(live, -1, actions);
  if (is_pressed(ImGuiKey_Escape)) leave(live, replay, actions);
  step_timeline(replay, actions);
}

// What the buttons of PROTECTION and RULES do, for the run that is shown.
void add_orders(const Model& live, View& view, std::vector<NamedCommand>& all) {
  if (live.shown() == nullptr) return;
  const auto add = [&](const Order& order, const std::string& what, std::function<void()> open) {
    all.push_back(
        {order.verb + " " + one_line(what, 60) + "...", "", order.obstacle, std::move(open)});
  };
  for (const KnobView& knob : knob_views(live)) {
    for (const Order& order : {force_order(live, knob), release_order(live, knob)}) {
      add(order, knob.name,
          [&live, &view, knob, which = order.dialog] { open_order(live, view, knob, which); });
    }
  }
  for (const RuleRow& rule : rule_rows(*live.shown())) {
    for (const Order& order : {reset_order(live, rule.name), inhibit_order(live, rule)}) {
      add(order, "rule " + rule.name, [&live, &view, name = rule.name, which = order.dialog] {
        open_order(live, view, name, which);
      });
    }
  }
}

}  // namespace

const std::vector<Shortcut>& shortcuts() {
  static const std::vector<Shortcut> kAll = {
      {"F1", "this sheet"},
      {"Ctrl + P", "commands by name: type, arrows, Enter"},
      {"Esc", "leave a dialog, a list, the evidence, the past, the timeline"},
      {"Tab, arrows, Space",
       "in a dialog: its fields, its buttons, press one; a reason ends with Enter"},
      {"Space", "let the plots stand still, and follow again; the run goes on"},
      {"F", "fit: all steps, all values"},
      {"L", "follow the newest step"},
      {"N, P", "show the next run, the one before"},
      {"T", "timeline: the run at an earlier moment"},
      {"Left, Right, Home, End", "with the timeline open: one message back, on, the start, now"},
      {"Ctrl + Shift + F, then F", "force everything that protects the run, after a confirmation"},
      {"wheel on a plot", "zoom about the cursor; with Shift the values"},
      {"drag on a plot", "move; with Shift the values too"},
      {"right drag on a plot", "zoom into the box"},
      {"Ctrl + drag on a plot", "select an interval, for its statistics"},
      {"double-click a plot", "fit, and follow the run again"},
      {"right click a plot", "logarithmic axes, CSV, SVG; of a plot of your own, its name"},
      {"click in a legend", "put a line away; double-click: this one alone"},
      {"drag a signal", "from the list onto a plot; double-click it: a plot of its own"},
      {"wheel on a title, Page Up, Page Down", "more plots"},
      {"mouse on a plot's title", "what it is, and what watches it"},
      {"click an event or a marker", "the evidence of the decision"},
      {"this window is only a view", "closing it changes nothing in the run"}};
  return kAll;
}

std::vector<NamedCommand> named_commands(const Model& live, const Replay& replay, View& view,
                                         std::vector<Action>& actions) {
  std::vector<NamedCommand> all;
  const auto add = [&](std::string name, std::string keys, std::string obstacle,
                       std::function<void()> run) {
    all.push_back({std::move(name), std::move(keys), std::move(obstacle), std::move(run)});
  };
  const std::string no_run = live.shown() == nullptr ? "no run is shown yet" : "";
  add("Fit all steps and values", "F", "", [&] { fit_all(view); });
  add("Follow the newest step", "L", "", [&] { view.time.follow = true; });
  add("Let the plots stand still", "Space", "", [&] { view.time.follow = false; });
  add(replay.open() ? "Close the timeline" : "Open the timeline", "T", no_run,
      [&] { actions.emplace_back(OpenTimeline{!replay.open()}); });
  add("Show every group of plots", "", "", [&] { view.hidden_groups.clear(); });
  for (const plot::Theme theme : plot::kThemes) {
    add(std::string("Theme: ") + plot::name_of(theme), "", "",
        [&view, theme] { view.theme = theme; });
  }
  for (std::size_t size = 0; size < kTextNames.size(); ++size) {
    add(std::string("Text: ") + kTextNames[size], "", "", [&view, size] { view.text_size = size; });
  }
  for (const RunId& run : live.run_ids()) {
    add("Show run " + run.text(), "", "",
        [&actions, run] { actions.emplace_back(SelectRun{run}); });
  }
  add_orders(live, view, all);
  add("Force everything that protects...", "Ctrl + Shift + F, F", live.command_obstacle(),
      [&] { open_panic(live, view); });
  add("Keys and gestures", "F1", "", [&] { view.sheet_asked = true; });
  add("Quit", "", "", [&] { view.quit = true; });
  return all;
}

std::vector<const NamedCommand*> matching(const std::vector<NamedCommand>& all,
                                          const std::string& wanted) {
  std::vector<const NamedCommand*> found;
  for (const NamedCommand& each : all) {
    if (has_words(each.name, wanted)) found.push_back(&each);
  }
  return found;
}

void watch_keys(const Model& live, const Replay& replay, View& view, std::vector<Action>& actions) {
  const ImGuiIO& io = ImGui::GetIO();
  const bool busy = io.WantTextInput || ImGui::IsPopupOpen("", ImGuiPopupFlags_AnyPopupId |
                                                                   ImGuiPopupFlags_AnyPopupLevel);
  const bool plain = !io.KeyCtrl && !io.KeyAlt && !io.KeyShift && view.chord_s <= 0.0;
  if (!busy && plain) hear_plain_keys(live, replay, view, actions);
  if (!busy && io.KeyCtrl && !io.KeyShift && is_letter_pressed('P')) view.commands_asked = true;
  if (!busy && is_f1_pressed()) view.sheet_asked = true;
  draw_list(live, replay, view, actions);
  draw_sheet(view);
}

}  // namespace phaseguard::dashboard
