// The read-out below the plots: every line at the cursor, and statistics of the selected interval.
#include <algorithm>
#include <cmath>
#include <set>

#include "monitor/dashboard/panels/plots/plots.h"

namespace phaseguard::dashboard {
namespace {

using plot::text_at;

constexpr float kRow = 1.3F;        // em
constexpr float kNumber = 5.6F;     // em: a column of numbers
constexpr float kCount = 3.6F;      // em: one of counts
constexpr std::size_t kCounts = 4;  // from this column on
constexpr std::size_t kMost = 400;  // lines

struct Row {
  std::string name;
  const run::PlotLine* line = nullptr;
};

// Each line once, in the order of the plots.
std::vector<Row> rows_of(const View& view) {
  std::vector<Row> rows;
  std::set<std::string> seen;
  for (const run::PlotSpec& plan : view.plots) {
    for (const run::PlotLine& line : plan.lines) {
      const std::string name = plan.is_knob ? plan.name + " " + line.label : line.label;
      if (line.series == nullptr || rows.size() >= kMost || !seen.insert(name).second) continue;
      rows.push_back({name, &line});
    }
  }
  return rows;
}

// Kept as long as neither interval nor data change: a long series is not walked in every frame.
const plot::Statistics& statistics_in(const Row& row, plot::Range selected, Sheet& sheet) {
  KeptStatistics& kept = sheet.view.statistics[row.name];
  const run::Series& series = *row.line->series;
  if (!(kept.of == selected) || kept.points != series.size() || !(kept.along == sheet.along)) {
    kept = {selected, series.size(), sheet.along,
            plot::statistics_of(series, sheet.along, selected)};
  }
  return kept.what;
}

std::optional<plot::Nearest> at_cursor(const Row& row, double x, const Sheet& sheet) {
  const run::Series& series = *row.line->series;
  return row.line->holds ? plot::HeldData(series, sheet.until, sheet.along).nearest(x)
                         : plot::SeriesData(series, 1e300, sheet.along).nearest(x);
}

std::vector<std::string> cells_of(const Row& row, double x, Sheet& sheet) {
  const auto near = at_cursor(row, x, sheet);
  std::vector<std::string> cells{!near                 ? "-"
                                 : std::isnan(near->y) ? "bad"
                                                       : plot::value_label(near->y)};
  if (!sheet.view.time.selected) return cells;
  const plot::Statistics& s = statistics_in(row, *sheet.view.time.selected, sheet);
  const auto number = [](double v) {
    return std::isnan(v) ? std::string("-") : plot::value_label(v);
  };
  for (const double v : {s.mean, s.slope, s.change}) cells.push_back(number(v));
  cells.push_back(std::to_string(s.n));
  cells.push_back(std::to_string(s.bad));
  return cells;
}

void draw_cells(const View& view, ImVec2 at, float name_width, ImU32 colour,
                const std::vector<std::string>& cells) {
  float right = at.x + name_width;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    right += (i < kCounts ? kNumber : kCount) * em();
    number_at(view, {right, at.y}, colour, cells[i]);
  }
}

std::string head_of(const Sheet& sheet, double x) {
  const plot::TimeAxis& time = sheet.view.time;
  const bool counts = time.kind == plot::XKind::kStep || time.kind == plot::XKind::kTokens;
  std::string text = "at " + plot::x_label(counts ? std::round(x) : x, time.kind);
  if (std::isnan(time.cursor)) text += ", the newest";
  if (time.selected) {
    text += "    selected: " + plot::distance_label(time.selected->span(), time.kind);
  } else {
    text += "    Ctrl + drag over a plot: statistics of an interval";
  }
  return text;
}

}  // namespace

float readout_height(const View& view, float room) {
  if (!view.look.table && !view.time.selected) return 0.0F;
  const auto rows = static_cast<float>(std::min<std::size_t>(rows_of(view).size(), 8));
  return std::min(0.34F * room, (3.1F + kRow * rows) * em());
}

void draw_readout(Sheet& sheet, ImVec2 at, ImVec2 size) {
  View& view = sheet.view;
  const plot::Palette& p = view.palette();
  ImDrawList& draw = *ImGui::GetWindowDrawList();
  draw.AddLine(at, {at.x + size.x, at.y}, p.border);
  const double cursor = view.time.cursor;
  const double x = std::isnan(cursor) ? sheet.until : cursor;
  const float left = at.x + 0.8F * em();
  text_at(draw, {left, at.y + 0.25F * em()}, p.text,
          plot::elided(head_of(sheet, x), size.x - 2.0F * em()));
  std::vector<std::string> titles{"value"};
  if (view.time.selected) {
    const bool time = sheet.along.by() == run::By::kTime;
    titles = {"value", "mean", time ? "per second" : "slope", "change", "n", "n bad"};
  }
  const float numbers = (view.time.selected ? 4.0F * kNumber + 2.0F * kCount : kNumber) * em();
  const float name_width = std::max(4.0F * em(), size.x - numbers - 2.4F * em());
  draw_cells(view, {left, at.y + 1.5F * em()}, name_width, p.dim, titles);
  ImGui::SetCursorScreenPos({left, at.y + 2.8F * em()});
  ImGui::BeginChild("readout", {size.x - 1.6F * em(), size.y - 2.9F * em()});
  ImDrawList& inside = *ImGui::GetWindowDrawList();
  for (const Row& row : rows_of(view)) {
    const ImVec2 place = next_row(kRow);
    if (!ImGui::IsRectVisible(place, {place.x + size.x, place.y + kRow * em()})) continue;
    text_at(inside, place, p.dim, plot::elided(one_line(row.name, 80), name_width));
    draw_cells(view, place, name_width, p.text, cells_of(row, x, sheet));
  }
  ImGui::EndChild();
}

}  // namespace phaseguard::dashboard
