// RULES: the state of each rule and what an operator can do to it.
#include <algorithm>

#include "monitor/dashboard/panels/orders.h"
#include "monitor/dashboard/panels/panels.h"

namespace phaseguard::dashboard {
namespace {

using plot::text_at;

// Two buttons on one line, at places of their own; the second undoes itself.
void draw_orders(const Model& model, View& view, const RuleRow& rule, ImVec2 right) {
  const ImVec2 size{5.3F * em(), 1.3F * em()};
  const float gap = 0.35F * em();
  const std::string key = " " + one_line(rule.name, 60) + "...";
  const ImVec2 below = ImGui::GetCursorScreenPos();
  const auto offer = [&](const Order& order, float x) {
    ImGui::SetCursorScreenPos({x, right.y});
    if (button(view, (order.verb + "...").c_str(), size, order.obstacle, order.verb + key))
      open_order(model, view, rule.name, order.dialog);
  };
  ImGui::PushID(rule.name.c_str());
  offer(reset_order(model, rule.name), right.x - 2.0F * size.x - gap);
  offer(inhibit_order(model, rule), right.x - size.x);
  ImGui::PopID();
  ImGui::SetCursorScreenPos(below);
}

// On one line, whatever they count: no button below it moves.
void draw_detectors(const RuleRow& rule, const plot::Palette& p) {
  const float width = row_width();
  const ImVec2 line = next_row(1.25F);
  float x = line.x + 1.3F * em();
  for (std::size_t i = 0; i < rule.detectors.size(); ++i) {
    const float room = line.x + width - x;
    if (room < 2.0F * em()) break;
    const std::string text = plot::elided(one_line(rule.detectors[i], 60), room);
    text_at(*ImGui::GetWindowDrawList(), {x, line.y}, rule.voting[i] ? p.text : p.dim, text);
    x += plot::text_size(text).x + 0.9F * em();
  }
  std::string all;
  for (const std::string& detector : rule.detectors) all += one_line(detector, 60) + "\n";
  if (x > line.x + width && ImGui::IsWindowHovered() &&
      ImGui::IsMouseHoveringRect(line, {line.x + width, line.y + 1.25F * em()})) {
    plot::tooltip(all);
  }
}

// What a quiet rule lacks, on one line whatever it is; the mouse shows all of it.
void draw_why(const View& view, const std::string& rule) {
  const float width = row_width();
  const ImVec2 line = next_row(1.25F);
  const auto found = view.why.find(rule);
  if (found == view.why.end() || found->second.empty()) return;
  std::string first;
  std::string all = "it lacks:";
  for (const policy::Missing& each : found->second) {
    first += (first.empty() ? "lacks: " : "; ") + one_line(to_text(each), 200);
    all += "\n" + one_line(to_text(each), 200);
  }
  text_at(*ImGui::GetWindowDrawList(), {line.x + 1.3F * em(), line.y}, view.palette().dim,
          plot::elided(first, width - 1.3F * em()));
  if (ImGui::IsWindowHovered() &&
      ImGui::IsMouseHoveringRect(line, {line.x + width, line.y + 1.25F * em()})) {
    plot::tooltip(all);
  }
}

void draw_rule(const Model& model, View& view, const RuleRow& rule, std::vector<Action>& actions,
               std::int64_t decision) {
  const plot::Palette& p = view.palette();
  ImDrawList& draw = *ImGui::GetWindowDrawList();
  const float width = row_width();
  const bool stale = model.stale();
  const ImVec2 at = next_row(1.35F);
  const Sign sign = sign_of(rule.fired ? std::max(rule.level, Level::kInfo) : Level::kNone, p);
  plot::shape_at(draw, {at.x + 0.45F * em(), at.y + 0.55F * em()}, 0.8F * em(), sign.shape,
                 stale ? p.stale : sign.colour);
  const std::string state = plot::elided(rule.state, 0.65F * width);
  const float state_width = plot::text_size(state).x;
  text_at(draw, {at.x + 1.3F * em(), at.y}, stale ? p.stale : p.text,
          plot::elided(one_line(rule.name, 60), width - state_width - 2.0F * em()));
  const bool alarming = rule.fired && rule.level >= Level::kMedium;
  text_at(draw, {at.x + width - state_width, at.y},
          stale      ? p.stale
          : alarming ? sign.colour
                     : p.dim,
          state);
  const ImVec2 hi{at.x + width, at.y + 1.35F * em()};
  view.controls["rule " + rule.name] = {at, hi};
  if (ImGui::IsWindowHovered() && ImGui::IsMouseHoveringRect(at, hi)) {
    if (state != rule.state) plot::tooltip(rule.state);
    if (decision > 0 && ImGui::IsMouseClicked(0)) actions.emplace_back(SelectDecision{decision});
  }
  const ImVec2 votes = next_row(1.35F);
  const float room = width - 1.3F * em() - 11.2F * em();
  text_at(draw, {votes.x + 1.3F * em(), votes.y}, p.dim, plot::elided(rule.votes, room));
  draw_orders(model, view, rule, {votes.x + width, votes.y});
  draw_detectors(rule, p);
  const ImVec2 line = next_row(1.25F);
  const std::string floor = rule.at_floor ? rule.earliest + " (at floor)" : rule.earliest;
  text_at(draw, {line.x + 1.3F * em(), line.y}, rule.at_floor ? p.text : p.dim,
          plot::elided(floor, width - 1.3F * em()));
  draw_why(view, rule.name);
  next_row(0.35F);
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
    draw_rule(model, view, rule, actions, decision);
  }
  if (rows.empty()) text_at(draw, next_row(), p.dim, "no status and no decision yet");
  end_panel();
}

}  // namespace phaseguard::dashboard
