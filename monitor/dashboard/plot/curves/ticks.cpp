#include "monitor/dashboard/plot/curves/ticks.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <initializer_list>

#include "monitor/base/table_text.h"
#include "monitor/base/time/utc.h"

namespace phaseguard::plot {
namespace {

constexpr std::size_t kWidestLabel = 7;  // characters that the gutter holds

std::string printed(const char* format, int decimals, double value) {
  char text[400];
  std::snprintf(text, sizeof text, format, decimals, value);
  return text;
}

// Decimals that show `step` exactly when it is a round one.
int decimals_of(double step) {
  for (int decimals = 0; decimals < 9; ++decimals) {
    const double scaled = step * std::pow(10.0, decimals);
    if (scaled > 0.5 && std::abs(scaled - std::round(scaled)) < 1e-6 * scaled) return decimals;
  }
  return 9;
}

Ticks ticks_of(Range range, double step) {
  const double first = std::ceil(range.lo / step - 1e-9);
  const double last = std::floor(range.hi / step + 1e-9);
  const double count = last - first + 1.0;
  return {first * step, step, count > 0.0 ? static_cast<int>(std::min(count, 1e6)) : 0};
}

// The finest step of these times a power of ten that gives at most `most` ticks.
Ticks finest(Range range, int most, bool integer, std::initializer_list<double> mantissas) {
  const double decade = std::floor(std::log10(range.span() / most)) - 1.0;
  for (double power = decade; power < decade + 5.0; ++power) {
    for (const double mantissa : mantissas) {
      const double step = mantissa * std::pow(10.0, power);
      if (integer && step != std::round(step)) continue;
      const Ticks ticks = ticks_of(range, step);
      if (ticks.count <= most) return ticks;
    }
  }
  return {range.lo, range.span(), 0};
}

std::string scientific(double value, double step) {
  if (value == 0.0) return "0";
  const double size = std::floor(std::log10(std::abs(value)) + 1e-9);
  const double mantissa_step = step / std::pow(10.0, size);
  const int digits = mantissa_step > 0.0 ? decimals_of(mantissa_step) : 0;
  std::string mantissa = printed("%.*f", digits, value / std::pow(10.0, size));
  if (mantissa.find('.') != std::string::npos) {
    while (mantissa.back() == '0') mantissa.pop_back();
    if (mantissa.back() == '.') mantissa.pop_back();
  }
  return mantissa + "e" + std::to_string(static_cast<int>(size));
}

// The part that all values of a short range far from zero share, in tens of their step.
double base_of(Range range, double step) {
  const double unit = std::pow(10.0, std::floor(std::log10(step) + 1e-9) + 1.0);
  return std::floor(range.lo / unit) * unit;
}

// Labels of the ticks less `base`, in units of `unit`.
std::vector<Tick> labelled(const Ticks& ticks, double base, double unit = 1.0) {
  std::vector<Tick> out;
  for (int i = 0; i < ticks.count; ++i) {
    const double value = ticks.at(i);
    const std::string label = tick_label((value - base) / unit, ticks.step / unit);
    out.push_back({value, base != 0.0 && value >= base ? "+" + label : label});
  }
  return out;
}

bool fit(const std::vector<Tick>& ticks) {
  return std::all_of(ticks.begin(), ticks.end(), [](const Tick& tick) {
    const bool sign = tick.label[0] == '-' || tick.label[0] == '+';
    return tick.label.size() <= kWidestLabel + (sign ? 1 : 0);
  });
}

AxisTicks linear_ticks(Range range, int max_count) {
  const Ticks ticks = nice_ticks(range, max_count);
  AxisTicks out{labelled(ticks, 0.0), ""};
  if (fit(out.ticks)) return out;
  const double base = base_of(range, ticks.step);
  out.ticks = labelled(ticks, base);
  char text[64];
  std::snprintf(text, sizeof text, "from %.12g", base);
  if (base != 0.0) out.base = text;
  if (fit(out.ticks)) return out;
  const double far = std::max(std::abs(range.lo - base), std::abs(range.hi - base));
  const double power = std::floor(std::log10(far));
  out.ticks = labelled(ticks, base, std::pow(10.0, power));
  std::snprintf(text, sizeof text, "in 1e%d", static_cast<int>(power));
  out.base += (out.base.empty() ? "" : " ") + std::string(text);
  return out;
}

// Powers of ten in the range, with 2 and 5 times them where those are few.
std::vector<double> decades(double lo, double hi, int max_count) {
  std::vector<double> out;
  const double first = std::floor(std::log10(lo));
  const double last = std::ceil(std::log10(hi));
  const double each = std::max(1.0, std::ceil((last - first) / max_count));
  const bool few = last - first <= 3.0;
  for (double power = std::ceil(first / each) * each; power <= last; power += each) {
    for (const double mantissa : {1.0, 2.0, 5.0}) {
      if (mantissa > 1.0 && !few) continue;
      const double value = mantissa * std::pow(10.0, power);
      if (value >= lo * (1.0 - 1e-12) && value <= hi * (1.0 + 1e-12)) out.push_back(value);
    }
  }
  return out;
}

std::vector<double> spread_places(Range range, const Spread& spread, int max_count) {
  if (spread.kind == YKind::kLog) {
    return range.lo > 0.0 ? decades(range.lo, range.hi, max_count) : std::vector<double>{};
  }
  std::vector<double> out;
  const double from = spread.linear_to;
  const int half = std::max(2, max_count / 2);
  if (-range.lo > from) {
    for (const double value : decades(from, -range.lo, half)) out.insert(out.begin(), -value);
  }
  if (range.contains(0.0)) out.push_back(0.0);
  if (range.hi > from) {
    for (const double value : decades(from, range.hi, half)) out.push_back(value);
  }
  out.erase(std::remove_if(out.begin(), out.end(), [&](double v) { return !range.contains(v); }),
            out.end());
  return out;
}

// Steps of a clock in seconds, each a round part of the next.
constexpr std::array<double, 22> kClockSteps{
    1,    2,    5,    10,    15,    30,    60,    120,    300,    600,    900,
    1800, 3600, 7200, 14400, 21600, 43200, 86400, 172800, 432000, 864000, 8640000};

Ticks clock_ticks(Range range, int max_count) {
  if (range.span() < 3.0) return nice_ticks(range, max_count);
  for (const double step : kClockSteps) {
    const Ticks ticks = ticks_of(range, step);
    if (ticks.count <= max_count) return ticks;
  }
  return nice_ticks(range, max_count);
}

std::string two_digits(std::int64_t n) { return (n < 10 ? "0" : "") + std::to_string(n); }

std::string elapsed_label(double seconds, double step) {
  const auto whole = static_cast<std::int64_t>(std::floor(std::abs(seconds) + 1e-6));
  const std::string sign = seconds < 0.0 && whole > 0 ? "-" : "";
  const std::int64_t h = whole / 3600;
  if (step < 1.0) return tick_label(seconds, step) + "s";
  if (whole < 60 && step < 60.0) return sign + std::to_string(whole) + "s";
  if (h == 0) {
    const std::string minutes = sign + std::to_string(whole / 60) + "m";
    return step < 60.0 ? minutes + two_digits(whole % 60) : minutes;
  }
  const std::string hours = sign + std::to_string(h) + "h" + two_digits(whole / 60 % 60);
  return step < 60.0 ? hours + ":" + two_digits(whole % 60) : hours;
}

std::string utc(double t, const char* format) {
  const std::string text = utc_text(t, format);
  return text.empty() ? value_label(t) : text;
}

std::string wall_label(double t, double step) {
  if (step >= 86400.0) return utc(t, "%m-%d");
  if (step < 1.0) return utc(t, "%H:%M:") + tick_label(std::fmod(t, 60.0), step);
  return utc(t, step < 60.0 ? kUtcClock : "%H:%M");
}

std::string seconds_text(double seconds) {
  if (std::abs(seconds) < 120.0) return value_label(seconds) + " s";
  return elapsed_label(seconds, 1.0);
}

}  // namespace

Ticks nice_ticks(Range range, int max_count, bool integer) {
  max_count = std::max(max_count, 2);
  const double raw = range.span() / max_count;
  if (!(raw > 0.0) || !std::isfinite(raw)) return {range.lo, 1.0, 0};
  const Ticks usual = finest(range, max_count, integer, {1.0, 2.0, 5.0});
  if (usual.count >= kLeastTicks) return usual;
  for (int most = std::max(max_count, kLeastTicks); most <= 2 * max_count + 8; ++most) {
    const Ticks ticks = finest(range, most, integer, {1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0});
    if (ticks.count >= kLeastTicks) return ticks;
  }
  return usual;
}

std::string tick_label(double value, double step) {
  if (std::abs(value) < step * 1e-6) value = 0.0;  // no "-0" from rounding
  const double size = std::max(std::abs(value), step);
  if (size >= 1e9) return scientific(value, step);
  if (size >= 1e6) return printed("%.*fM", decimals_of(step / 1e6), value / 1e6);
  if (size >= 1e4) return printed("%.*fk", decimals_of(step / 1e3), value / 1e3);
  if (step < 1e-4 && size < 1e-2) return scientific(value, step);
  return printed("%.*f", decimals_of(step), value);
}

AxisTicks value_ticks(Range range, const Spread& spread, int max_count) {
  if (spread.kind == YKind::kLinear) return linear_ticks(range, max_count);
  const std::vector<double> places = spread_places(range, spread, max_count);
  if (static_cast<int>(places.size()) < kLeastTicks) return linear_ticks(range, max_count);
  AxisTicks out;
  for (const double value : places) out.ticks.push_back({value, value_label(value)});
  return out;
}

std::vector<Tick> x_ticks(Range range, XKind kind, int max_count) {
  std::vector<Tick> out;
  const bool counts = kind == XKind::kStep || kind == XKind::kTokens;
  const Ticks ticks = counts ? nice_ticks(range, max_count, true) : clock_ticks(range, max_count);
  for (int i = 0; i < ticks.count; ++i) {
    const double at = ticks.at(i);
    out.push_back({at, counts                    ? tick_label(at, ticks.step)
                       : kind == XKind::kElapsed ? elapsed_label(at, ticks.step)
                                                 : wall_label(at, ticks.step)});
  }
  return out;
}

std::string x_label(double x, XKind kind) {
  switch (kind) {
    case XKind::kStep:
      return "step " + printed("%.*f", 0, x);
    case XKind::kWall:
      return utc(x, kUtcMoment);
    case XKind::kElapsed:
      return seconds_text(x) + " after its start";
    case XKind::kTokens:
      return printed("%.*f", 0, x) + " tokens";
  }
  return "";
}

std::string distance_label(double distance, XKind kind) {
  switch (kind) {
    case XKind::kStep:
      return counted(std::llround(distance), "step");
    case XKind::kTokens:
      return counted(std::llround(distance), "token");
    case XKind::kWall:
    case XKind::kElapsed:
      return seconds_text(distance);
  }
  return "";
}

}  // namespace phaseguard::plot
