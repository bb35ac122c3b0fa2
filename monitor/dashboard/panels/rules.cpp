// RULES: the state of each rule and what an operator can do to it.
#include <algorithm>

#include "monitor/dashboard/panels/panels.h"

namespace phaseguard::dashboard {
namespace {

using plot::text_at;

void draw_rule(View& view, const RuleRow& rule, std::vector<Action>& actions,
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
  view.controls["rule " + rule.name] = {at, {at.x + width, at.y + 1.4F * em()}};
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

}  // namespace

void draw_rules(const Model& model, View& view, ImVec2 at, ImVec2 size,
                std::vector<Action>& actions) {
  const run::RunState* state = model.shown();
  const bool known = state != nullptr && state->policy;
  const std::string policy =
      !known ? ""
             : "policy " + one_line(state->policy->name, 40) +
                   (state->mode.empty() ? "" : " (" + one_line(state->mode.text(), 20) + ")");
  begin_panel(view, "RULES", at, size, true, policy);
  ImDrawList& draw = *ImGui::GetWindowDrawList();
  const plot::Palette& p = view.palette();
  if (!known) {
    text_at(draw, next_row(), p.dim, "no policy loaded yet");
    end_panel();
    return;
  }
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

}  // namespace phaseguard::dashboard
