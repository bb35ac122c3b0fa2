#include "monitor/ctl/console/spark.h"

#include <algorithm>
#include <array>

namespace phaseguard::console {
namespace {

constexpr std::array<const char*, 8> kBlocks{"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
constexpr std::array<const char*, 8> kAscii{"_", ".", ",", "-", "=", "+", "*", "#"};

// A constant is a line at the bottom.
std::size_t height_of(float value, const run::Extent& all) {
  const float range = all.hi - all.lo;
  if (!(range > 0.0F)) return 0;
  const float place = (value - all.lo) / range * 7.0F + 0.5F;
  return static_cast<std::size_t>(std::clamp(place, 0.0F, 7.0F));
}

}  // namespace

std::string sparkline(const run::Series& series, int columns, bool utf8) {
  const std::size_t n = series.size();
  if (n == 0 || columns <= 0) return "";
  const auto shown = std::min(n, static_cast<std::size_t>(columns));
  const run::Extent all = series.extent(0, n);
  std::string out;
  for (std::size_t i = 0; i < shown; ++i) {
    const run::Extent part = series.extent(i * n / shown, (i + 1) * n / shown);
    if (part.good == 0) {
      out += "x";
    } else {
      out += (utf8 ? kBlocks : kAscii)[height_of(part.hi, all)];
    }
  }
  return out;
}

}  // namespace phaseguard::console
