#include <algorithm>
#include <cmath>

#include "monitor/base/text.h"
#include "monitor/base/time/utc.h"
#include "monitor/dashboard/panels/panels.h"

namespace phaseguard::dashboard {
namespace {

using plot::Shape;
using plot::text_at;

Sign sign_of_event(const EventRow& event, const plot::Palette& p) {
  switch (event.kind) {
    case EventKind::kTrip:
      return sign_of(event.level, p);
    case EventKind::kCommand:
      return {Shape::kDiamond, p.override_};
    case EventKind::kRequest:
      return {Shape::kSquare, p.info};
    case EventKind::kLink:
      return event.level == Level::kMedium ? Sign{Shape::kCross, p.text}
                                           : Sign{Shape::kRing, p.dim};
    case EventKind::kApplied:
      return {Shape::kCircle, p.dim};
    case EventKind::kDecision:
    case EventKind::kSegment:
    case EventKind::kEnd:
      break;
  }
  return {Shape::kRing, p.dim};
}

void draw_event(View& view, const EventRow& event, bool chosen, std::vector<Action>& actions) {
  const plot::Palette& p = view.palette();
  ImDrawList& draw = *ImGui::GetWindowDrawList();
  const float width = row_width();
  const ImVec2 at = next_row(1.4F);
  const ImVec2 hi{at.x + width, at.y + 1.38F * em()};
  const bool hovered =
      event.decision > 0 && ImGui::IsWindowHovered() && ImGui::IsMouseHoveringRect(at, hi);
  if (chosen || hovered) draw.AddRectFilled(at, hi, chosen ? p.button : p.button_hot, 0.15F * em());
  if (hovered && ImGui::IsMouseClicked(0)) {
    actions.emplace_back(SelectDecision{chosen ? 0 : event.decision});
  }
  if (event.decision > 0) {
    view.controls["event of decision " + std::to_string(event.decision)] = {at, hi};
  }
  const Sign sign = sign_of_event(event, p);
  const float y = at.y + 0.12F * em();
  plot::shape_at(draw, {at.x + 0.7F * em(), y + 0.55F * em()}, 0.75F * em(), sign.shape,
                 sign.colour);
  number_at(view, {at.x + 6.2F * em(), y}, p.dim,
            event.t > 0.0 ? utc_text(event.t, kUtcClock) : "");
  text_at(draw, {at.x + 7.2F * em(), y}, p.dim, "step");
  number_at(view, {at.x + 13.0F * em(), y}, p.text,
            event.step.value < 0 ? "-" : std::to_string(event.step.value));
  const std::string text = plot::elided(event.text, width - 14.4F * em());
  text_at(draw, {at.x + 14.2F * em(), y}, event.without_effect ? p.dim : p.text, text);
  if (!event.without_effect) return;
  const float middle = y + 0.55F * em();
  draw.AddLine({at.x + 14.2F * em(), middle},
               {at.x + 14.2F * em() + plot::text_size(text).x, middle}, p.dim,
               std::max(1.0F, 0.08F * em()));
}

// A table cell's place: `column` of the given right or left edges.
struct Column {
  const char* title;
  float at_em;
  bool right;
};

void head_of(const View& view, ImVec2 row, const std::vector<Column>& columns) {
  const plot::Palette& p = view.palette();
  ImDrawList& draw = *ImGui::GetWindowDrawList();
  for (const Column& c : columns) {
    const float width = c.right ? plot::text_size(c.title).x : 0.0F;
    text_at(draw, {row.x + c.at_em * em() - width, row.y}, p.dim, c.title);
  }
}

void draw_detectors(const run::RunState& state, View& view, const wire::Decision& decision) {
  const plot::Palette& p = view.palette();
  ImDrawList& draw = *ImGui::GetWindowDrawList();
  head_of(view, next_row(1.35F),
          {{"detector", 1.2F, false},
           {"signal", 9.0F, false},
           {"value", 21.5F, true},
           {"statistic", 26.5F, true},
           {"line", 31.0F, true},
           {"streak", 35.0F, true},
           {"measured", 39.8F, true}});
  for (const wire::DetectorEvidence& d : decision.detectors) {
    const ImVec2 row = next_row(1.35F);
    const Sign sign = sign_of(d.voting ? level_of_detector(state, d.detector) : Level::kNone, p);
    plot::shape_at(draw, {row.x + 0.5F * em(), row.y + 0.55F * em()}, 0.7F * em(), sign.shape,
                   sign.colour);
    text_at(draw, {row.x + 1.2F * em(), row.y}, p.text,
            plot::elided(one_line(d.detector, 60), 7.5F * em()));
    text_at(draw, {row.x + 9.0F * em(), row.y}, p.dim,
            plot::elided(one_line(d.signal, 60), 8.5F * em()));
    const ImU32 ink = d.voting ? p.text : p.dim;
    const bool good = d.quality == Quality::kGood;
    number_at(view, {row.x + 21.5F * em(), row.y}, good ? ink : p.text,
              d.step.value < 0 ? "-"
              : good           ? plot::value_label(d.value)
                               : name_of(d.quality));
    number_at(view, {row.x + 26.5F * em(), row.y}, ink,
              std::isnan(d.statistic) ? "-" : plot::value_label(d.statistic));
    number_at(view, {row.x + 31.0F * em(), row.y}, p.dim, "> " + number_text(d.threshold));
    number_at(view, {row.x + 35.0F * em(), row.y}, ink,
              std::to_string(d.streak) + "/" + std::to_string(d.needed));
    number_at(view, {row.x + 39.8F * em(), row.y}, p.dim,
              std::to_string(d.n) + (d.step.value >= 0 ? " @" + std::to_string(d.step.value) : ""));
  }
}

void draw_consequences(const View& view, const wire::Decision& decision) {
  const plot::Palette& p = view.palette();
  ImDrawList& draw = *ImGui::GetWindowDrawList();
  for (const wire::RuleEvidence& rule : decision.rules) {
    std::string text = "rule " + one_line(rule.rule, 60) + ": " + one_line(rule.state.text(), 20) +
                       ", " + std::to_string(rule.votes) + " of " + std::to_string(rule.of) +
                       " vote, needs " + std::to_string(rule.needed);
    if (rule.fired_step.value >= 0)
      text += "; fired at step " + std::to_string(rule.fired_step.value);
    if (rule.earliest_step.value >= 0) {
      text += "; earliest possible " + std::to_string(rule.earliest_step.value);
    }
    if (rule.at_floor) text += " (at floor: the step carries no information)";
    const float width = row_width();
    text_at(draw, next_row(1.35F), p.dim, plot::elided(text, width));
  }
  for (const wire::KnobSetting& after : decision.knobs) {
    std::string text = one_line(after.knob, 40) + ": ";
    for (const wire::KnobSetting& before : decision.before) {
      if (before.knob == after.knob)
        text += number_text(before.value) + " (" + who(before.cause) + ") ";
    }
    text += (view.fonts.body != nullptr ? "\xE2\x86\x92 " : "-> ") + number_text(after.value) +
            " (" + who(after.cause) + ")";
    if (!after.items.empty())
      text += ", one value for each of " + std::to_string(after.items.size()) + " samples";
    text_at(draw, next_row(1.35F), p.text, text);
  }
  for (const wire::Request& request : decision.requests) {
    std::string text = "asks the trainer for: " + one_line(request.type.text(), 40);
    if (request.before_step.value >= 0) {
      text += " to a snapshot of step " + std::to_string(request.before_step.value) + " or earlier";
    }
    text_at(draw, next_row(1.35F), p.text, text);
  }
}

}  // namespace

void draw_events(const Model& model, View& view, ImVec2 at, ImVec2 size,
                 std::vector<Action>& actions) {
  begin_panel(view, "EVENTS", at, size, true);
  const bool at_end = ImGui::GetScrollY() >= ImGui::GetScrollMaxY() - 1.0F;
  const float row = 1.4F * em();
  // Rows out of sight cost nothing: only their height is kept.
  const auto count = static_cast<int>(view.events.size());
  const int first = std::clamp(static_cast<int>(ImGui::GetScrollY() / row), 0, count);
  const int shown = static_cast<int>(size.y / row) + 2;
  const int last = std::min(count, first + shown);
  if (first > 0) next_row(1.4F * static_cast<float>(first));
  for (int i = first; i < last; ++i) {
    const EventRow& event = view.events[static_cast<std::size_t>(i)];
    const bool chosen = event.decision > 0 && event.decision == model.selected_decision();
    draw_event(view, event, chosen, actions);
  }
  if (last < count) next_row(1.4F * static_cast<float>(count - last));
  if (at_end) ImGui::SetScrollHereY(1.0F);
  end_panel();
}

void draw_evidence(const Model& model, View& view, ImVec2 at, ImVec2 size,
                   std::vector<Action>& actions) {
  const wire::Decision* decision = model.decision(model.selected_decision());
  if (decision == nullptr) return;
  const plot::Palette& p = view.palette();
  const std::string title = "EVIDENCE of decision " + std::to_string(decision->id);
  begin_panel(view, title.c_str(), at, size, true);
  ImDrawList& draw = *ImGui::GetWindowDrawList();
  const float width = row_width();
  text_at(draw, next_row(1.5F), p.text, plot::elided(one_line(decision->summary), width));
  draw_detectors(*model.shown(), view, *decision);
  next_row(0.3F);
  draw_consequences(view, *decision);
  end_panel();
  ImGui::SetCursorScreenPos({at.x + size.x - 5.0F * em(), at.y + 0.2F * em()});
  if (button(view, "Close", {4.3F * em(), 1.5F * em()})) actions.emplace_back(SelectDecision{0});
}

}  // namespace phaseguard::dashboard
