// One plot over x: title and legend above the data (never on it), axes in fixed gutters so that the
// plots of a column line up, one grid for all of them, lines, dashed thresholds (named at the edge
// where they lie outside), a band of what was in force, event markers, crosshair and tooltip. All
// plots of a view share one TimeAxis. Drawing thread only; draws into the current ImGui window.
// What the mouse does to it: gestures.h.
#pragma once

#include <imgui.h>

#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "monitor/dashboard/plot/curves/data.h"
#include "monitor/dashboard/plot/curves/ticks.h"
#include "monitor/dashboard/plot/paint.h"
#include "monitor/dashboard/plot/palette.h"

namespace phaseguard::plot {

// What is being done with a pressed mouse button.
enum class Drag { kNone, kMove, kBox, kSelect };

// The shared x axis.
struct TimeAxis {
  XKind kind = XKind::kStep;
  Range view{0.0, 1.0};
  Range full{0.0, 1.0};  // all there is
  bool follow = true;    // the view ends with the newest; ends with the first zoom or move
  double last = 0.0;     // while following: so much is in sight; 0: everything
  double cursor = std::numeric_limits<double>::quiet_NaN();  // crosshair; NaN: none
  std::optional<Range> selected;                             // whose statistics are wanted
  std::vector<Tick> ticks;                                   // of this frame, for every plot
  Drag drag = Drag::kNone;
  std::string drag_plot;  // in which plot it began, and where
  double drag_x = 0.0;
  double drag_y = 0.0;

  // Called once per frame before the plots: takes the new extent, moves a following view, and
  // places the ticks, at most so many.
  void begin_frame(Range extent, int max_ticks = 12);
  // How much of `full` is newer than what is in sight; 0 while following.
  [[nodiscard]] double newer() const;
  void fit();  // everything, and follow
  // The least that a view may span.
  [[nodiscard]] double least_span() const;
};

struct ValueAxis {
  Range view{0.0, 1.0};
  Spread spread;  // of the last frame
  // What was made of a line in the last frame: used again while neither data nor view change.
  struct Drawn {
    Stamp stamp;
    Range x{0.0, 0.0};
    int columns = 0;
    YKind spread = YKind::kLinear;
    std::vector<Vertex> vertices;
    Extent whole;          // of the values in sight
    Extent crowd;          // of nearly all of them (lines.h)
    Extent positive;       // smallest and largest that have a logarithm
    double typical = 0.0;  // symlog: median size
    Stamp counted;
    Range counted_x{0.0, 0.0};
    Range counted_y{0.0, 0.0};
    run::Beyond beyond;
  };
  std::vector<Drawn> drawn;
  bool automatic = true;  // fitted to what is in sight; ends with a y zoom, back by double-click
};

struct Line {
  const Data* data = nullptr;  // nullptr: not measured by this run
  std::string label;
  LineStyle style;
  bool listed = true;   // in the legend
  bool hidden = false;  // put away by a click there
  bool behind = false;  // what another line was made of: its extrema do not stretch the axis
};
struct Threshold {
  double y = 0.0;
  std::string label;
};
// A piece of the band at the top of the data: what was in force there. Pattern and colour tell by
// whom, the label says it, also to the mouse.
enum class Pattern { kSolid, kStriped, kDotted, kHollow };
struct Shade {
  double from = 0.0;
  double to = 0.0;
  std::string label;
  ImU32 colour = 0;
  Pattern pattern = Pattern::kSolid;
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
  YKind y = YKind::kLinear;
  bool robust = true;  // a few far values do not flatten the others, and are counted at the edge
  const Backdrop* backdrop = nullptr;
  bool marker_texts = false;  // the top plot names what marks and shades are
  bool step_labels = false;   // the bottom plot numbers the x axis
  std::string empty_text = "no data yet";
};

struct PlotEvents {
  int clicked_marker = -1;
  bool hovered = false;
  int clicked_line = -1;      // of the legend
  int isolated_line = -1;     // double click there
  bool menu = false;          // right click
  std::string dropped;        // a signal that was dragged here (kSignalPayload)
  std::vector<Range> legend;  // x of its entries on the screen, by line; empty: not drawn
};

inline constexpr const char* kSignalPayload = "signal";

// `origin` and `size` in screen pixels. Returns what the user did with it.
PlotEvents draw_plot(const PlotSpec& spec, const Palette& palette, TimeAxis& time,
                     ValueAxis& values, ImVec2 origin, ImVec2 size);

// Height of the row of x labels below the bottom plot, so that a column can be divided evenly.
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

// Rows of coloured cells over the shared x axis: row i is `rows[i]`, black-to-white by palette.heat
// over `scale`. A missing value stays background.
struct HeatRow {
  const Data* data = nullptr;
  std::string label;
};
struct HeatEvents {
  int hovered = -1;  // row under the mouse
  bool clicked = false;
};
HeatEvents draw_heat(const std::vector<HeatRow>& rows, const Palette& palette, TimeAxis& time,
                     Range scale, ImVec2 origin, ImVec2 size);

}  // namespace phaseguard::plot
