#include "monitor/dashboard/plot/glyphs.h"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <vector>

namespace phaseguard::plot {
namespace {

std::set<ImWchar>& all() {
  static std::set<ImWchar> wanted;
  return wanted;
}

// Of three bytes from `at`; 0: it is no character of the basic plane beyond U+07FF.
std::uint32_t three_bytes(std::string_view text, std::size_t at) {
  if (at + 2 >= text.size()) return 0;
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[at + i]); };
  if ((byte(0) & 0xF0) != 0xE0) return 0;
  return (byte(0) & 0x0FU) << 12 | (byte(1) & 0x3FU) << 6 | (byte(2) & 0x3FU);
}

std::uint32_t four_bytes(std::string_view text, std::size_t at) {
  if (at + 3 >= text.size()) return 0;
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[at + i]); };
  if ((byte(0) & 0xF8) != 0xF0) return 0;
  return (byte(0) & 0x07U) << 18 | (byte(1) & 0x3FU) << 12 | (byte(2) & 0x3FU) << 6 |
         (byte(3) & 0x3FU);
}

std::uint32_t two_bytes(std::string_view text, std::size_t at) {
  if (at + 1 >= text.size()) return 0;
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[at + i]); };
  if ((byte(0) & 0xE0) != 0xC0) return 0;
  return (byte(0) & 0x1FU) << 6 | (byte(1) & 0x3FU);
}

}  // namespace

void want_glyphs(std::string_view text) {
  const auto is_ascii = [](char c) { return static_cast<unsigned char>(c) < 0x80; };
  if (std::all_of(text.begin(), text.end(), is_ascii)) return;
  const ImFont* font = ImGui::GetFont();
  for (std::size_t at = 0; at < text.size(); ++at) {
    const std::uint32_t code = std::max(three_bytes(text, at), two_bytes(text, at));
    const auto glyph = static_cast<ImWchar>(code);
    const bool lacks = code != 0 && font->FindGlyphNoFallback(glyph) == nullptr;
    if (lacks && all().size() < kMostGlyphs) all().insert(glyph);
  }
}

const std::set<ImWchar>& wanted_glyphs() { return all(); }

std::string unshown(std::string_view text) {
  constexpr std::size_t kMostNamed = 8;
  std::vector<std::uint32_t> codes;
  const ImFont* font = ImGui::GetFont();
  for (std::size_t at = 0; at < text.size(); ++at) {
    const std::uint32_t code =
        std::max({four_bytes(text, at), three_bytes(text, at), two_bytes(text, at)});
    const bool is_basic = code <= 0xFFFF;
    if (code == 0 || (is_basic && font->FindGlyphNoFallback(static_cast<ImWchar>(code)) != nullptr))
      continue;
    if (std::find(codes.begin(), codes.end(), code) == codes.end()) codes.push_back(code);
  }
  std::string out;
  for (std::size_t i = 0; i < codes.size() && i < kMostNamed; ++i) {
    char name[16];
    std::snprintf(name, sizeof name, "U+%04X", codes[i]);
    out += (out.empty() ? "" : ", ") + std::string(name);
  }
  return codes.size() > kMostNamed ? out + ", ..." : out;
}

}  // namespace phaseguard::plot
