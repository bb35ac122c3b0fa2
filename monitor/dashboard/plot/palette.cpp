#include "monitor/dashboard/plot/palette.h"

#include <algorithm>

namespace phaseguard::plot {

const Palette& dark_palette() {
  static constexpr Palette kDark{
      .window = IM_COL32(12, 16, 22, 255),
      .panel = IM_COL32(19, 25, 34, 255),
      .plot = IM_COL32(15, 20, 28, 255),
      .border = IM_COL32(48, 58, 72, 255),
      .field = IM_COL32(98, 110, 128, 255),
      .grid = IM_COL32(255, 255, 255, 18),
      .text = IM_COL32(220, 226, 234, 255),
      .dim = IM_COL32(152, 163, 178, 255),
      .stale = IM_COL32(126, 134, 146, 255),
      .kl_shade = IM_COL32(44, 112, 160, 255),
      .threshold = IM_COL32(186, 192, 202, 200),
      .alive = IM_COL32(120, 170, 140, 255),
      .critical = IM_COL32(242, 74, 74, 255),
      .high = IM_COL32(245, 142, 32, 255),
      .medium = IM_COL32(240, 212, 60, 255),
      .info = IM_COL32(128, 172, 184, 255),
      .override_ = IM_COL32(222, 92, 206, 255),
      .button = IM_COL32(44, 55, 71, 255),
      .button_hot = IM_COL32(62, 78, 100, 255),
      .series = {IM_COL32(106, 178, 222, 255), IM_COL32(92, 184, 148, 255),
                 IM_COL32(168, 166, 224, 255), IM_COL32(196, 180, 146, 255),
                 IM_COL32(160, 170, 182, 255), IM_COL32(96, 136, 190, 255)},
      .heat = {IM_COL32(24, 33, 45, 255), IM_COL32(38, 72, 100, 255), IM_COL32(66, 122, 150, 255),
               IM_COL32(140, 182, 190, 255), IM_COL32(236, 238, 222, 255)}};
  return kDark;
}

const Palette& light_palette() {
  static constexpr Palette kLight{
      .window = IM_COL32(222, 226, 231, 255),
      .panel = IM_COL32(244, 246, 248, 255),
      .plot = IM_COL32(253, 253, 254, 255),
      .border = IM_COL32(190, 197, 206, 255),
      .field = IM_COL32(126, 134, 145, 255),
      .grid = IM_COL32(0, 0, 0, 20),
      .text = IM_COL32(28, 34, 42, 255),
      .dim = IM_COL32(84, 94, 108, 255),
      .stale = IM_COL32(104, 110, 118, 255),
      .kl_shade = IM_COL32(126, 176, 216, 255),
      .threshold = IM_COL32(70, 78, 90, 220),
      .alive = IM_COL32(48, 116, 78, 255),
      .critical = IM_COL32(200, 24, 24, 255),
      .high = IM_COL32(176, 80, 0, 255),
      .medium = IM_COL32(130, 100, 0, 255),
      .info = IM_COL32(52, 112, 130, 255),
      .override_ = IM_COL32(164, 30, 150, 255),
      .button = IM_COL32(220, 225, 232, 255),
      .button_hot = IM_COL32(200, 209, 221, 255),
      .series = {IM_COL32(24, 112, 168, 255), IM_COL32(20, 128, 92, 255),
                 IM_COL32(98, 92, 178, 255), IM_COL32(132, 104, 52, 255),
                 IM_COL32(96, 106, 118, 255), IM_COL32(40, 76, 140, 255)},
      .heat = {IM_COL32(240, 243, 246, 255), IM_COL32(190, 212, 226, 255),
               IM_COL32(118, 166, 194, 255), IM_COL32(48, 104, 144, 255),
               IM_COL32(14, 40, 74, 255)}};
  return kLight;
}

const Palette& contrast_palette() {
  static constexpr Palette kContrast{
      .window = IM_COL32(0, 0, 0, 255),
      .panel = IM_COL32(0, 0, 0, 255),
      .plot = IM_COL32(0, 0, 0, 255),
      .border = IM_COL32(150, 150, 150, 255),
      .field = IM_COL32(255, 255, 255, 255),
      .grid = IM_COL32(255, 255, 255, 40),
      .text = IM_COL32(255, 255, 255, 255),
      .dim = IM_COL32(214, 214, 214, 255),
      .stale = IM_COL32(176, 176, 176, 255),
      .kl_shade = IM_COL32(80, 170, 255, 255),
      .threshold = IM_COL32(255, 255, 255, 255),
      .alive = IM_COL32(120, 255, 160, 255),
      .critical = IM_COL32(255, 112, 112, 255),
      .high = IM_COL32(255, 160, 40, 255),
      .medium = IM_COL32(255, 230, 0, 255),
      .info = IM_COL32(150, 220, 240, 255),
      .override_ = IM_COL32(255, 140, 245, 255),
      .button = IM_COL32(40, 40, 40, 255),
      .button_hot = IM_COL32(60, 60, 60, 255),
      .series = {IM_COL32(110, 200, 255, 255), IM_COL32(90, 230, 170, 255),
                 IM_COL32(200, 190, 255, 255), IM_COL32(235, 215, 170, 255),
                 IM_COL32(200, 210, 220, 255), IM_COL32(130, 170, 255, 255)},
      .heat = {IM_COL32(0, 0, 0, 255), IM_COL32(30, 80, 120, 255), IM_COL32(70, 150, 190, 255),
               IM_COL32(160, 210, 220, 255), IM_COL32(255, 255, 240, 255)}};
  return kContrast;
}

const Palette& palette_of(Theme theme) {
  switch (theme) {
    case Theme::kDark:
      return dark_palette();
    case Theme::kLight:
      return light_palette();
    case Theme::kContrast:
      break;
  }
  return contrast_palette();
}

const char* name_of(Theme theme) {
  switch (theme) {
    case Theme::kDark:
      return "dark";
    case Theme::kLight:
      return "light";
    case Theme::kContrast:
      break;
  }
  return "contrast";
}

Theme theme_named(std::string_view name) {
  for (const Theme theme : kThemes) {
    if (name == name_of(theme)) return theme;
  }
  return Theme::kDark;
}

ImU32 faded(ImU32 colour, float alpha) {
  const auto a = static_cast<float>((colour >> IM_COL32_A_SHIFT) & 0xFF) * alpha;
  return (colour & ~IM_COL32_A_MASK) | (static_cast<ImU32>(a) << IM_COL32_A_SHIFT);
}

ImU32 heat_colour(const Palette& palette, double t) {
  const double at = std::clamp(t, 0.0, 1.0) * static_cast<double>(palette.heat.size() - 1);
  const auto i = std::min(static_cast<std::size_t>(at), palette.heat.size() - 2);
  const double f = at - static_cast<double>(i);
  const auto mixed = [&](int shift) {
    const double a = (palette.heat[i] >> shift) & 0xFF;
    const double b = (palette.heat[i + 1] >> shift) & 0xFF;
    return static_cast<ImU32>(a + (b - a) * f) << shift;
  };
  return mixed(IM_COL32_R_SHIFT) | mixed(IM_COL32_G_SHIFT) | mixed(IM_COL32_B_SHIFT) |
         IM_COL32_A_MASK;
}

}  // namespace phaseguard::plot
