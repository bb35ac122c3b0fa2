#include <algorithm>
#include <cmath>
#include <cstdio>

#include "monitor/dashboard/panels/panels.h"

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

void draw_signal(const Model& model, View& view, const SignalRow& signal, plot::Range steps) {
  const plot::Palette& p = view.palette();
  ImDrawList& draw = *ImGui::GetWindowDrawList();
  const float width = row_width();
  const ImVec2 at = next_row(1.5F);
  const float spark = width - 18.0F * em();
  const float right = at.x + width;
  const bool old = model.stale() || signal.overdue;
  const ImU32 ink = old ? p.stale : p.text;
  text_at(draw, at, signal.watched ? ink : p.dim, plot::elided(signal.name, 9.0F * em()));
  const bool good = signal.quality == Quality::kGood;
  const std::string value = signal.step.value < 0             ? "-"
                            : good                            ? plot::value_label(signal.value)
                            : signal.quality == Quality::kBad ? "BAD"
                                                              : "missing";
  number_at(view, {at.x + 13.2F * em(), at.y}, good ? ink : p.text, value);
  const ImVec2 sign{at.x + 14.1F * em(), at.y + 0.55F * em()};
  if (!good && signal.step.value >= 0) {
    plot::shape_at(draw, sign, 0.75F * em(), plot::Shape::kCross, p.text);
  } else if (signal.voting) {
    const Sign level = sign_of(signal.level, p);
    plot::shape_at(draw, sign, 0.75F * em(), level.shape, level.colour);
  } else if (signal.watched) {
    plot::shape_at(draw, sign, 0.6F * em(), plot::Shape::kRing, p.dim);
  }
  std::string of_line = "";
  if (std::isfinite(signal.of_line)) {
    of_line =
        std::abs(signal.of_line) < 9.995 ? printed("%.0f%%", 100.0 * signal.of_line) : ">999%";
  }
  number_at(view, {at.x + 17.5F * em(), at.y},
            signal.voting ? sign_of(signal.level, p).colour : p.dim, of_line);
  if (signal.series != nullptr && spark > 2.0F * em()) {
    plot::draw_sparkline(draw, plot::SeriesData(*signal.series), steps,
                         {right - spark, at.y + 0.1F * em()}, {spark, 1.1F * em()},
                         old ? p.stale : p.series[0]);
  }
}

// A second line for what a trainer does wrong, and so for values that nothing was decided by.
void draw_fates(const View& view, const SignalRow& signal) {
  if (signal.fates.empty()) return;
  const plot::Palette& p = view.palette();
  ImDrawList& draw = *ImGui::GetWindowDrawList();
  const float indent = 0.8F * em();
  const ImVec2 at = next_row(1.3F);
  text_at(draw, {at.x + indent, at.y}, signal.declared ? p.dim : p.text,
          plot::elided(signal.fates, row_width() - indent));
}

void draw_signals(const Model& model, View& view, const std::vector<SignalRow>& rows, ImVec2 at,
                  ImVec2 size) {
  const plot::Palette& p = view.palette();
  begin_panel(view, "SIGNALS", at, size, true);
  ImDrawList& draw = *ImGui::GetWindowDrawList();
  const ImVec2 head = next_row(1.3F);
  number_at(view, {head.x + 13.2F * em(), head.y}, p.dim, "value");
  number_at(view, {head.x + 17.5F * em(), head.y}, p.dim, "of line");
  for (const SignalRow& row : rows) {
    draw_signal(model, view, row, view.time.full);
    draw_fates(view, row);
  }
  if (rows.empty()) text_at(draw, next_row(), p.dim, "none declared yet");
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

// Signals that run over canaries: those the heat strip can show.
std::vector<const run::PlotSpec*> strips_of(const View& view) {
  std::vector<const run::PlotSpec*> strips;
  for (const run::PlotSpec& plan : view.plots) {
    if (!plan.items.empty()) strips.push_back(&plan);
  }
  return strips;
}

// Place of the chosen one; the first as long as none is chosen.
std::size_t chosen_strip(const View& view, const std::vector<const run::PlotSpec*>& strips) {
  const auto chosen = std::find_if(strips.begin(), strips.end(), [&](const run::PlotSpec* plan) {
    return plan->name == view.strip;
  });
  return chosen == strips.end() ? 0 : static_cast<std::size_t>(chosen - strips.begin());
}

// Goes on to the next signal, where there are several.
void draw_strip_switch(View& view, const std::vector<const run::PlotSpec*>& strips, ImVec2 at,
                       float width) {
  if (strips.size() < 2) return;
  const plot::Palette& p = view.palette();
  const std::size_t chosen = chosen_strip(view, strips);
  const std::string text = std::to_string(chosen + 1) + " of " + std::to_string(strips.size());
  const float wide = plot::text_size(text).x + 0.8F * em();
  const ImVec2 lo{at.x + width - 0.7F * em() - wide, at.y + 0.3F * em()};
  const ImVec2 hi{lo.x + wide, lo.y + 1.3F * em()};
  ImGui::SetCursorScreenPos(lo);
  if (ImGui::InvisibleButton("next strip", {hi.x - lo.x, hi.y - lo.y})) {
    view.strip = strips[(chosen + 1) % strips.size()]->name;
  }
  view.controls["next strip"] = {lo, hi};
  ImDrawList& draw = *ImGui::GetWindowDrawList();
  draw.AddRectFilled(lo, hi, ImGui::IsItemHovered() ? p.button_hot : p.button, 0.2F * em());
  text_at(draw, {lo.x + 0.4F * em(), lo.y + 0.1F * em()}, p.dim, text);
}

// The heat strip: one row per canary prompt, the shared steps across.
void draw_canaries(View& view, ImVec2 at, ImVec2 size) {
  const plot::Palette& p = view.palette();
  const auto strips = strips_of(view);
  const run::PlotSpec* plan = strips.empty() ? nullptr : strips[chosen_strip(view, strips)];
  std::vector<plot::SeriesData> data;
  std::vector<plot::HeatRow> rows;
  plot::Range scale{0.0, 0.0};
  if (plan != nullptr) {
    data.reserve(plan->items.size());
    for (const run::PlotItem& item : plan->items) {
      data.emplace_back(*item.series);
      rows.push_back({&data.back(), one_line(item.label, 60)});
      const plot::Extent e = data.back().present_extent();
      if (e.empty()) continue;
      scale.lo = std::min(scale.lo, e.lo);
      scale.hi = std::max(scale.hi, e.hi);
    }
  }
  const std::string title =
      "CANARIES" + (plan != nullptr ? "  " + one_line(plan->name, 40) + " per prompt" : "");
  begin_panel(view, title.c_str(), at, size);
  ImDrawList& draw = *ImGui::GetWindowDrawList();
  const ImVec2 from = ImGui::GetCursorScreenPos();
  const ImVec2 room = ImGui::GetContentRegionAvail();
  if (rows.empty()) {
    text_at(draw, next_row(), p.dim, "no value per prompt");
    end_panel();
    return;
  }
  if (scale.hi <= scale.lo) scale.hi = scale.lo + 1.0;
  const float foot = 1.3F * em();
  plot::draw_heat(rows, p, view.time, scale, from, {room.x, std::max(room.y - foot, em())});
  const float legend_y = from.y + room.y - foot + 0.25F * em();
  const std::string low = std::to_string(rows.size()) + " prompts   " + plot::value_label(scale.lo);
  const std::string high = plot::value_label(scale.hi) + " " + one_line(plan->unit, 12);
  const float low_width = plot::text_size(low).x;
  const float high_width = plot::text_size(high).x;
  text_at(draw, {from.x, legend_y}, p.dim, low);
  text_at(draw, {from.x + room.x - high_width, legend_y}, p.dim, high);
  const float bar_from = from.x + low_width + 0.5F * em();
  const float bar_to = from.x + room.x - high_width - 0.5F * em();
  constexpr int kPieces = 24;
  for (int i = 0; i < kPieces; ++i) {
    const float width = (bar_to - bar_from) / kPieces;
    const float x = bar_from + width * static_cast<float>(i);
    draw.AddRectFilled({x, legend_y + 0.35F * em()}, {x + width, legend_y + 0.85F * em()},
                       heat_colour(p, (i + 0.5) / kPieces));
  }
  end_panel();
  draw_strip_switch(view, strips, at, size.x);
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
                                    });
  const float signals_height =
      canaries ? std::max(6.0F * em(), std::min(wanted, left_over - 9.0F * em())) : left_over + gap;
  draw_run(model, view, at, {size.x, run_height});
  at.y += run_height + gap;
  draw_signals(model, view, signals, at, {size.x, signals_height});
  at.y += signals_height + gap;
  draw_links(view, links, model.source().live, at, {size.x, links_height});
  at.y += links_height + gap;
  const float rest = left_over - signals_height;
  if (canaries && rest > 4.0F * em()) draw_canaries(view, at, {size.x, rest});
}

}  // namespace phaseguard::dashboard
