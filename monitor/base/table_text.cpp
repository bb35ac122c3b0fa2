#include "monitor/base/table_text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

namespace phaseguard {

namespace {

// Bytes that continue a character take no column.
std::size_t characters(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0u) != 0x80u;
  }));
}

std::string formatted(double value, std::chars_format format, int precision) {
  std::array<char, 400> text{};
  const auto end =
      std::to_chars(text.data(), text.data() + text.size(), value, format, precision).ptr;
  return {text.data(), end};
}

}  // namespace

std::string short_number(double value, int digits, std::string_view infinite) {
  if (std::isnan(value)) return "-";
  if (std::isinf(value)) return value > 0 ? std::string(infinite) : "-inf";
  return formatted(value, std::chars_format::general, digits);
}

std::string percent(double share) {
  return formatted(100.0 * share, std::chars_format::fixed, 1) + " %";
}

std::string counted(std::int64_t n, std::string_view thing, std::string_view things) {
  const std::string many = things.empty() ? std::string(thing) + "s" : std::string(things);
  return std::to_string(n) + " " + (n == 1 ? std::string(thing) : many);
}

std::string padded(std::string_view text, std::size_t width, std::size_t gap) {
  const std::size_t shown = characters(text);
  return std::string(text) + std::string(std::max(width, shown + gap) - shown, ' ');
}

std::string right_aligned(std::string_view text, std::size_t width) {
  const std::size_t shown = characters(text);
  return std::string(std::max(width, shown) - shown, ' ') + std::string(text);
}

std::string joined(const std::vector<std::string>& parts, std::string_view between) {
  std::string out;
  for (const std::string& part : parts) {
    if (!out.empty()) out += between;
    out += part;
  }
  return out;
}

}  // namespace phaseguard
