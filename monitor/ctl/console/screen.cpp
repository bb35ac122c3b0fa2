#include "monitor/ctl/console/screen.h"

#include <algorithm>
#include <cmath>

#include "monitor/base/table_text.h"

namespace phaseguard::console {
namespace {

using dashboard::Model;
using Rows = std::vector<Row>;

// Rows of the panel that are in sight, and its title with how many there are.
void draw_panel(const Scene& scene, const Panel& panel, int height, std::size_t from, int columns,
                Rows& out) {
  const std::size_t room = static_cast<std::size_t>(std::max(height - 1, 0));
  const std::size_t n = panel.rows.size();
  const std::size_t most = n > room ? n - room : 0;
  const std::size_t kept = panel.keep < room ? 0 : panel.keep + 1 - room;
  const std::size_t first = std::min(std::max(from, kept), most);
  Row title = scene.row();
  title.add(panel.title, Ink::kDim);
  if (n > room) {
    title.fill_to(std::min(title.columns(), columns - 16));
    title.right(std::to_string(std::min(room, n)) + " of " + std::to_string(n), columns);
  }
  out.push_back(title.fill_to(columns));
  for (std::size_t i = 0; i < room; ++i) {
    Row row = first + i < n ? panel.rows[first + i] : scene.row();
    out.push_back(row.fill_to(columns));
  }
}

// How many rows each panel gets with its title: at least two, then in turn what is left.
std::vector<int> heights_of(const std::vector<Panel>& panels, int height) {
  std::vector<int> heights(panels.size(), 2);
  int left = height - 2 * static_cast<int>(panels.size());
  for (bool any = true; left > 0 && any;) {
    any = false;
    for (std::size_t i = 0; i < panels.size() && left > 0; ++i) {
      if (heights[i] > static_cast<int>(panels[i].rows.size())) continue;
      ++heights[i];
      --left;
      any = true;
    }
  }
  heights.back() += left;
  return heights;
}

Rows stack(const Scene& scene, const std::vector<Section>& which, int height, int columns) {
  std::vector<Panel> panels;
  for (const Section section : which) panels.push_back(panel_of(scene, section, columns));
  const std::vector<int> heights = heights_of(panels, height);
  Rows out;
  for (std::size_t i = 0; i < panels.size(); ++i) {
    draw_panel(scene, panels[i], heights[i], 0, columns, out);
  }
  return out;
}

Rows side_by_side(Rows left, const Rows& right, int left_columns) {
  for (std::size_t i = 0; i < left.size(); ++i) {
    left[i].fill_to(left_columns).add(" ");
    if (i < right.size()) left[i].append(right[i]);
  }
  return left;
}

Rows alone(const Scene& scene, int height, int columns) {
  Panel panel = panel_of(scene, *scene.console.alone(), columns);
  if (scene.console.scrolled() > 0) panel.keep = 0;
  const auto n = static_cast<int>(panel.rows.size());
  const int from = std::min(scene.console.scrolled(), std::max(0, n - (height - 1)));
  Rows out;
  draw_panel(scene, panel, height, static_cast<std::size_t>(from), columns, out);
  return out;
}

// How much these sections would fill with their titles.
int wanted(const Scene& scene, const std::vector<Section>& which, int columns) {
  int rows = 0;
  for (const Section section : which) {
    rows += 1 + static_cast<int>(panel_of(scene, section, columns).rows.size());
  }
  return rows;
}

Rows body(const Scene& scene, int height, int columns) {
  using S = Section;
  if (scene.console.alone()) return alone(scene, height, columns);
  const std::vector<Section> above{S::kAlarms, S::kRuns, S::kKnobs, S::kRules};
  if (columns < kWide || height < 24) {
    return stack(scene, {S::kAlarms, S::kRuns, S::kKnobs, S::kRules, S::kSignals, S::kEvents},
                 height, columns);
  }
  const int upper = std::min(wanted(scene, above, columns), 2 * height / 3);
  Rows out = stack(scene, above, upper, columns);
  const int half = columns / 2;
  Rows pairs = side_by_side(stack(scene, {S::kSignals}, height - upper, half),
                            stack(scene, {S::kEvents}, height - upper, columns - half - 1), half);
  out.insert(out.end(), pairs.begin(), pairs.end());
  return out;
}

// The worst of the plant, in sight whatever else is shown.
void add_worst(const Scene& scene, Row& row, int columns) {
  const auto lines = plant_alarms(scene.model);
  if (lines.empty()) {
    row.right("no alarm", columns);
    return;
  }
  const dashboard::Alarm& worst = lines.front().first;
  row.right(counted(static_cast<std::int64_t>(lines.size()), "alarm") + ", worst " + worst.word,
            columns, ink_of(worst.level));
}

Row head(const Scene& scene, int columns) {
  Row row = scene.row();
  row.add("phaseguard watch  ", Ink::kStrong);
  row.cell(scene.model.source().place, std::max(columns - 52, 8), Ink::kDim);
  add_worst(scene, row, columns);
  return row;
}

std::string rate_text(const Model& model) {
  const double rate = model.steps_per_s();
  return std::isfinite(rate) ? "  " + short_number(rate, 3) + " steps/s" : "";
}

Row links(const Scene& scene) {
  Row row = scene.row();
  for (const dashboard::LinkRow& link : link_rows(scene.model)) {
    row.add(link.name + " ", Ink::kDim);
    row.add(link.word, link.active ? Ink::kAlive : link.good ? Ink::kDim : Ink::kHigh);
    if (std::isfinite(link.age_s)) row.add(" " + dashboard::age_text(link.age_s), Ink::kDim);
    row.add("   ");
  }
  if (scene.model.stale()) row.add("STALE   ", Ink::kStrong);
  return row.add(rate_text(scene.model), Ink::kDim);
}

// Of the shown run; of a daemon that is not there, how to start one.
Row protection(const Scene& scene) {
  const run::RunState* state = scene.model.shown();
  if (state != nullptr) {
    return scene.row()
        .add("run " + state->run.text() + ": ")
        .add(protection_text(scene.model), Ink::kStrong);
  }
  return scene.row().add(waiting_text(scene.model), Ink::kStrong);
}

// The last command, or what the last key led to.
Row news(const Scene& scene) {
  Row row = scene.row();
  if (!scene.console.note().empty()) return row.add(scene.console.note(), Ink::kStrong);
  if (scene.model.pending().empty()) return row;
  const dashboard::Pending& last = scene.model.pending().back();
  row.add(dashboard::text_of(last.command) + " of run " + last.run.text() + ": ");
  row.add(name_of(last.stage), is_bad(last.stage) ? Ink::kHigh : Ink::kStrong);
  if (last.stage == dashboard::Stage::kApplied) {
    row.add(" by the trainer, in force since step " + std::to_string(last.applied_step.value));
  }
  if (!last.text.empty()) row.add(", " + dashboard::one_line(last.text));
  const auto more = static_cast<std::int64_t>(scene.model.pending().size()) - 1;
  if (more > 0) row.add("  (+" + std::to_string(more) + ")", Ink::kDim);
  return row;
}

Row foot(const Scene& scene) {
  const char* text =
      scene.console.dialog() ? "Enter next field, at the last one: send   Tab field   Esc leave"
      : scene.theme.utf8
          ? "↑↓ run  ←→ knob  f force  r release  a seen  Tab section  ? keys  q quit"
          : "Up/Down run  Left/Right knob  f force  r release  a seen  Tab section  "
            "? keys  q quit";
  return scene.row().add(text, Ink::kDim);
}

void add_wrapped(const Scene& scene, const std::string& text, int columns, Rows& out) {
  for (const std::string& line : wrapped(text, columns - 2)) {
    out.push_back(scene.row().add("  ").add(line));
  }
}

Rows dialog_rows(const Scene& scene, int columns) {
  const Dialog& dialog = *scene.console.dialog();
  Rows rows;
  const int left = static_cast<int>(std::ceil(dialog.seconds_left(scene.console.now().mono)));
  Row title = scene.row();
  title.add(" " + dialog.title() + " ", Ink::kStrong);
  rows.push_back(title.right("closes in " + std::to_string(left) + " s ", columns).select());
  for (const std::string& line : dialog.lines(scene.model)) {
    add_wrapped(scene, line, columns, rows);
  }
  for (std::size_t i = 0; i < dialog.fields().size(); ++i) {
    const Dialog::Field& field = dialog.fields()[i];
    const bool is_here = i == dialog.at();
    Row row = scene.row();
    row.cell(is_here ? ">" : " ", 1, Ink::kStrong).cell(field.label, 11, Ink::kDim);
    row.add(field.text, Ink::kStrong).add(is_here ? "_ " : " ", Ink::kStrong);
    if (field.text.empty()) row.add(field.hint, Ink::kDim);
    rows.push_back(row);
  }
  add_wrapped(scene, dialog.note(), columns, rows);
  return rows;
}

Rows help_rows(const Scene& scene) {
  Rows rows;
  for (const Binding& binding : bindings()) {
    Row row = scene.row();
    rows.push_back(row.add("  ").cell(binding.name, 10, Ink::kStrong).add(binding.what));
  }
  rows.push_back(scene.row().add("  any key: back", Ink::kDim));
  return rows;
}

Rows too_small(const Scene& scene, Size size) {
  const std::string least = std::to_string(kLeast.columns) + "x" + std::to_string(kLeast.rows);
  const std::string found = std::to_string(size.columns) + "x" + std::to_string(size.rows);
  Rows rows{scene.row().add("too small: " + found), scene.row().add("needs " + least),
            scene.row().add("q quits")};
  return rows;
}

}  // namespace

std::vector<Row> screen(const Model& model, const Console& console, Size size, const Theme& theme) {
  const Scene scene{model, console, theme};
  const auto height = static_cast<std::size_t>(std::max(size.rows, 1));
  Rows rows;
  if (size.columns < kLeast.columns || size.rows < kLeast.rows) {
    rows = too_small(scene, size);
  } else {
    rows = {head(scene, size.columns), links(scene), protection(scene)};
    Rows lower = console.dialog() ? dialog_rows(scene, size.columns) : Rows{news(scene)};
    const int room = size.rows - static_cast<int>(rows.size() + lower.size()) - 1;
    const bool is_help = console.shows_help() && !console.dialog();
    Rows middle = is_help ? help_rows(scene) : body(scene, room, size.columns);
    middle.resize(static_cast<std::size_t>(room), scene.row());
    rows.insert(rows.end(), middle.begin(), middle.end());
    rows.insert(rows.end(), lower.begin(), lower.end());
    rows.push_back(foot(scene));
  }
  rows.resize(height, scene.row());
  for (Row& row : rows) {
    if (row.columns() > size.columns) row.fill_to(size.columns);
  }
  return rows;
}

}  // namespace phaseguard::console
