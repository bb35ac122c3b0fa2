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

// Text over as many rows as it needs.
void wrapped(const View& view, ImU32 colour, const std::string& text) {
  (void)view;
  ImGui::PushStyleColor(ImGuiCol_Text, colour);
  ImGui::PushTextWrapPos(0.0F);
  plot::say(text);
  ImGui::PopTextWrapPos();
  ImGui::PopStyleColor();
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
  if (!knob.asked || std::isnan(knob.decided)) return;  // nothing to confirm
  ImDrawList& draw = *ImGui::GetWindowDrawList();
  const ImVec2 at = next_row(1.5F);
  const ImVec2 sign{at.x + 0.45F * em(), at.y + 0.55F * em()};
  plot::shape_at(draw, sign, 0.75F * em(),
                 knob.confirmed ? plot::Shape::kCircle : plot::Shape::kTriangleDown,
                 knob.confirmed ? p.alive : p.medium);
  text_at(draw, {at.x + 1.3F * em(), at.y}, knob.confirmed ? p.dim : p.medium,
          knob.confirmed ? "confirmed by the trainer" : "NOT YET CONFIRMED by the trainer");
}

void draw_last_command(const Model& model, const View& view) {
  if (model.pending().empty()) return;
  const plot::Palette& p = view.palette();
  const Pending& last = model.pending().back();
  std::string text = last.command.action.text() + " " + one_line(last.command.knob, 40);
  if (last.command.action == wire::Action::kForce) text += " " + number_text(last.command.value);
  text += ": " + std::string(name_of(last.stage));
  if (last.stage == Stage::kApplied) text += " @ step " + std::to_string(last.applied_step.value);
  const bool bad = last.stage == Stage::kNotConfirmed || last.stage == Stage::kRefused;
  wrapped(view, bad ? p.critical : p.text, text);
  if (!last.text.empty()) wrapped(view, p.dim, one_line(last.text));
}

// What a dialog starts with: what is in force when it protects, else half way to the far limit.
double proposed(const KnobView& knob) {
  if (knob.protecting) return knob.in_force;
  const double far = knob.protects == wire::Protects::kDown ? knob.min : knob.max;
  return std::isfinite(far) ? 0.5 * (knob.initial + far) : knob.initial;
}

void draw_knob(const Model& model, View& view, const KnobView& knob) {
  const std::string obstacle = model.knob_obstacle(knob.name);
  draw_mode(view, knob, model.stale());
  draw_values(view, knob, model.stale(), model.source().live);
  next_row(0.2F);
  const float gap = 0.5F * em();
  const ImVec2 half{0.5F * (row_width() - gap), 1.9F * em()};
  const std::string name = one_line(knob.name, 24);
  if (button(view, ("Force " + name + "...").c_str(), half, obstacle)) {
    view.form = {};
    view.form.open_force = true;
    view.form.knob = knob.name;
    view.form.value = proposed(knob);
  }
  ImGui::SameLine(0.0F, gap);
  const std::string nothing =
      obstacle.empty() && !knob.forced ? "no override is in force" : obstacle;
  if (button(view, ("Release " + name + "...").c_str(), half, nothing)) {
    view.form = {};
    view.form.open_release = true;
    view.form.knob = knob.name;
  }
}

void draw_knobs(const Model& model, View& view, ImVec2 at, ImVec2 size) {
  begin_panel(view, "PROTECTION", at, size, true);
  const std::vector<KnobView> knobs = knob_views(model);
  const bool any =
      std::any_of(knobs.begin(), knobs.end(), [](const KnobView& knob) { return knob.protecting; });
  draw_protection(model, view, any, model.stale());
  for (const KnobView& knob : knobs) draw_knob(model, view, knob);
  const std::string obstacle = model.command_obstacle();
  if (!obstacle.empty()) wrapped(view, view.palette().dim, obstacle);
  draw_last_command(model, view);
  end_panel();
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
    Level level = Level::kNone;
    for (const wire::RuleEvidence& rule : state.rules) {
      if (rule.state == wire::RuleState::kLatched)
        level = std::max(level, level_of_rule(state, rule.rule));
    }
    const Sign mark = sign_of(level, p);
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

void draw_right_column(const Model& model, View& view, ImVec2 at, ImVec2 size,
                       std::vector<Action>& actions) {
  const float gap = 0.4F * em();
  const bool obstacle = !model.command_obstacle().empty();
  const float one_em = 10.9F + (model.source().live ? 1.4F : 0.0F);
  const auto knobs = static_cast<float>(std::max<std::size_t>(knob_views(model).size(), 1));
  float control_em = 4.0F + knobs * one_em + (obstacle ? 2.8F : 0.0F);
  if (!model.pending().empty()) control_em += 3.4F;
  const float control = std::min(control_em * em(), 0.55F * size.y);
  const auto runs = static_cast<float>(std::min<std::size_t>(model.run_ids().size(), 6));
  const float list = (3.0F + 1.5F * std::max(runs, 1.0F)) * em();
  const float rules = std::max(size.y - control - list - 2.0F * gap, 5.0F * em());
  draw_knobs(model, view, at, {size.x, control});
  at.y += control + gap;
  draw_rules(model, view, at, {size.x, rules}, actions);
  at.y += rules + gap;
  draw_runs(model, view, at, {size.x, list}, actions);
}

}  // namespace phaseguard::dashboard
