// Two small plots as SVG: a histogram and a scatter plot, for the page. Pure; any thread.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace phaseguard::preflight {

struct Line {
  double at = 0.0;
  std::string label;
};

struct Histogram {
  std::string title, x;
  std::vector<double> values;  // finite
  std::optional<Line> line;    // a vertical line, such as a flag level
  std::size_t bins = 24;
};
// Counts per bin; one bar when all values are the same; a note when there is no value.
[[nodiscard]] std::string svg_of(const Histogram& histogram);

struct Point {
  double x = 0.0, y = 0.0;
  bool marked = false;  // flagged: another colour and another shape
};
struct Scatter {
  std::string title, x, y;
  std::vector<Point> points;  // not finite: left out
  std::optional<Line> line;   // horizontal
};
[[nodiscard]] std::string svg_of(const Scatter& scatter);

}  // namespace phaseguard::preflight
