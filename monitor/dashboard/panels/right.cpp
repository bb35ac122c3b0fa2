#include <algorithm>
#include <cmath>

#include "monitor/base/text.h"
#include "monitor/dashboard/panels/panels.h"

namespace phaseguard::dashboard {
namespace {

using plot::text_at;

void pair_row(const View& view, const char* name, const std::string& value, ImU32 colour,
              const std::string& note = {}) {
  const plot::Palette& p = view.palette();
  ImDrawList& draw = *ImGui::GetWindowDrawList();
  const float width = row_width();
  const ImVec2 at = next_row(1.4F);
  text_at(draw, at, p.dim, name);
  number_at(view, {at.x + 8.6F * em(), at.y}, colour, value);
  text_at(draw, {at.x + 9.2F * em(), at.y}, p.dim, plot::elided(note, width - 9.2F * em()));
}

// Whether anything protects the run, before any detail.
void draw_protection(const Model& model, const View& view, bool any, bool stale) {
  const plot::Palette& p = view.palette();
  ImDrawList& draw = *ImGui::GetWindowDrawList();
  const ImVec2 at = next_row(1.6F);
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

void draw_mode(const View& view, const KnobView& knob, bool stale) {
  const plot::Palette& p = view.palette();
  ImDrawList& draw = *ImGui::GetWindowDrawList();
  const float width = row_width();
  const ImVec2 at = next_row(2.0F);
  const std::string mode = name_of(knob.mode);
  if (view.fonts.large != nullptr) ImGui::PushFont(view.fonts.large);
  const float mode_width = plot::text_size(mode).x;
  text_at(draw, {at.x + width - mode_width, at.y},
          stale         ? p.stale
          : knob.forced ? p.override_
                        : p.text,
          mode);
  if (view.fonts.large != nullptr) ImGui::PopFont();
  text_at(draw, {at.x, at.y + 0.35F * em()}, stale ? p.stale : p.text,
          plot::elided(one_line(knob.name, 40), width - mode_width - em()));
}

void draw_values(const View& view, const KnobView& knob, bool stale, bool live) {
  const plot::Palette& p = view.palette();
  const ImU32 ink = stale ? p.stale : p.text;
  const auto number = [](double v) {
    return std::isnan(v) ? std::string("-") : plot::value_label(v);
  };
  pair_row(view, "decided", number(knob.decided), ink, knob.who);
  if (live) pair_row(view, "sent", number(knob.sent), ink);
  const std::string since =
      knob.since.value >= 0 ? "since step " + std::to_string(knob.since.value) : "";
  pair_row(view, "applied", number(knob.applied),
           knob.confirmed || !knob.asked || std::isnan(knob.decided) ? ink : p.medium, since);
  ImDrawList& draw = *ImGui::GetWindowDrawList();
  const ImVec2 at = next_row(1.5F);
  if (!knob.asked || std::isnan(knob.decided)) return;  // nothing to confirm
  const ImVec2 sign{at.x + 0.45F * em(), at.y + 0.55F * em()};
  plot::shape_at(draw, sign, 0.75F * em(),
                 knob.confirmed ? plot::Shape::kCircle : plot::Shape::kTriangleDown,
                 knob.confirmed ? p.alive : p.medium);
  text_at(draw, {at.x + 1.3F * em(), at.y}, knob.confirmed ? p.dim : p.medium,
          knob.confirmed ? "confirmed by the trainer" : "NOT YET CONFIRMED by the trainer");
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

void draw_command(View& view, const Pending& pending, std::vector<Action>& actions) {
  const plot::Palette& p = view.palette();
  ImDrawList& draw = *ImGui::GetWindowDrawList();
  const float width = row_width();
  const ImVec2 at = next_row(1.4F);
  const bool bad = is_bad(pending.stage);
  const std::string command = text_of(pending.command);
  std::string stage = name_of(pending.stage);
  if (pending.stage == Stage::kApplied) {
    stage += " @ step " + std::to_string(pending.applied_step.value);
  }
  const float room = width - (bad ? 7.5F * em() : 0.0F);
  const std::string shown = plot::elided(command, room);
  text_at(draw, at, bad ? p.critical : p.text, shown);
  const float shown_width = plot::text_size(shown).x;
  if (pending.stage == Stage::kRefused) {  // it did not happen
    const float y = at.y + 0.55F * em();
    draw.AddLine({at.x, y}, {at.x + shown_width, y}, p.critical, std::max(1.0F, 0.1F * em()));
  }
  const float stage_x = shown_width + 0.6F * em();
  text_at(draw, {at.x + stage_x, at.y}, bad ? p.critical : p.text,
          plot::elided(stage, room - stage_x));
  view.controls["command " + pending.command.id] = {at, {at.x + width, at.y + 2.6F * em()}};
  const ImVec2 below = next_row(1.3F);
  text_at(draw, below, p.dim, plot::elided(one_line(pending.text), width));
  if (ImGui::IsWindowHovered() &&
      ImGui::IsMouseHoveringRect(at, {at.x + room, at.y + 2.6F * em()})) {
    plot::tooltip(command + ": " + stage + "\n" + one_line(pending.text));
  }
  if (!bad) return;
  const ImVec2 after = ImGui::GetCursorScreenPos();
  ImGui::SetCursorScreenPos({at.x + width - 7.0F * em(), at.y});
  ImGui::PushID(pending.command.id.c_str());
  if (button(view, "Acknowledge", {7.0F * em(), 1.3F * em()})) {
    actions.emplace_back(AcknowledgeCommand{pending.command.id});
  }
  ImGui::PopID();
  view.controls["Acknowledge " + pending.command.id] = view.controls["Acknowledge"];
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
      next_row(2.7F);
    } else {
      draw_command(view, **held, actions);
    }
  }
}

void draw_knob(const Model& model, View& view, const KnobView& knob) {
  const run::RunState& state = *model.shown();
  const std::string obstacle = model.knob_obstacle(state.run, knob.name);
  draw_mode(view, knob, model.stale());
  draw_values(view, knob, model.stale(), model.source().live);
  next_row(0.2F);
  const float gap = 0.5F * em();
  const ImVec2 half{0.5F * (row_width() - gap), 1.9F * em()};
  const std::string name = one_line(knob.name, 24);
  if (button(view, ("Force " + name + "...").c_str(), half,
             model.force_obstacle(state.run, knob.name))) {
    view.form = {};
    view.form.open_force = true;
    view.form.subject = subject_of(model, knob);
    view.form.value = proposed_value(knob);
  }
  ImGui::SameLine(0.0F, gap);
  const std::string nothing =
      obstacle.empty() && !knob.forced ? "no override is in force" : obstacle;
  if (button(view, ("Release " + name + "...").c_str(), half, nothing)) {
    view.form = {};
    view.form.open_release = true;
    view.form.subject = subject_of(model, knob);
  }
}

void draw_knobs(const Model& model, View& view, ImVec2 at, ImVec2 size,
                std::vector<Action>& actions) {
  begin_panel(view, "PROTECTION", at, size, true);
  const std::vector<KnobView> knobs = knob_views(model);
  const bool any =
      std::any_of(knobs.begin(), knobs.end(), [](const KnobView& knob) { return knob.protecting; });
  draw_protection(model, view, any, model.stale());
  for (const KnobView& knob : knobs) draw_knob(model, view, knob);
  const float width = row_width();
  text_at(*ImGui::GetWindowDrawList(), next_row(1.5F), view.palette().dim,
          plot::elided(model.command_obstacle(), width));
  draw_commands(model, view, actions);
  end_panel();
}

// What a quiet rule lacks.
void draw_why(const View& view, const std::string& rule) {
  const auto found = view.why.find(rule);
  if (found == view.why.end()) return;
  ImDrawList& draw = *ImGui::GetWindowDrawList();
  const float indent = 1.3F * em();
  for (const policy::Missing& each : found->second) {
    const float width = row_width();
    const ImVec2 line = next_row(1.3F);
    text_at(draw, {line.x + indent, line.y}, view.palette().dim,
            plot::elided("- " + one_line(to_text(each), 200), width - indent));
  }
}

void draw_rule(const View& view, const RuleRow& rule, std::vector<Action>& actions,
               std::int64_t decision) {
  const plot::Palette& p = view.palette();
  ImDrawList& draw = *ImGui::GetWindowDrawList();
  const float width = row_width();
  const ImVec2 at = next_row(1.4F);
  const Sign sign = sign_of(rule.fired ? std::max(rule.level, Level::kInfo) : Level::kNone, p);
  plot::shape_at(draw, {at.x + 0.45F * em(), at.y + 0.55F * em()}, 0.8F * em(), sign.shape,
                 sign.colour);
  const float state_width = plot::text_size(rule.state).x;
  text_at(draw, {at.x + 1.3F * em(), at.y}, p.text,
          plot::elided(one_line(rule.name, 60), width - state_width - 2.0F * em()));
  const bool alarming = rule.fired && rule.level >= Level::kMedium;
  text_at(draw, {at.x + width - state_width, at.y}, alarming ? sign.colour : p.dim, rule.state);
  if (decision > 0 && ImGui::IsMouseClicked(0) &&
      ImGui::IsMouseHoveringRect(at, {at.x + width, at.y + 1.4F * em()})) {
    actions.emplace_back(SelectDecision{decision});
  }
  float x = at.x + 1.3F * em();
  ImVec2 line = next_row(1.3F);
  for (std::size_t i = 0; i < rule.detectors.size(); ++i) {
    const std::string text = one_line(rule.detectors[i], 60);
    const float needed = plot::text_size(text).x;
    if (x + needed > at.x + width && x > at.x + 1.4F * em()) {
      line = next_row(1.3F);
      x = at.x + 1.3F * em();
    }
    text_at(draw, {x, line.y}, rule.voting[i] ? p.text : p.dim,
            plot::elided(text, width - 1.3F * em()));
    x += needed + 0.9F * em();
  }
  line = next_row(1.3F);
  text_at(draw, {at.x + 1.3F * em(), line.y}, p.dim, rule.votes);
  if (!rule.earliest.empty()) {
    line = next_row(1.3F);
    const std::string floor = rule.at_floor ? rule.earliest + " (at floor)" : rule.earliest;
    text_at(draw, {at.x + 1.3F * em(), line.y}, rule.at_floor ? p.text : p.dim,
            plot::elided(floor, width - 1.3F * em()));
  }
  draw_why(view, rule.name);
  next_row(0.4F);
}

void draw_rules(const Model& model, View& view, ImVec2 at, ImVec2 size,
                std::vector<Action>& actions) {
  const run::RunState* state = model.shown();
  begin_panel(view, "RULES", at, size, true);
  ImDrawList& draw = *ImGui::GetWindowDrawList();
  const plot::Palette& p = view.palette();
  if (state == nullptr || !state->policy) {
    text_at(draw, next_row(), p.dim, "no policy loaded yet");
    end_panel();
    return;
  }
  const std::string policy =
      "policy " + one_line(state->policy->name, 40) +
      (state->mode.empty() ? "" : "  (" + one_line(state->mode.text(), 20) + ")");
  const float width = row_width();
  text_at(draw, next_row(1.6F), p.dim, plot::elided(policy, width));
  const auto rows = rule_rows(*state);
  for (const RuleRow& rule : rows) {
    std::int64_t decision = 0;
    for (const EventRow& event : view.events) {
      if (event.kind == EventKind::kTrip && event.mark.rfind(rule.name, 0) == 0)
        decision = event.decision;
    }
    draw_rule(view, rule, actions, decision);
  }
  if (rows.empty()) text_at(draw, next_row(), p.dim, "no status and no decision yet");
  end_panel();
}

void draw_runs(const Model& model, View& view, ImVec2 at, ImVec2 size,
               std::vector<Action>& actions) {
  const plot::Palette& p = view.palette();
  begin_panel(view, "RUNS", at, size, true);
  ImDrawList& draw = *ImGui::GetWindowDrawList();
  const run::RunState* shown = model.shown();
  for (const RunId& id : model.run_ids()) {
    const run::RunState& state = *model.find(id);
    const float width = row_width();
    const ImVec2 row = next_row(1.5F);
    const ImVec2 hi{row.x + width, row.y + 1.45F * em()};
    const bool chosen = shown != nullptr && shown->run == id;
    const bool hovered = ImGui::IsWindowHovered() && ImGui::IsMouseHoveringRect(row, hi);
    if (chosen || hovered)
      draw.AddRectFilled(row, hi, chosen ? p.button : p.button_hot, 0.2F * em());
    if (hovered && ImGui::IsMouseClicked(0)) actions.emplace_back(SelectRun{id});
    view.controls["run " + id.text()] = {row, hi};
    const Sign mark = sign_of(worst_of(model, id), p);
    const ImVec2 sign{row.x + 0.8F * em(), row.y + 0.65F * em()};
    plot::shape_at(draw, sign, 0.7F * em(), mark.shape, mark.colour);
    const std::string step = std::to_string(std::max<std::int64_t>(state.step.value, 0));
    number_at(view, {hi.x - 0.4F * em(), row.y + 0.12F * em()}, p.dim, step);
    text_at(draw, {row.x + 1.6F * em(), row.y + 0.12F * em()}, chosen ? p.text : p.dim,
            plot::elided(id.text(), width - 5.0F * em()));
  }
  if (model.run_ids().empty()) text_at(draw, next_row(), p.dim, "none yet");
  end_panel();
}

}  // namespace

void draw_right_column(const Model& model, const Model& live, View& view, ImVec2 at, ImVec2 size,
                       std::vector<Action>& actions) {
  const float gap = 0.4F * em();
  const float one_em = 10.9F + (model.source().live ? 1.4F : 0.0F);
  const auto knobs = static_cast<float>(std::max<std::size_t>(knob_views(model).size(), 1));
  // Neither grows with what it says, so that no button moves.
  const float commands_em = 1.5F + (model.source().live ? 2.0F * 2.7F : 0.0F);
  const float control = std::min((4.0F + knobs * one_em + commands_em) * em(), 0.5F * size.y);
  const float list = std::min((3.0F + 1.5F * 4.0F) * em(), 0.2F * size.y);
  const float rules = std::max(size.y - control - list - 2.0F * gap, 5.0F * em());
  draw_knobs(model, view, at, {size.x, control}, actions);
  at.y += control + gap;
  draw_rules(model, view, at, {size.x, rules}, actions);
  at.y += rules + gap;
  draw_runs(live, view, at, {size.x, list}, actions);
}

}  // namespace phaseguard::dashboard
