// Whether what is written can be read in every theme: contrast ratios of WCAG 2.1 (1.4.3, 1.4.6,
// 1.4.11), computed from the palettes as they are.
#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "monitor/dashboard/plot/palette.h"
#include "tests/support/catch.h"

using namespace phaseguard::plot;

namespace {

double channel(ImU32 colour, int shift) {
  const double value = static_cast<double>((colour >> shift) & 0xFF) / 255.0;
  return value <= 0.03928 ? value / 12.92 : std::pow((value + 0.055) / 1.055, 2.4);
}

double luminance(ImU32 colour) {
  return 0.2126 * channel(colour, IM_COL32_R_SHIFT) + 0.7152 * channel(colour, IM_COL32_G_SHIFT) +
         0.0722 * channel(colour, IM_COL32_B_SHIFT);
}

double contrast(ImU32 a, ImU32 b) {
  const double x = luminance(a) + 0.05;
  const double y = luminance(b) + 0.05;
  return std::max(x, y) / std::min(x, y);
}

}  // namespace

TEST_CASE("contrast is computed as WCAG does", "[gui][contrast]") {
  CHECK(contrast(IM_COL32(0, 0, 0, 255), IM_COL32(255, 255, 255, 255)) == Approx(21.0));
  CHECK(contrast(IM_COL32(119, 119, 119, 255), IM_COL32(255, 255, 255, 255)) ==
        Approx(4.48).margin(0.01));
}

TEST_CASE("every text of every theme can be read where it is written", "[gui][contrast]") {
  for (const Theme theme : kThemes) {
    const Palette& p = palette_of(theme);
    const double least = theme == Theme::kContrast ? 7.0 : 4.5;
    const std::vector<std::pair<std::string, ImU32>> texts = {
        {"text", p.text},           {"dim", p.dim},           {"stale", p.stale},
        {"threshold", p.threshold}, {"critical", p.critical}, {"high", p.high},
        {"medium", p.medium},       {"info", p.info},         {"override", p.override_}};
    for (const auto& [name, colour] : texts) {
      INFO(name_of(theme) << " " << name);
      CHECK(contrast(colour, p.panel) >= least);
      CHECK(contrast(colour, p.plot) >= least);
    }
    INFO(name_of(theme));
    CHECK(contrast(p.text, p.button) >= least);
    CHECK(contrast(p.text, p.window) >= least);
    CHECK(contrast(p.dim, p.button) >= (theme == Theme::kContrast ? 7.0 : 4.5));
    CHECK(contrast(p.dim, p.window) >= least);
    if (theme != Theme::kContrast) continue;
    CHECK(contrast(p.text, p.button_hot) >= least);
    CHECK(contrast(p.dim, p.button_hot) >= least);
    CHECK(contrast(p.border, p.window) >= least);  // of panels
    CHECK(contrast(p.border, p.panel) >= least);
    CHECK(contrast(p.alive, p.panel) >= least);
    for (const ImU32 line : p.series) CHECK(contrast(line, p.plot) >= least);  // legends too
  }
}

TEST_CASE("lines, signs and fields stand out from what is behind them", "[gui][contrast]") {
  for (const Theme theme : kThemes) {
    INFO(name_of(theme));
    const Palette& p = palette_of(theme);
    for (const ImU32 line : p.series) CHECK(contrast(line, p.plot) >= 3.0);
    CHECK(contrast(p.field, p.panel) >= 3.0);
    CHECK(contrast(p.field, p.plot) >= 3.0);
    CHECK(contrast(p.alive, p.panel) >= 3.0);
  }
}

TEST_CASE("a theme is found by the name that it has", "[gui]") {
  for (const Theme theme : kThemes) CHECK(theme_named(name_of(theme)) == theme);
  CHECK(theme_named("mauve") == Theme::kDark);
}
