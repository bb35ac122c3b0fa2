#include "monitor/policy/phrases.h"

#include <array>
#include <charconv>
#include <cmath>

#include "monitor/base/text.h"

namespace phaseguard::policy {

std::string count_of(std::int64_t n, const std::string& thing) {
  return std::to_string(n) + " " + thing + (n == 1 ? "" : "s");
}

std::string first_of(std::int64_t n, const std::string& thing) {
  return "first " + (n == 1 ? thing : count_of(n, thing));
}

std::string amount(const Span& span) {
  if (span.unit == SpanUnit::kSeconds) {
    return number_text(span.count) + (span.count == 1.0 ? " second" : " seconds");
  }
  if (span.unit == SpanUnit::kPoints) return count_of(whole(span), "measurement");
  if (span.unit == SpanUnit::kIntervals) return count_of(whole(span), "measuring interval");
  return count_of(whole(span), "step");
}

std::string rounded(double value) {
  if (!std::isfinite(value)) return number_text(value);
  std::array<char, 32> text{};
  const auto end =
      std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::general, 3);
  return {text.data(), end.ptr};
}

}  // namespace phaseguard::policy
