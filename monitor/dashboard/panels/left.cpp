#include <algorithm>
#include <cmath>
#include <cstdio>

#include "monitor/dashboard/panels/panels.h"
#include "monitor/dashboard/panels/plots/plots.h"

namespace phaseguard::dashboard {
namespace {

using plot::text_at;

std::string printed(const char* format, double value) {
  char text[48];
  std::snprintf(text, sizeof text, format, value);
  return text;
}

void draw_run(const Model& model, View& view, ImVec2 at, ImVec2 size) {
  const plot::Palette& p = view.palette();
  begin_panel(view, "RUN", at, size);
  ImDrawList& draw = *ImGui::GetWindowDrawList();
  const run::RunState* state = model.shown();
  const float right = ImGui::GetCursorScreenPos().x + row_width();
  if (state == nullptr) {
    ImGui::PushStyleColor(ImGuiCol_Text, p.dim);
    ImGui::PushTextWrapPos(0.0F);
    plot::say(waiting_text(model));
    ImGui::PopTextWrapPos();
    ImGui::PopStyleColor();
    end_panel();
    return;
  }
  const bool stale = model.stale();
  ImVec2 row = next_row(1.7F);
  if (view.fonts.large != nullptr) ImGui::PushFont(view.fonts.large);
  std::string step = "step " + std::to_string(std::max<std::int64_t>(state->step.value, 0));
  if (state->total_steps > 0) step += " / " + std::to_string(state->total_steps);
  text_at(draw, row, stale ? p.stale : p.text, step);
  if (view.fonts.large != nullptr) ImGui::PopFont();

  row = next_row(1.35F);
  const double rate = model.steps_per_s();
  text_at(draw, row, p.dim,
          std::isfinite(rate) ? printed(rate < 10 ? "%.1f steps/s" : "%.0f steps/s", rate)
                              : std::string("- steps/s"));
  const std::string label =
      state->label.empty() ? "" : "labelled " + one_line(state->label.text(), 24);
  text_at(draw, {right - plot::text_size(label).x, row.y}, p.dim, label);

  if (state->hello && !state->hello->notes.empty() && ImGui::IsWindowHovered()) {
    std::string notes;  // what the trainer declared for the record, such as its pre-flight
    for (const std::string& note : state->hello->notes) notes += one_line(note, 400) + "\n";
    plot::tooltip(notes);
  }

  row = next_row(1.35F);
  const bool live = model.source().live;
  const auto link = model.health().link;
  const bool running = live && link == wire::LinkState::kActive && !stale;
  const std::string age = live ? "age " + age_text(model.health().age_s) : "recording";
  text_at(draw, row, stale ? p.stale : p.dim, age);
  const std::string word = running ? "live"
                           : live  ? (stale ? "STALE" : model.health().link_text)
                           : link == wire::LinkState::kEnded ? "ended"
                                                             : "not ended";
  const float word_x = right - plot::text_size(word).x;
  text_at(draw, {word_x, row.y}, stale || running ? p.text : p.dim, word);
  plot::shape_at(draw, {word_x - 0.7F * em(), row.y + 0.55F * em()}, 0.65F * em(),
                 stale     ? plot::Shape::kCross
                 : running ? plot::Shape::kCircle
                           : plot::Shape::kRing,
                 stale     ? p.text
                 : running ? p.alive
                           : p.dim);
  end_panel();
}

void draw_links(View& view, const std::vector<LinkRow>& rows, bool live, ImVec2 at, ImVec2 size) {
  const plot::Palette& p = view.palette();
  begin_panel(view, "LINKS", at, size);
  ImDrawList& draw = *ImGui::GetWindowDrawList();
  for (const LinkRow& link : rows) {
    const float right = ImGui::GetCursorScreenPos().x + row_width();
    const ImVec2 row = next_row(1.4F);
    plot::shape_at(draw, {row.x + 0.4F * em(), row.y + 0.55F * em()}, 0.7F * em(),
                   link.level != Level::kNone ? sign_of(link.level, p).shape
                   : link.active              ? plot::Shape::kCircle
                                              : plot::Shape::kRing,
                   link.level != Level::kNone ? sign_of(link.level, p).colour
                   : link.active              ? p.alive
                                              : p.dim);
    text_at(draw, {row.x + 1.2F * em(), row.y}, p.text, link.name);
    text_at(draw, {row.x + 6.0F * em(), row.y},
            link.level == Level::kNone ? p.dim : sign_of(link.level, p).colour, link.word);
    number_at(view, {right, row.y}, p.dim, std::isfinite(link.age_s) ? age_text(link.age_s) : "");
    if (!live) continue;
    const ImVec2 note = next_row(1.3F);
    text_at(draw, {note.x + 1.2F * em(), note.y}, p.dim,
            plot::elided(link.protection, right - note.x - 1.2F * em()));
  }
  end_panel();
}

}  // namespace

void draw_left_column(const Model& model, View& view, ImVec2 at, ImVec2 size) {
  const run::RunState* state = model.shown();
  const auto signals =
      state == nullptr ? std::vector<SignalRow>{} : signal_rows(*state, model.health());
  const auto links = link_rows(model);
  const float gap = 0.4F * em();
  const float run_height = 7.0F * em();
  // With room for what is said when a link breaks or a value goes bad: nothing moves then.
  const float link_em = model.source().live ? 2.7F : 1.4F;
  const float links_height = (2.4F + link_em * static_cast<float>(links.size())) * em();
  const float wanted =
      (5.0F + 1.5F * static_cast<float>(std::max<std::size_t>(signals.size(), 1))) * em();
  const float left_over = size.y - run_height - links_height - 3.0F * gap;
  // Without canaries there is nothing to say of them.
  const bool canaries = state != nullptr && state->hello &&
                        std::any_of(state->hello->signals.begin(), state->hello->signals.end(),
                                    [](const wire::SignalDecl& signal) {
                                      return signal.items == wire::Items::kCanary;
                                    }) &&
                        !view.look.strip;  // then it is below the plots
  const float signals_height =
      canaries ? std::max(6.0F * em(), std::min(wanted, left_over - 9.0F * em())) : left_over + gap;
  draw_run(model, view, at, {size.x, run_height});
  at.y += run_height + gap;
  draw_signals(model, view, signals, at, {size.x, signals_height});
  at.y += signals_height + gap;
  draw_links(view, links, model.source().live, at, {size.x, links_height});
  at.y += links_height + gap;
  const float rest = left_over - signals_height;
  if (canaries && rest > 4.0F * em()) draw_strip_panel(model, view, at, {size.x, rest});
}

}  // namespace phaseguard::dashboard
