// One time-series plot as inline SVG, for the report: axes, threshold lines, shaded intervals,
// event markers. Pure text building; every string that comes from a record is escaped.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "monitor/run/series.h"
#include "monitor/run/state.h"

namespace phaseguard::ctl {

struct PlotLine {
  const run::Series* series = nullptr;  // not null
  std::string name;
  std::string colour;      // CSS
  bool staircase = false;  // the value holds until the next point (a knob)
  bool dashed = false;
};

struct PlotLevel {
  double value = 0.0;
  std::string name;
};

struct PlotMark {
  Step step;
  std::string text;
  std::string colour;
};

struct Plot {
  std::string title;
  std::string unit;
  std::vector<PlotLine> lines;
  std::vector<PlotLevel> levels;
  std::vector<PlotMark> marks;
  std::vector<run::OnInterval> shaded;  // steps in which KL was on
  std::int64_t last_step = 0;           // right end of the x axis; 0: the data's
};

// The <svg> element, or a line of text when there is no point to draw.
[[nodiscard]] std::string svg_of(const Plot& plot);

}  // namespace phaseguard::ctl
