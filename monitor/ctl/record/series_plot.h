// One plot of recorded series for the report: their lines, threshold lines, shaded intervals, event
// markers. Pure text building; every string that comes from a record is escaped.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "monitor/run/series.h"
#include "monitor/run/state.h"

namespace phaseguard::ctl {

struct PlotLine {
  const run::Series* series = nullptr;  // not null
  std::string name;
  std::string style;       // s0 ... s7, dashed (monitor/page/svg.h)
  bool staircase = false;  // the value holds until the next point (a knob)
};

struct PlotLevel {
  double value = 0.0;
  std::string label;  // "judge > 0.3"
};

struct PlotMark {
  Step step;
  std::string text;
  const char* style = "mark";  // or "command"
};

struct SeriesPlot {
  std::string title;
  std::string unit;
  std::string help;                                       // of its title, for the mouse
  double min = -std::numeric_limits<double>::infinity();  // what values can be, as declared
  double max = std::numeric_limits<double>::infinity();
  std::vector<PlotLine> lines;
  std::vector<PlotLevel> levels;
  std::vector<PlotMark> marks;
  std::vector<run::OnInterval> shaded;  // steps in which the run was protected
  std::int64_t last_step = 0;           // right end of the x axis; 0: the data's
  std::int64_t until = 0;               // newest step: what still holds is drawn up to there

  [[nodiscard]] bool has_points() const;
};

[[nodiscard]] std::string svg_of(const SeriesPlot& plot);

}  // namespace phaseguard::ctl
