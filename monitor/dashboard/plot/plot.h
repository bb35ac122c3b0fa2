// One time plot: title and legend above the data (never on it), axes in fixed gutters so that the
// plots of a column line up, grid, lines, dashed thresholds (named at the edge where they lie
// outside), shaded intervals, event markers, crosshair and tooltip, wheel zoom about the cursor,
// drag pan, double-click fit. All plots of a view share one TimeAxis. Drawing thread only; draws
// into the current ImGui window.
#pragma once

#include <imgui.h>

#include <limits>
#include <string>
#include <vector>

#include "monitor/dashboard/plot/data.h"
#include "monitor/dashboard/plot/paint.h"
#include "monitor/dashboard/plot/palette.h"

namespace phaseguard::plot {

// The shared x axis: steps of the run.
struct TimeAxis {
  Range view{0.0, 1.0};
  Range full{0.0, 1.0};  // all there is
  bool follow = true;    // view == full, growing with the run; ends with the first zoom or pan
  double cursor = std::numeric_limits<double>::quiet_NaN();  // crosshair; NaN: none

  // Called once per frame before the plots: takes the new extent and moves a following view.
  void begin_frame(Range extent);
};

struct ValueAxis {
  Range view{0.0, 1.0};
  // Vertices of the last frame by line: used again while neither data nor view have changed.
  struct Drawn {
    Stamp stamp;
    Range x{0.0, 0.0};
    int columns = 0;
    std::vector<Vertex> vertices;
  };
  std::vector<Drawn> drawn;
  bool automatic = true;  // fitted to what is in sight; ends with Shift+wheel, back by double-click
};

struct Line {
  const Data* data = nullptr;  // nullptr: not measured by this run
  std::string label;
  LineStyle style;
};
struct Threshold {
  double y = 0.0;
  std::string label;
};
struct Shade {
  double from = 0.0;
  double to = 0.0;
  std::string label;
};
struct Marker {
  double x = 0.0;
  Shape shape = Shape::kTriangleUp;
  ImU32 colour = 0;
  std::string text;  // short; shown where there is room
  int id = 0;        // what PlotEvents::clicked_marker gives back
};

// What stands behind the data of every plot of a view: made once a frame, shared by all.
struct Backdrop {
  std::vector<Shade> shades;
  std::vector<Marker> markers;
  double stale_from = std::numeric_limits<double>::infinity();  // hatched from here: no fresh data
};

struct PlotSpec {
  std::string id;
  std::string title;
  std::string subtitle;  // dim, behind the title: name and unit
  std::string help;      // tooltip of the title, lines
  std::vector<Line> lines;
  std::vector<Threshold> thresholds;
  double min = -std::numeric_limits<double>::infinity();  // what values can be, as declared
  double max = std::numeric_limits<double>::infinity();
  const Backdrop* backdrop = nullptr;
  bool marker_texts = false;  // the top plot names what marks and shades are
  bool step_labels = false;   // the bottom plot numbers the steps
  std::string empty_text = "no data yet";
};

struct PlotEvents {
  int clicked_marker = -1;
  bool hovered = false;
};

// `origin` and `size` in screen pixels. Returns what the user did with it.
PlotEvents draw_plot(const PlotSpec& spec, const Palette& palette, TimeAxis& time,
                     ValueAxis& values, ImVec2 origin, ImVec2 size);

// Height of the row of step labels below the bottom plot, so that a column can be divided evenly.
[[nodiscard]] float step_labels_height();
// That row alone, below plots of this place and width.
void draw_step_labels(const Palette& palette, const TimeAxis& time, ImVec2 origin, float width);
// Where the data of a plot lies in its box.
struct DataArea {
  ImVec2 lo;
  ImVec2 hi;
};
[[nodiscard]] DataArea data_area(ImVec2 origin, ImVec2 size, bool step_labels);

// A line without axes, fitted to the box.
void draw_sparkline(ImDrawList& draw, const Data& data, Range x, ImVec2 origin, ImVec2 size,
                    ImU32 colour);

// Rows of coloured cells over the shared time axis: row i is `rows[i]`, black-to-white by
// palette.heat over `scale`. A missing value stays background.
struct HeatRow {
  const Data* data = nullptr;
  std::string label;
};
void draw_heat(const std::vector<HeatRow>& rows, const Palette& palette, TimeAxis& time,
               Range scale, ImVec2 origin, ImVec2 size);

}  // namespace phaseguard::plot
