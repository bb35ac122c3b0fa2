// The right column: what protects the run, its rules, and the runs.
#include <algorithm>

#include "monitor/dashboard/panels/panels.h"

namespace phaseguard::dashboard {
namespace {

using plot::text_at;

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
  // None grows with what it says, so that no button moves.
  const float least_runs = 5.4F * em();
  const float least_rules = 6.0F * em();
  const float room = size.y - least_runs - least_rules - 2.0F * gap;
  const float protection = std::min(height_of_protection(model), std::max(room, 0.4F * size.y));
  const float rest = size.y - protection - 2.0F * gap;
  const float runs = std::clamp(0.25F * rest, std::min(least_runs, 0.45F * rest), 9.0F * em());
  const float rules = rest - runs;
  draw_protection(model, view, at, {size.x, protection}, actions);
  at.y += protection + gap;
  draw_rules(model, view, at, {size.x, rules}, actions);
  at.y += rules + gap;
  draw_runs(live, view, at, {size.x, runs}, actions);
}

}  // namespace phaseguard::dashboard
