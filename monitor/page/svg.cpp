#include "monitor/page/svg.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "monitor/base/printable.h"
#include "monitor/base/table_text.h"

namespace phaseguard::page {

namespace {

constexpr double kCharacter = 6.3;   // width of one in a legend
constexpr double kMostSteps = 1e12;  // from 0: beyond it neighbouring numbers read the same

// A hundredth of a pixel is enough.
std::string px(double value) {
  if (!std::isfinite(value)) return "0";
  std::array<char, 32> text{};
  const double rounded = std::round(std::clamp(value, -1e6, 1e6) * 100.0) / 100.0;
  const auto end = std::to_chars(text.data(), text.data() + text.size(), rounded + 0.0).ptr;
  return {text.data(), end};
}

std::string attribute(const char* name, double value) {
  return std::string(" ") + name + "='" + px(value) + "'";
}

std::string of_class(std::string_view style) {
  return style.empty() ? "" : " class='" + std::string(style) + "'";
}

double share(const Span& span, double value) {
  return std::clamp((value - span.low) / (span.high - span.low), -1.0, 2.0);
}

}  // namespace

std::vector<double> ticks(double low, double high, int wanted, double least) {
  std::vector<double> out;
  if (!(low < high) || !std::isfinite(high - low) || wanted < 1) return out;
  const double raw = (high - low) / wanted;
  const double magnitude = std::pow(10.0, std::floor(std::log10(raw)));
  double step = 10.0 * magnitude;
  for (const double factor : {5.0, 2.0, 1.0}) {
    if (factor * magnitude >= raw) step = factor * magnitude;
  }
  step = std::max(step, least);
  const double first = std::ceil(low / step - 1e-9), last = std::floor(high / step + 1e-9);
  if (std::max(std::fabs(first), std::fabs(last)) > kMostSteps) return out;
  const auto steps = static_cast<int>(last - first);
  for (int i = 0; i <= steps; ++i) out.push_back((first + i) * step + 0.0);
  return out;
}

void Span::take(double value) {
  if (!std::isfinite(value)) return;
  low = std::min(low, value);
  high = std::max(high, value);
}

Span widened(const Span& span) {
  if (span.empty()) return {0.0, 1.0};
  if (span.low < span.high) return span;
  const double room = std::max(0.5, 0.05 * std::fabs(span.low));
  return {span.low - room, span.high + room};
}

void Path::to(double x, double y) {
  d_ += (drawing_ ? "L" : "M") + px(x) + " " + px(y) + (drawing_ ? "" : "h0");
  drawing_ = true;
}

Plot::Plot(std::string_view name, const Box& box, const Span& across, const Span& up)
    : name_(html(name)), box_(box), across_(widened(across)), up_(widened(up)) {}

double Plot::x(double value) const { return left() + (right() - left()) * share(across_, value); }
double Plot::y(double value) const { return bottom() - (bottom() - top()) * share(up_, value); }

void Plot::number_across(const std::vector<double>& at, std::string_view name, bool grid) {
  for (const double value : at) {
    if (grid) line(x(value), top(), x(value), bottom(), "grid");
    text(x(value), bottom() + 14, "tick mid", short_number(value));
  }
  if (!name.empty()) text((left() + right()) / 2, bottom() + 29, "mid", name);
}

void Plot::number_up(const std::vector<double>& at, std::string_view name) {
  for (const double value : at) {
    line(left(), y(value), right(), y(value), "grid");
    text(left() - 6, y(value) + 4, "tick end", short_number(value));
  }
  if (name.empty()) return;
  body_ += "<text class='mid' transform='translate(13 " + px((top() + bottom()) / 2) +
           ") rotate(-90)'>" + html(name) + "</text>";
}

void Plot::base_line() { line(left(), bottom(), right(), bottom(), "axis"); }

void Plot::title(std::string_view words) { text(left(), 14, "title", words); }

void Plot::legend(const std::vector<Legend>& lines) {
  double at = right();
  for (auto one = lines.rbegin(); one != lines.rend(); ++one) {
    text(at, 14, "end", one->text);
    at -= kCharacter * static_cast<double>(one->text.size()) + 6;
    line(at - 18, 10, at, 10, one->style);
    at -= 28;
  }
}

void Plot::nothing_there(std::string_view words) {
  text((left() + right()) / 2, (top() + bottom()) / 2, "hole", words);
}

void Plot::level_across(double value, std::string_view name) {
  const bool above = value > up_.high;
  const bool below = value < up_.low;
  const double at = above ? top() + 9.0 : below ? bottom() - 3.0 : y(value) - 3.0;
  if (!above && !below) line(left(), y(value), right(), y(value), "level");
  text(right() - 2, at, "level halo end",
       std::string(name) + (above   ? " (above)"
                            : below ? " (below)"
                                    : ""));
}

void Plot::level_upright(double value, std::string_view name) {
  const bool at_right = share(across_, value) > 0.7;
  line(x(value), top(), x(value), bottom(), "level");
  text(x(value) + (at_right ? -4 : 4), top() + 10, at_right ? "level halo end" : "level halo",
       name);
}

void Plot::text(double x, double y, std::string_view style, std::string_view words) {
  body_ += "<text" + attribute("x", x) + attribute("y", y) + of_class(style) + ">" + html(words) +
           "</text>";
}

void Plot::line(double x1, double y1, double x2, double y2, std::string_view style) {
  body_ += "<line" + attribute("x1", x1) + attribute("y1", y1) + attribute("x2", x2) +
           attribute("y2", y2) + of_class(style) + "/>";
}

void Plot::area(double x, double y, double width, double height, std::string_view style) {
  body_ += "<rect" + attribute("x", x) + attribute("y", y) + attribute("width", width) +
           attribute("height", height) + of_class(style) + "/>";
}

void Plot::disc(double x, double y, double radius, std::string_view style) {
  body_ += "<circle" + attribute("cx", x) + attribute("cy", y) + attribute("r", radius) +
           of_class(style) + "/>";
}

void Plot::triangle(double x, double y, double size, std::string_view style) {
  body_ += "<path d='M" + px(x) + " " + px(y) + "l" + px(-0.57 * size) + " " + px(size) + "h" +
           px(1.14 * size) + "z'" + of_class(style) + "/>";
}

void Plot::path(const Path& path, std::string_view style) {
  if (!path.empty()) body_ += "<path d='" + path.d() + "'" + of_class(style) + "/>";
}

void Plot::gap(double x) { text(x, bottom() - 3, "hole", "\xc3\x97"); }

void Plot::begin_hover(std::string_view words) { body_ += "<g><title>" + html(words) + "</title>"; }
void Plot::end_hover() { body_ += "</g>"; }

std::string Plot::svg(std::string_view style) const {
  return "<svg viewBox='0 0 " + px(box_.width) + " " + px(box_.height) +
         "' role='img' aria-label='" + name_ + "'" + of_class(style) + ">" + body_ + "</svg>";
}

}  // namespace phaseguard::page
