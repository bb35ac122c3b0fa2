// PROTECTION: what is in force, the three lives of every knob, and the operator's last commands.
#include <algorithm>
#include <cmath>

#include "monitor/dashboard/panels/orders.h"
#include "monitor/dashboard/panels/panels.h"

namespace phaseguard::dashboard {
namespace {

using plot::text_at;

constexpr float kKnobEm = 4.15F;
constexpr float kCommandEm = 1.4F;

// Whether anything protects the run, before any detail.
void draw_summary(const Model& model, const View& view, bool any, bool stale) {
  const plot::Palette& p = view.palette();
  ImDrawList& draw = *ImGui::GetWindowDrawList();
  const ImVec2 at = next_row(1.5F);
  plot::shape_at(draw, {at.x + 0.45F * em(), at.y + 0.55F * em()}, 0.8F * em(),
                 any ? plot::Shape::kSquare : plot::Shape::kRing,
                 stale ? p.stale
                 : any ? p.alive
                       : p.dim);
  text_at(draw, {at.x + 1.3F * em(), at.y},
          stale ? p.stale
          : any ? p.text
                : p.dim,
          plot::elided(protection_text(model), row_width() - 1.3F * em()));
}

// Confirmed by the trainer, not yet, or nothing is there to confirm.
void draw_confirmation(const View& view, const KnobView& knob, bool stale, ImVec2 middle) {
  const plot::Palette& p = view.palette();
  if (!knob.asked || std::isnan(knob.decided)) return;
  const Sign sign = knob.alarm >= Level::kMedium ? sign_of(knob.alarm, p)
                    : knob.confirmed             ? Sign{plot::Shape::kCircle, p.alive}
                                                 : Sign{plot::Shape::kRing, p.text};
  plot::shape_at(*ImGui::GetWindowDrawList(), middle, 0.7F * em(),
                 stale ? plot::Shape::kRing : sign.shape,
                 stale ? view.palette().stale : sign.colour);
}

void draw_knob_lines(const Model& model, View& view, const KnobView& knob) {
  const plot::Palette& p = view.palette();
  const bool stale = model.stale();
  const float width = row_width();
  const float indent = 1.1F * em();
  const ImVec2 values = next_row(1.25F);
  draw_confirmation(view, knob, stale, {values.x + 0.45F * em(), values.y + 0.55F * em()});
  const std::string lives = values_text(knob, model.source().live);
  say_elided({values.x + indent, values.y}, width - indent, stale ? p.stale : p.text, lives);
  view.controls["values of " + knob.name + ": " + lives] = {values, {values.x + width, values.y}};
  const ImVec2 author = next_row(1.25F);
  const std::string whose = author_text(knob);
  say_elided({author.x + indent, author.y}, width - indent,
             stale         ? p.stale
             : knob.forced ? p.override_
                           : p.dim,
             whose);
  view.controls["author of " + knob.name + ": " + whose] = {author, {author.x + width, author.y}};
}

void draw_knob(const Model& model, View& view, const KnobView& knob) {
  const plot::Palette& p = view.palette();
  const float width = row_width();
  const float gap = 0.35F * em();
  const ImVec2 force{4.5F * em(), 1.4F * em()};
  const ImVec2 release{5.4F * em(), 1.4F * em()};
  next_row(0.15F);
  const ImVec2 at = next_row(1.5F);
  const ImVec2 below = ImGui::GetCursorScreenPos();
  const float buttons = at.x + width - force.x - gap - release.x;
  const std::string mode = name_of(knob.mode);
  const float mode_x = buttons - gap - plot::text_size(mode).x;
  const float text_y = at.y + 0.2F * em();
  say_elided({at.x, text_y}, mode_x - at.x - 0.5F * em(), model.stale() ? p.stale : p.text,
             one_line(knob.name, 60));
  text_at(*ImGui::GetWindowDrawList(), {mode_x, text_y},
          model.stale() ? p.stale
          : knob.forced ? p.override_
                        : p.text,
          mode);
  ImGui::PushID(knob.name.c_str());
  const std::string name = one_line(knob.name, 24);
  ImGui::SetCursorScreenPos({buttons, at.y});
  const auto offer = [&](const Order& order, ImVec2 box) {
    if (button(view, (order.verb + "...").c_str(), box, order.obstacle,
               order.verb + " " + name + "..."))
      open_order(model, view, knob, order.dialog);
  };
  offer(force_order(model, knob), force);
  ImGui::SetCursorScreenPos({buttons + force.x + gap, at.y});
  offer(release_order(model, knob), release);
  ImGui::PopID();
  ImGui::SetCursorScreenPos(below);
  draw_knob_lines(model, view, knob);
}

// A command that is shown keeps its place until it goes, so that its button never moves.
void fill_slots(View& view, const std::vector<const Pending*>& commands) {
  const auto is_shown = [&](const std::string& id) {
    return std::find(view.command_slots.begin(), view.command_slots.end(), id) !=
           view.command_slots.end();
  };
  for (std::string& slot : view.command_slots) {
    const bool there = std::any_of(commands.begin(), commands.end(),
                                   [&](const Pending* c) { return c->command.id == slot; });
    if (!there) slot.clear();
  }
  for (auto newest = commands.rbegin(); newest != commands.rend(); ++newest) {
    if (is_shown((*newest)->command.id)) continue;
    const auto free = std::find_if(
        view.command_slots.begin(), view.command_slots.end(), [&](const std::string& slot) {
          const auto held = std::find_if(commands.begin(), commands.end(),
                                         [&](const Pending* c) { return c->command.id == slot; });
          return held == commands.end() || (is_good((*held)->stage) && held < newest.base() - 1);
        });
    if (free != view.command_slots.end()) *free = (*newest)->command.id;
  }
}

// Command, stage, and what the daemon said; the whole of it to the mouse.
void draw_command(View& view, const Pending& pending, std::vector<Action>& actions) {
  const plot::Palette& p = view.palette();
  ImDrawList& draw = *ImGui::GetWindowDrawList();
  const float width = row_width();
  const ImVec2 at = next_row(kCommandEm);
  const ImVec2 after = ImGui::GetCursorScreenPos();
  const bool bad = is_bad(pending.stage);
  const ImU32 ink = bad ? sign_of(level_of(pending.stage), p).colour : p.text;
  const std::string command = text_of(pending.command);
  std::string stage = name_of(pending.stage);
  if (pending.stage == Stage::kApplied) {
    stage += " @ step " + std::to_string(pending.applied_step.value);
  }
  const float room = width - (bad ? 7.3F * em() : 0.0F);
  const float stage_width = std::min(plot::text_size(stage).x, 0.6F * room);
  const std::string shown = plot::elided(command, room - stage_width - 0.6F * em());
  text_at(draw, at, ink, shown);
  const float shown_width = plot::text_size(shown).x;
  if (pending.stage == Stage::kRefused) {  // it did not happen
    const float y = at.y + 0.55F * em();
    draw.AddLine({at.x, y}, {at.x + shown_width, y}, ink, std::max(1.0F, 0.1F * em()));
  }
  const float stage_x = shown_width + 0.6F * em();
  const std::string said = pending.text.empty() ? "" : ": " + one_line(pending.text);
  text_at(draw, {at.x + stage_x, at.y}, ink, plot::elided(stage + said, room - stage_x));
  view.controls["command " + pending.command.id] = {at, {at.x + width, at.y + kCommandEm * em()}};
  if (ImGui::IsWindowHovered() &&
      ImGui::IsMouseHoveringRect(at, {at.x + room, at.y + kCommandEm * em()})) {
    plot::tooltip(command + ": " + stage + said);
  }
  if (!bad) return;
  ImGui::SetCursorScreenPos({at.x + width - 7.0F * em(), at.y});
  ImGui::PushID(pending.command.id.c_str());
  if (button(view, "Acknowledge", {7.0F * em(), 1.3F * em()}, "",
             "Acknowledge " + pending.command.id)) {
    actions.emplace_back(AcknowledgeCommand{pending.command.id});
  }
  ImGui::PopID();
  ImGui::SetCursorScreenPos(after);
}

// Of the run that is shown, and of no other.
void draw_commands(const Model& model, View& view, std::vector<Action>& actions) {
  const run::RunState* state = model.shown();
  if (state == nullptr) return;
  if (view.slots_of != state->run) view.command_slots = {};
  view.slots_of = state->run;
  std::vector<const Pending*> commands;
  for (const Pending& pending : model.pending()) {
    if (pending.run == state->run) commands.push_back(&pending);
  }
  fill_slots(view, commands);
  for (const std::string& slot : view.command_slots) {
    const auto held = std::find_if(commands.begin(), commands.end(),
                                   [&](const Pending* c) { return c->command.id == slot; });
    if (held == commands.end()) {
      next_row(kCommandEm);
    } else {
      draw_command(view, **held, actions);
    }
  }
}

}  // namespace

float height_of_protection(const Model& model) {
  const auto knobs = static_cast<float>(std::max<std::size_t>(knob_views(model).size(), 1));
  const float commands = model.source().live ? 2.0F * kCommandEm : 0.0F;
  return (2.4F + 1.5F + knobs * kKnobEm + commands) * em();
}

void draw_protection(const Model& model, View& view, ImVec2 at, ImVec2 size,
                     std::vector<Action>& actions) {
  begin_panel(view, "PROTECTION", at, size, true, model.command_obstacle());
  const std::vector<KnobView> knobs = knob_views(model);
  const bool any =
      std::any_of(knobs.begin(), knobs.end(), [](const KnobView& knob) { return knob.protecting; });
  draw_summary(model, view, any, model.stale());
  for (const KnobView& knob : knobs) draw_knob(model, view, knob);
  if (model.source().live) draw_commands(model, view, actions);
  end_panel();
}

}  // namespace phaseguard::dashboard
