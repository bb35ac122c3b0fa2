#include "monitor/dashboard/panels/timeline.h"

#include <algorithm>
#include <cmath>

#include "monitor/base/text.h"

namespace phaseguard::dashboard {

using plot::text_at;

namespace {

constexpr float kBarsEm = 6.2F;         // title, slider, policy
constexpr float kAlternativeEm = 8.0F;  // lines and list below

void draw_track(const Replay& replay, const View& view, ImVec2 lo, ImVec2 hi) {
  const plot::Palette& p = view.palette();
  ImDrawList& draw = *ImGui::GetWindowDrawList();
  const float middle = 0.5F * (lo.y + hi.y);
  const double all = static_cast<double>(std::max<std::size_t>(replay.tape().size(), 1));
  const auto width = static_cast<double>(hi.x - lo.x);
  const float at = lo.x + static_cast<float>(static_cast<double>(replay.place()) / all * width);
  const float half = 0.15F * em();
  draw.AddRectFilled({lo.x, middle - half}, {hi.x, middle + half}, p.border, half);
  draw.AddRectFilled({lo.x, middle - half}, {at, middle + half}, p.dim, half);
  draw.AddCircleFilled({at, middle}, 0.5F * em(), replay.past() == nullptr ? p.dim : p.text, 20);
}

// The slider: a press or a drag goes there.
void draw_slider(const Replay& replay, View& view, ImVec2 at, ImVec2 size,
                 std::vector<Action>& actions) {
  ImGui::SetCursorScreenPos(at);
  ImGui::InvisibleButton("timeline slider", size);
  view.controls["timeline slider"] = {at, {at.x + size.x, at.y + size.y}};
  if (ImGui::IsItemActive() && replay.complete()) {
    const float share = std::clamp((ImGui::GetIO().MousePos.x - at.x) / size.x, 0.0F, 1.0F);
    const auto all = static_cast<double>(replay.tape().size());
    const auto place = static_cast<std::size_t>(std::llround(static_cast<double>(share) * all));
    if (place != replay.place()) {
      actions.emplace_back(GoTo{place >= replay.tape().size() ? kPresent : place});
    }
  }
  draw_track(replay, view, at, {at.x + size.x, at.y + size.y});
}

void draw_moves(const Replay& replay, View& view, std::vector<Action>& actions) {
  const std::size_t place = replay.place();
  const std::string waiting = replay.complete() ? "" : "the record is on its way";
  const std::string at_start = waiting.empty() && place == 0 ? "this is the start" : waiting;
  const std::string at_end =
      waiting.empty() && replay.past() == nullptr ? "this is the present" : waiting;
  const ImVec2 small{2.0F * em(), 1.6F * em()};
  if (button(view, "|<##start", small, at_start)) actions.emplace_back(GoTo{0});
  ImGui::SameLine();
  if (button(view, "<##back", small, at_start)) actions.emplace_back(GoTo{place - 1});
  ImGui::SameLine();
  if (button(view, ">##on", small, at_end)) actions.emplace_back(GoTo{place + 1});
  ImGui::SameLine();
  if (button(view, "Present", {5.0F * em(), 1.6F * em()}, at_end)) {
    actions.emplace_back(GoTo{kPresent});
  }
  ImGui::SameLine();
}

std::string where(const Replay& replay) {
  if (!replay.complete()) {
    return "reading the record: " + std::to_string(replay.tape().size()) + " messages";
  }
  const std::string of = " of " + std::to_string(replay.tape().size()) + " messages";
  if (replay.past() == nullptr) return "the present, after" + of.substr(3);
  std::string text = replay.moment_text() + ", " + std::to_string(replay.place()) + of;
  if (replay.progress() < 1.0) {
    text += ", " + std::to_string(static_cast<int>(100.0 * replay.progress())) + " % read";
  }
  return text;
}

void draw_choice(const Replay& replay, View& view, std::vector<Action>& actions) {
  const Alternative* chosen = replay.alternative();
  const std::string none = "no other policy";
  ImGui::AlignTextToFramePadding();
  plot::say("Beside what happened:");
  ImGui::SameLine();
  ImGui::SetNextItemWidth(15.0F * em());
  const std::string label = chosen == nullptr ? none : one_line(chosen->name(), 40);
  const bool open = ImGui::BeginCombo("##policy", label.c_str());
  view.controls["other policy"] = {ImGui::GetItemRectMin(), ImGui::GetItemRectMax()};
  if (open) {
    const auto offer = [&](const std::string& name, const std::string& shown) {
      if (ImGui::Selectable(shown.c_str(), label == shown)) actions.emplace_back(WhatIf{name});
      view.controls["policy " + name] = {ImGui::GetItemRectMin(), ImGui::GetItemRectMax()};
    };
    offer("", none);
    for (const Candidate& each : replay.candidates()) offer(each.name, one_line(each.name, 40));
    ImGui::EndCombo();
  }
  ImGui::SameLine();
  std::string text = replay.refused();
  if (text.empty() && replay.candidates().empty()) text = "no policies found: --policies FILE|DIR";
  if (chosen != nullptr) {
    text = chosen->summary();
    if (!chosen->problem().empty()) text += (text.empty() ? "" : "; ") + chosen->problem();
  }
  const float room = ImGui::GetContentRegionAvail().x - em();
  plot::say(plot::elided(one_line(text, 600), room));
  if (ImGui::IsItemHovered() && !text.empty()) plot::tooltip(text);
}

bool has_lines(const Replay& replay) {
  return replay.alternative() != nullptr && !replay.alternative()->lines().empty();
}

// The knob that differs most often; the first one where none does.
const std::pair<const std::string, TwoLines>* knob_to_draw(const Alternative& other) {
  const std::pair<const std::string, TwoLines>* best = nullptr;
  for (const auto& each : other.lines()) {
    if (best == nullptr || each.second.would.size() > best->second.would.size()) best = &each;
  }
  return best;
}

void draw_lines(const Replay& replay, View& view, ImVec2 at, ImVec2 size) {
  const plot::Palette& p = view.palette();
  const auto* knob = knob_to_draw(*replay.alternative());
  plot::PlotSpec spec;
  spec.id = "what if";
  spec.title = knob == nullptr ? "decided" : one_line(knob->first, 40) + " decided";
  spec.subtitle =
      "after the first difference a hypothesis: other decisions would have led to "
      "other signals";
  spec.help = policy::kReplayCaveat;
  spec.empty_text = "no decision yet";
  const double until = view.time.full.hi;
  std::vector<plot::HeldData> data;
  data.reserve(2);
  if (knob != nullptr) {
    data.emplace_back(knob->second.happened, until);
    data.emplace_back(knob->second.would, until);
    spec.lines.push_back(
        {data.data(), "happened", {.colour = p.series[0], .thickness = 0.14F * em()}});
    spec.lines.push_back({&data[1],
                          one_line(replay.alternative()->name(), 24),
                          {.colour = p.series[1], .thickness = 0.14F * em(), .dashed = true}});
  }
  plot::draw_plot(spec, p, view.time, view.values["what if"], at, size);
}

void draw_divergences(const Replay& replay, View& view, ImVec2 at, ImVec2 size,
                      std::vector<Action>& actions) {
  const plot::Palette& p = view.palette();
  ImGui::SetCursorScreenPos(at);
  ImGui::BeginChild("divergences", size, false);
  ImDrawList& draw = *ImGui::GetWindowDrawList();
  const auto& all = replay.alternative()->divergences();
  ImGuiListClipper clipper;
  clipper.Begin(static_cast<int>(all.size()), 2.8F * em());
  while (clipper.Step()) {
    for (int i = clipper.DisplayStart; i < clipper.DisplayEnd; ++i) {
      const Divergence& each = all[static_cast<std::size_t>(i)];
      const ImVec2 row = next_row(2.8F);
      const float width = row_width();
      const ImVec2 hi{row.x + width, row.y + 2.7F * em()};
      const bool hovered = ImGui::IsWindowHovered() && ImGui::IsMouseHoveringRect(row, hi);
      if (hovered) draw.AddRectFilled(row, hi, p.button_hot, 0.2F * em());
      if (hovered && ImGui::IsMouseClicked(0)) {
        actions.emplace_back(GoTo{replay.tape().place_of(each.seq)});
      }
      view.controls["divergence " + std::to_string(i)] = {row, hi};
      text_at(draw, {row.x + 0.3F * em(), row.y}, p.text,
              "step " + std::to_string(each.step.value));
      const float text_x = row.x + 5.5F * em();
      const float room = width - 5.8F * em();
      text_at(draw, {text_x, row.y}, p.dim,
              plot::elided("was:   " + one_line(each.happened, 400), room));
      text_at(draw, {text_x, row.y + 1.25F * em()}, p.text,
              plot::elided("would: " + one_line(each.would, 400), room));
    }
  }
  if (all.empty()) text_at(draw, next_row(), p.dim, "nothing differs so far");
  ImGui::EndChild();
}

}  // namespace

float height_of_timeline(const Replay& replay) {
  if (!replay.open()) return 0.0F;
  return (kBarsEm + (has_lines(replay) ? kAlternativeEm : 0.0F)) * em();
}

void draw_timeline(const Replay& replay, View& view, ImVec2 at, ImVec2 size,
                   std::vector<Action>& actions) {
  const plot::Palette& p = view.palette();
  ImDrawList& draw = *ImGui::GetWindowDrawList();  // of the whole window: the title is no panel's
  begin_panel(view, "TIMELINE", at, size);
  const std::string problem = replay.problem();
  const std::string text = where(replay) + (problem.empty() ? "" : ";  " + problem);
  const ImU32 colour = replay.past() == nullptr ? p.dim : p.text;
  draw_moves(replay, view, actions);
  const ImVec2 from = ImGui::GetCursorScreenPos();
  const float close = 4.5F * em();
  const float room = ImGui::GetContentRegionAvail().x - close - em();
  draw_slider(replay, view, {from.x + 0.5F * em(), from.y}, {room - em(), 1.6F * em()}, actions);
  ImGui::SetCursorScreenPos({from.x + room + 0.5F * em(), from.y});
  if (button(view, "Close##timeline", {close, 1.6F * em()})) {
    actions.emplace_back(OpenTimeline{false});
  }
  draw_choice(replay, view, actions);
  if (has_lines(replay)) {
    const ImVec2 below{at.x + 0.7F * em(), at.y + kBarsEm * em()};
    const ImVec2 half{0.5F * size.x - em(), size.y - kBarsEm * em() - 0.4F * em()};
    draw_lines(replay, view, below, half);
    draw_divergences(replay, view, {below.x + half.x + 0.6F * em(), below.y}, half, actions);
  }
  end_panel();
  text_at(draw, {at.x + 6.5F * em(), at.y + 0.4F * em()}, colour,
          plot::elided(text, size.x - 7.5F * em()));
}

}  // namespace phaseguard::dashboard
