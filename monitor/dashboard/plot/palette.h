// The colours of the dashboard. Grey by default: data lines are muted Okabe-Ito tones without its
// orange, vermilion, yellow and purple, which are reserved for alarms and for a manual override, so
// that a saturated colour always means something is wrong. Every alarm also has a shape and a
// number.
#pragma once

#include <imgui.h>

#include <array>
#include <string_view>

namespace phaseguard::plot {

enum class Theme { kDark, kLight, kContrast };
inline constexpr std::array kThemes{Theme::kDark, Theme::kLight, Theme::kContrast};
[[nodiscard]] const char* name_of(Theme theme);          // "dark", "light", "contrast"
[[nodiscard]] Theme theme_named(std::string_view name);  // dark for a word that is none

struct Palette {
  ImU32 window;  // behind the panels
  ImU32 panel;   // behind text
  ImU32 plot;    // behind data
  ImU32 border;
  ImU32 field;  // around what can be filled in or pressed
  ImU32 grid;
  ImU32 text;
  ImU32 dim;       // secondary text, axis labels
  ImU32 stale;     // values that are no longer fresh
  ImU32 kl_shade;  // interval in which the penalty was in force
  ImU32 threshold;
  ImU32 alive;  // live dot
  ImU32 critical;
  ImU32 high;
  ImU32 medium;
  ImU32 info;
  ImU32 override_;  // manual override in force
  ImU32 button;
  ImU32 button_hot;
  std::array<ImU32, 6> series;
  std::array<ImU32, 5> heat;  // low to high
};

[[nodiscard]] const Palette& dark_palette();
[[nodiscard]] const Palette& light_palette();
[[nodiscard]] const Palette& contrast_palette();  // black and white, for weak eyes and bright rooms
[[nodiscard]] const Palette& palette_of(Theme theme);

// `colour` with its opacity multiplied by `alpha` (0..1).
[[nodiscard]] ImU32 faded(ImU32 colour, float alpha);

// A colour of palette.heat for t in 0..1, interpolated.
[[nodiscard]] ImU32 heat_colour(const Palette& palette, double t);

}  // namespace phaseguard::plot
