// One plot as inline SVG: a box with two linear axes that shapes are drawn into. The only axes,
// ticks and marks of our pages. Colours come from the page's style sheet (page.h) by class:
//   lines       s0 ... s7, with them bold, dashed, undone (pale); floor (the earliest possible)
//   marks       mark (a decision), command, harm, fine, dot
//   areas       on (in force), bar, harm, fine
//   text        "", title, tick (a number); with them mid, end (how it stands at its place)
// Text is escaped here; a class is one of these, never a peer's word. Pure; any thread.
#pragma once

#include <limits>
#include <string>
#include <string_view>
#include <vector>

namespace phaseguard::page {

// Multiples of 1, 2 or 5 times a power of ten within low..high, about `wanted` of them and at least
// `least` apart (1: whole steps). None unless low < high, both finite and far enough apart to be
// told apart.
[[nodiscard]] std::vector<double> ticks(double low, double high, int wanted, double least = 0.0);

// What an axis shows. Begins empty; NaN and infinities do not widen it.
struct Span {
  double low = std::numeric_limits<double>::infinity();
  double high = -std::numeric_limits<double>::infinity();

  void take(double value);
  [[nodiscard]] bool empty() const { return !(low <= high); }
};
// As a plot shows it: 0..1 in place of an empty one, room on both sides of a single value.
[[nodiscard]] Span widened(const Span& span);

// Pixels: the picture's size, and the margins around the area of the data.
struct Box {
  double width = 0.0, height = 0.0;
  double left = 0.0, right = 0.0, top = 0.0, bottom = 0.0;
};

// Points joined by lines; one without neighbours is a dot.
class Path {
 public:
  void to(double x, double y);
  void lift() { drawing_ = false; }  // the next point begins a new line
  [[nodiscard]] bool drawing() const { return drawing_; }
  [[nodiscard]] bool empty() const { return d_.empty(); }
  [[nodiscard]] const std::string& d() const { return d_; }

 private:
  std::string d_;
  bool drawing_ = false;
};

struct Legend {
  std::string text;
  std::string style;  // of its line
};

// What is drawn later lies above. Places are pixels, x() and y() of values; a place that is not
// finite is 0, never written as "nan".
class Plot {
 public:
  // `name` is read to who cannot see the picture. The spans are shown widened().
  Plot(std::string_view name, const Box& box, const Span& across, const Span& up);

  [[nodiscard]] double x(double value) const;
  [[nodiscard]] double y(double value) const;
  [[nodiscard]] double left() const { return box_.left; }
  [[nodiscard]] double right() const { return box_.width - box_.right; }
  [[nodiscard]] double top() const { return box_.top; }
  [[nodiscard]] double bottom() const { return box_.height - box_.bottom; }
  [[nodiscard]] const Span& across() const { return across_; }
  [[nodiscard]] const Span& up() const { return up_; }

  // An axis: its numbers, its name, and where asked for a line across the picture at each number.
  void number_across(const std::vector<double>& at, std::string_view name, bool grid = false);
  void number_up(const std::vector<double>& at, std::string_view name = "");
  void base_line();
  void title(std::string_view text);
  void legend(const std::vector<Legend>& lines);  // at the top, right to left
  void nothing_there(std::string_view text);      // in the middle

  // A dashed line at a value with its name. One that lies outside the picture is named at the edge.
  void level_across(double value, std::string_view name);  // from left to right
  void level_upright(double value, std::string_view name);

  void text(double x, double y, std::string_view style, std::string_view text);
  void line(double x1, double y1, double x2, double y2, std::string_view style);
  void area(double x, double y, double width, double height, std::string_view style);
  void disc(double x, double y, double radius, std::string_view style);
  void triangle(double x, double y, double size, std::string_view style);  // its tip at x, y
  void path(const Path& path, std::string_view style);
  void gap(double x);  // at the base line: a measurement that could not be made

  // Shapes in between answer the mouse with this text.
  void begin_hover(std::string_view text);
  void end_hover();

  // The element; style: "" as wide as its place, "wide" up to 900 px.
  [[nodiscard]] std::string svg(std::string_view style = "") const;

 private:
  std::string name_;
  Box box_;
  Span across_, up_;
  std::string body_;
};

}  // namespace phaseguard::page
