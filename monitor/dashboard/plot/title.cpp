#include "monitor/dashboard/plot/title.h"

#include <algorithm>

namespace phaseguard::plot {
namespace {

constexpr float kKey = 1.5F;     // em: length of the line in the legend
constexpr float kGap = 0.6F;     // em
constexpr float kLabel = 11.0F;  // em: what a label may take

std::string label_of(const Frame& f, const Line& line) { return elided(line.label, kLabel * f.em); }

float width_of(const Frame& f, const Line& line) {
  return text_size(label_of(f, line)).x + (kKey + 0.35F + kGap) * f.em;
}

void draw_key(const Frame& f, const Line& line, ImVec2 from) {
  const ImVec2 to{from.x + kKey * f.em, from.y};
  const bool here = line.data != nullptr && !line.hidden;
  const ImU32 colour = here ? line.style.colour : f.palette.stale;
  if (line.style.dashed) {
    dashed_line(f.draw, from, to, colour, line.style.thickness, line.style.thickness * 3.0F);
  } else {
    f.draw.AddLine(from, to, colour, line.style.thickness * 1.3F);
  }
}

// One entry. Puts what is done to it into `events`.
void draw_entry(const Frame& f, const Line& line, int i, ImVec2 at, float width,
                PlotEvents& events) {
  const ImVec2 hi{at.x + width, f.lo.y};
  const bool hot = ImGui::IsWindowHovered() && ImGui::IsMouseHoveringRect(at, hi);
  draw_key(f, line, {at.x + kGap * f.em, at.y + 0.55F * f.em});
  const ImVec2 text{at.x + (kGap + kKey + 0.35F) * f.em, at.y};
  const ImU32 ink = hot ? f.palette.text : line.hidden ? f.palette.stale : f.palette.dim;
  text_at(f.draw, text, ink, label_of(f, line));
  if (line.hidden) {
    const float middle = at.y + 0.6F * f.em;
    f.draw.AddLine({text.x, middle}, {hi.x, middle}, f.palette.stale);
  }
  if (!hot) return;
  if (ImGui::IsMouseDoubleClicked(0)) {
    events.isolated_line = i;
  } else if (ImGui::IsMouseClicked(0)) {
    events.clicked_line = i;
  }
  tooltip(line.label + (line.hidden ? "\nput away; click: show" : "\nclick: put away") +
          "\ndouble click: this one alone");
}

}  // namespace

void draw_title(const Frame& f, const PlotSpec& spec, const std::string& base, ImVec2 title_at,
                float right, PlotEvents& events) {
  const std::string title = elided(spec.title, right - title_at.x);
  const float title_width = text_size(title).x;
  text_at(f.draw, title_at, f.palette.text, title);
  const auto listed = std::count_if(spec.lines.begin(), spec.lines.end(),
                                    [](const Line& line) { return line.listed; });
  float width = 0.0F;
  for (const Line& line : spec.lines) {
    if (line.listed && listed > 1) width += width_of(f, line);
  }
  float at = right - width;
  const bool legend = width > 0.0F && at > title_at.x + title_width;  // else the tooltip names them
  const ImVec2 more_at{title_at.x + title_width + 0.5F * f.em, title_at.y};
  const float room = (legend ? at : right) - more_at.x;
  std::string more = spec.subtitle;
  if (!base.empty()) more += (more.empty() ? "" : ", ") + ("axis " + base);
  if (!more.empty() && room > 4.0F * f.em) {
    text_at(f.draw, more_at, f.palette.dim, elided(more, room));
  }
  const ImVec2 title_end{legend ? at : right, f.lo.y};
  if (!spec.help.empty() && ImGui::IsWindowHovered() &&
      ImGui::IsMouseHoveringRect(title_at, title_end)) {
    tooltip(spec.help);
  }
  if (!legend) return;
  events.legend.resize(spec.lines.size(), {0.0, 0.0});
  for (std::size_t i = 0; i < spec.lines.size(); ++i) {
    const Line& line = spec.lines[i];
    if (!line.listed) continue;
    const float wide = width_of(f, line);
    events.legend[i] = {at, at + wide};
    draw_entry(f, line, static_cast<int>(i), {at, title_at.y}, wide, events);
    at += wide;
  }
}

}  // namespace phaseguard::plot
