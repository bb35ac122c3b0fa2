// Which plots a run has: from what its trainer declares and what its policy watches, nothing else.
// Dashboard and report draw this list, in this order. What detectors watch comes first, with the
// lines at which they begin to vote; the rest follows by group. Pure; a plan points into the
// RunState it was made from, which must not change or die before it.
#pragma once

#include <limits>
#include <string>
#include <vector>

#include "monitor/run/state.h"

namespace phaseguard::run {

inline constexpr double kUnlimited = std::numeric_limits<double>::infinity();

struct PlotLine {
  std::string label;               // for a legend: "canary/js", "max of 24 prompts", "applied"
  const Series* series = nullptr;  // nullptr: `largest_of`, or nothing was ever declared or sent
  std::vector<const Series*> largest_of;  // measured together: their largest, place by place
  double joins_within = kUnlimited;       // values further apart in steps have a gap between them
  bool holds = false;                     // a staircase: a value holds until the next one
  bool planned = false;                   // what was decided, beside what was done
};

// Where detectors begin to vote, in the unit of the plot.
struct PlotLevel {
  double value = 0.0;
  std::string label;  // "judge > 0.3", "judge, strict > 0.3"
};

// One canary's own values.
struct PlotItem {
  std::string label;
  const Series* series = nullptr;
};

struct PlotSpec {
  std::string id;           // unlike every other one of the run, and the same in the next frame
  std::string name;         // of the signal, the derived source or the knob
  std::string place;        // the signal by which it is grouped and sorted: of a source its first
  std::string group;        // "canary"; of a knob ""
  std::string group_title;  // "Canaries"; of a group that the catalogue does not know, its name
  std::string title;
  std::string unit;                   // "": plain numbers, or not known
  std::string help;                   // one sentence; "": not known
  std::string remark;                 // "": else why there is nothing to see
  std::string details;                // "0 to 0.6931, every 5 steps, variant full"
  std::vector<std::string> watchers;  // "judge: ewma > 0.3, 2 in a row"
  bool is_knob = false;
  double min = -kUnlimited;  // as declared
  double max = kUnlimited;
  std::vector<PlotLine> lines;  // at least one
  std::vector<PlotLevel> levels;
  std::vector<PlotItem> items;  // of a signal that runs over canaries, in their order

  [[nodiscard]] bool is_watched() const { return !watchers.empty(); }
};

// Signals that detectors watch, then all others, then knobs. Within each of the first two: groups
// in the catalogue's order, then unknown ones by name; signals in the catalogue's order, then by
// name. The order depends on names alone, so that a plot keeps its place while a run goes on.
[[nodiscard]] std::vector<PlotSpec> plots_of(const RunState& state);

// That order of two signals by their names, for lists beside the plots.
[[nodiscard]] bool shows_before(const std::string& signal, const std::string& other);

struct ValueRange {
  double lo = 0.0;
  double hi = 1.0;
};

// The part of a value axis that shows [lo, hi]: with a tenth of room, from 0 where nothing is
// below, not beyond [min, max] but for the width of a line, and all of a closed [min, max] that it
// fills by half. Always finite, lo < hi, whatever comes in.
[[nodiscard]] ValueRange value_range(double lo, double hi, double min = -kUnlimited,
                                     double max = kUnlimited);

// Whether an axis that shows [lo, hi] should make room for `level`: not where that would flatten
// the values. Such a line is named at the edge instead.
[[nodiscard]] bool has_room(double level, double lo, double hi);

}  // namespace phaseguard::run
