// The rows of each section of the console, from the rows of the dashboard's model. Pure.
#pragma once

#include <string>
#include <vector>

#include "monitor/ctl/console/console.h"
#include "monitor/ctl/console/row.h"

namespace phaseguard::console {

struct Panel {
  Section which = Section::kAlarms;
  std::string title;
  std::vector<Row> rows;  // all of them; who draws shows as many as fit
  std::size_t keep = 0;   // one that stays in sight
};

// What panels are made from. Lives as long as one frame.
struct Scene {
  const dashboard::Model& model;
  const Console& console;
  const Theme& theme;

  [[nodiscard]] Row row() const { return Row(theme.utf8); }
};

// As wide as `columns`, or less.
[[nodiscard]] Panel panel_of(const Scene& scene, Section which, int columns);

// "C CRITICAL", with the shape of its level.
void add_sign(Row& row, const dashboard::Alarm& alarm, bool utf8);
[[nodiscard]] Ink ink_of(dashboard::Level level);

}  // namespace phaseguard::console
