#include "monitor/dashboard/plot/axis.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "monitor/run/plots.h"

namespace phaseguard::plot {
namespace {

std::string printed(const char* format, int decimals, double value) {
  char text[64];
  std::snprintf(text, sizeof text, format, decimals, value);
  return text;
}

// Decimals that show `step` exactly when it is 1, 2 or 5 times a power of ten.
int decimals_of(double step) {
  return std::clamp(static_cast<int>(std::ceil(-std::log10(step) - 1e-9)), 0, 9);
}

}  // namespace

Ticks nice_ticks(Range range, int max_count, bool integer) {
  max_count = std::max(max_count, 2);
  const double raw = range.span() / max_count;
  if (!(raw > 0.0) || !std::isfinite(raw)) return {range.lo, 1.0, 0};
  double step = std::pow(10.0, std::floor(std::log10(raw)));
  const auto fits = [&](double candidate) {
    const double first = std::ceil(range.lo / candidate - 1e-9);
    const double last = std::floor(range.hi / candidate + 1e-9);
    return last - first + 1 <= max_count;
  };
  for (const double base = step; !fits(step);) {
    const double ratio = step / base;
    step = base * (ratio < 1.5 ? 2 : ratio < 2.5 ? 5 : ratio < 5.5 ? 10 : ratio < 10.5 ? 20 : 50);
    if (ratio > 25) break;
  }
  if (integer) step = std::max(step, 1.0);
  const double first = std::ceil(range.lo / step - 1e-9);
  const double last = std::floor(range.hi / step + 1e-9);
  return {first * step, step, std::max(0, static_cast<int>(last - first) + 1)};
}

std::string tick_label(double value, double step) {
  if (std::abs(value) < step * 1e-6) value = 0.0;  // no "-0" from rounding
  const double size = std::max(std::abs(value), step);
  if (size >= 1e6) return printed("%.*fM", decimals_of(step / 1e6), value / 1e6);
  if (size >= 1e4) return printed("%.*fk", decimals_of(step / 1e3), value / 1e3);
  if (size < 1e-4 && value != 0.0) return printed("%.*g", 2, value);
  return printed("%.*f", decimals_of(step), value);
}

std::string value_label(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+inf" : "-inf";
  const double size = std::abs(value);
  if (size != 0.0 && (size < 1e-4 || size >= 1e6)) return printed("%.*g", 3, value);
  const int digits = size < 1.0 ? 0 : static_cast<int>(std::floor(std::log10(size)));
  return printed("%.*f", std::max(0, 3 - digits), value);
}

Range zoomed(Range range, double about, double factor, double min_span, double max_span) {
  const double span = std::clamp(range.span() * factor, min_span, max_span);
  const double where = (about - range.lo) / range.span();
  const double lo = about - where * span;
  return {lo, lo + span};
}

Range panned(Range range, double delta, Range full) {
  const double span = range.span();
  const double margin = 0.5 * span;
  double lo = range.lo + delta;
  lo = std::min(lo, full.hi + margin - span);
  lo = std::max(lo, full.lo - margin);
  return {lo, lo + span};
}

Range fitted(double lo, double hi) {
  const run::ValueRange range = run::value_range(lo, hi);
  return {range.lo, range.hi};
}

}  // namespace phaseguard::plot
