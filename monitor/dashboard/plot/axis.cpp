#include "monitor/dashboard/plot/axis.h"

#include <algorithm>
#include <cmath>

#include "monitor/base/table_text.h"
#include "monitor/run/plots.h"

namespace phaseguard::plot {
namespace {

constexpr double kNoLogarithm = -1e4;  // below the logarithm of every double

// "3.4e+38" and "1e-05" without what says nothing.
std::string short_exponent(std::string text) {
  const std::size_t e = text.find('e');
  if (e == std::string::npos) return text;
  std::size_t at = e + 1;
  if (text[at] == '+') text.erase(at, 1);
  if (at < text.size() && text[at] == '-') ++at;
  while (at + 1 < text.size() && text[at] == '0') text.erase(at, 1);
  return text;
}

// Symlog: the logarithm of 1 + what is left, so that both pieces meet with one slope.
double symlog(double value, double linear_to) {
  return std::copysign(std::log10(1.0 + std::abs(value) / linear_to), value);
}

}  // namespace

std::string value_label(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+inf" : "-inf";
  const double size = std::abs(value);
  if (size >= 1e4 && size < 1e6) return std::to_string(std::llround(value));
  return short_exponent(short_number(value, 4));
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

double Spread::to(double value) const {
  switch (kind) {
    case run::YKind::kLinear:
      return value;
    case run::YKind::kLog:
      return value > 0.0 ? std::log10(value) : kNoLogarithm;
    case run::YKind::kSymlog:
      return symlog(value, linear_to);
  }
  return value;
}

double Spread::from(double place) const {
  switch (kind) {
    case run::YKind::kLinear:
      return place;
    case run::YKind::kLog:
      return std::pow(10.0, std::clamp(place, -307.0, 308.0));
    case run::YKind::kSymlog:
      return std::copysign((std::pow(10.0, std::min(std::abs(place), 308.0)) - 1.0) * linear_to,
                           place);
  }
  return place;
}

Range spread_zoomed(Range range, const Spread& spread, double about, double factor) {
  const Range places{spread.to(range.lo), spread.to(range.hi)};
  const double span = places.span();
  const Range out = zoomed(places, spread.to(about), factor, span * 1e-3, span * 1e3);
  const Range values{spread.from(out.lo), spread.from(out.hi)};
  return values.lo < values.hi && std::isfinite(values.span()) ? values : range;
}

Range spread_panned(Range range, const Spread& spread, double by) {
  const double lo = spread.to(range.lo);
  const double hi = spread.to(range.hi);
  const Range values{spread.from(lo + by * (hi - lo)), spread.from(hi + by * (hi - lo))};
  return values.lo < values.hi && std::isfinite(values.span()) ? values : range;
}

}  // namespace phaseguard::plot
