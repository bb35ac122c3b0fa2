// The alarms of the shown run, the worst of all other runs, and the manual override: each has a
// place of its own, which stays when there is nothing to say.
#include <algorithm>

#include "monitor/base/table_text.h"
#include "monitor/base/text.h"
#include "monitor/dashboard/model/alarm_book.h"
#include "monitor/dashboard/model/control/by_hand.h"
#include "monitor/dashboard/panels/panels.h"

namespace phaseguard::dashboard {
namespace {

constexpr float kRowEm = 1.75F;
constexpr float kBarEm = 1.6F;

// Where a banner of this width begins: a bar of faint colour.
void strip(ImVec2 at, float width, ImU32 colour) {
  ImDrawList& draw = *ImGui::GetWindowDrawList();
  const ImVec2 hi{at.x + width, at.y + kBarEm * em()};
  draw.AddRectFilled(at, hi, plot::faded(colour, 0.16F), 0.2F * em());
  draw.AddRectFilled(at, {at.x + 0.3F * em(), hi.y}, colour);
}

float text_y(ImVec2 at) { return at.y + 0.5F * (kBarEm - 1.0F) * em(); }

void draw_alarm(View& view, const Alarm& alarm, const std::string& text, bool pale, ImVec2 at,
                float width) {
  const plot::Palette& p = view.palette();
  ImDrawList& draw = *ImGui::GetWindowDrawList();
  const Sign sign = sign_of(alarm.level, p);
  strip(at, width, sign.colour);
  alarm_sign(p, {at.x + 1.5F * em(), at.y + 0.5F * kBarEm * em()}, 1.4F * em(), alarm.level,
             alarm.number, pale);
  const float word_x = at.x + 2.8F * em();
  plot::text_at(draw, {word_x, text_y(at)}, sign.colour, alarm.word);
  const float text_x = word_x + 5.2F * em();
  plot::text_at(draw, {text_x, text_y(at)}, p.text,
                plot::elided(text, at.x + width - text_x - 0.5F * em()));
}

// Of several runs: until each has been seen.
bool is_blinked_off(const View& view, const Model& model, const AlarmLine& line) {
  const auto is_off = [&](const RunId& run) {
    return is_blinked_off(view, model, AlarmId{run, line.first.about});
  };
  return std::any_of(line.runs.begin(), line.runs.end(), is_off);
}

void draw_calm(const View& view, const std::string& text, ImVec2 at, float width) {
  plot::text_at(*ImGui::GetWindowDrawList(), {at.x + 2.8F * em(), text_y(at)}, view.palette().dim,
                plot::elided(text, width - 3.3F * em()));
}

// No alarm is in force: what is over stays in sight until somebody has seen it.
void draw_calm_or_unseen(const Model& model, View& view, const std::string& calm, bool of_shown,
                         ImVec2 at, float width) {
  const std::vector<AlarmRow> rows = unseen_rows(model, of_shown);
  if (rows.empty()) return draw_calm(view, calm, at, width);
  std::string text = "over, and nobody has seen it: " + rows.front().text;
  if (rows.size() > 1) text.insert(0, "+" + std::to_string(rows.size() - 1) + " more in Alarms;  ");
  const Sign sign = sign_of(rows.front().first.level, view.palette());
  plot::shape_at(*ImGui::GetWindowDrawList(), {at.x + 1.5F * em(), at.y + 0.5F * kBarEm * em()},
                 0.8F * em(), sign.shape, sign.colour);
  view.controls["unseen: " + text] = {at, {at.x + width, at.y + kBarEm * em()}};
  say_elided({at.x + 2.8F * em(), text_y(at)}, width - 3.3F * em(), view.palette().text, text);
}

void draw_own(const Model& model, View& view, ImVec2 at, float width) {
  const std::vector<Alarm> list = alarms(model);
  if (!list.empty()) {
    std::string text = list.front().text;
    if (list.size() > 1) {
      text.insert(0, "+" + std::to_string(list.size() - 1) + " more in Alarms;  ");
    }
    draw_alarm(view, list.front(), text, is_blinked_off(view, model, id_of(list.front())), at,
               width);
  } else if (model.shown() != nullptr) {
    draw_calm_or_unseen(model, view, "no alarm of run " + model.shown()->run.text(), true, at,
                        width);
  }
}

// How many there are of all runs, in sight from any of them; opens and closes the list.
void draw_list_button(const Model& model, View& view, ImVec2 at, float width) {
  const std::string counts = plot::elided(counts_text(model), width - 6.0F * em());
  ImGui::SetCursorScreenPos(at);
  const std::string label = "Alarms: " + counts + "###alarms";
  if (button(view, label.c_str(), {width, kBarEm * em()}, "", "open alarms")) {
    view.alarm_list.open = !view.alarm_list.open;
  }
}

// A recording is history: its alarms are in the menu.
void draw_elsewhere(const Model& model, View& view, ImVec2 at, float width) {
  const std::size_t runs = model.run_ids().size();
  if (runs < 2) return;
  const std::string others = counted(static_cast<std::int64_t>(runs - 1), "other run");
  if (!model.source().live) {
    draw_calm(view, others + " in this recording: see Run and Alarms", at, width);
    return;
  }
  const std::vector<AlarmLine> lines = alarms_elsewhere(model);
  if (lines.empty()) {
    draw_calm_or_unseen(model, view, "no alarm of " + others, false, at, width);
    return;
  }
  std::string text = text_of(lines.front());
  if (lines.size() > 1) text.insert(0, "+" + std::to_string(lines.size() - 1) + " more;  ");
  draw_alarm(view, lines.front().first, text, is_blinked_off(view, model, lines.front()), at,
             width);
  view.controls["elsewhere: " + text] = {at, {at.x + width, at.y + kBarEm * em()}};
}

// Of the last command to the run that is shown: also where PROTECTION is too small for it.
std::string command_text(const Model& model) {
  const run::RunState* state = model.shown();
  for (auto last = model.pending().rbegin(); last != model.pending().rend(); ++last) {
    if (state == nullptr || last->run != state->run || is_bad(last->stage)) continue;
    const std::string step =
        last->stage == Stage::kApplied ? " @ step " + std::to_string(last->applied_step.value) : "";
    return text_of(last->command) + ": " + name_of(last->stage) + step;
  }
  return "";
}

void draw_override(const Model& model, View& view, ImVec2 at, float width) {
  const plot::Palette& p = view.palette();
  const std::string command = command_text(model);
  std::string text;
  if (model.shown() != nullptr) {
    for (const ByHand& held : inhibitions(*model.shown())) {
      text += (text.empty() ? "" : ";  ") + text_of(held);
    }
  }
  for (const KnobView& knob : knob_views(model)) {
    if (!knob.forced) continue;
    text += (text.empty() ? "" : ";  ") + one_line(knob.name, 40) + " " +
            number_text(knob.forced_value) + " by " + knob.forced_by;
    if (!knob.reason.empty()) text += " (" + one_line(knob.reason, 120) + ")";
    text += knob.expires.value >= 0 ? ", until step " + std::to_string(knob.expires.value)
                                    : ", until released";
  }
  if (text.empty()) {
    const std::string calm = command.empty() ? "no manual override" : command;
    if (model.shown() != nullptr) draw_calm(view, calm, at, width);
    return;
  }
  ImDrawList& draw = *ImGui::GetWindowDrawList();
  strip(at, width, p.override_);
  plot::shape_at(draw, {at.x + 1.5F * em(), at.y + 0.5F * kBarEm * em()}, 1.1F * em(),
                 plot::Shape::kDiamond, p.override_);
  plot::text_at(draw, {at.x + 2.8F * em(), text_y(at)}, p.override_, "MANUAL");
  view.controls["MANUAL " + text] = {at, {at.x + width, at.y + kBarEm * em()}};
  if (!command.empty()) text.insert(0, command + ";  ");
  say_elided({at.x + 8.0F * em(), text_y(at)}, width - 8.5F * em(), p.text, text);
}

}  // namespace

float height_of_banners() { return 2.0F * kRowEm * em(); }

void draw_banners(const Model& model, View& view, ImVec2 at, float width) {
  const float list = 15.0F * em();
  draw_own(model, view, at, width - list - 0.4F * em());
  draw_list_button(model, view, {at.x + width - list, at.y}, list);
  at.y += kRowEm * em();
  const float half = 0.5F * (width - 0.4F * em());
  draw_elsewhere(model, view, at, half);
  draw_override(model, view, {at.x + half + 0.4F * em(), at.y}, half);
}

}  // namespace phaseguard::dashboard
