#include "monitor/base/time/utc.h"

#include <cmath>
#include <ctime>

namespace phaseguard {

std::string utc_text(double t, const char* format) {
  constexpr double kLast = 253402300799.0;  // of the year 9999
  if (!(std::abs(t) <= kLast)) return "";
  const auto whole = static_cast<std::time_t>(std::floor(t));
  std::tm parts{};
  if (gmtime_r(&whole, &parts) == nullptr) return "";
  char text[64];
  return {text, std::strftime(text, sizeof text, format, &parts)};
}

}  // namespace phaseguard
