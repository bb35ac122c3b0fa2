// What a terminal can show, read from its environment, and the escape codes that say it. Pure.
#pragma once

#include <string>

namespace phaseguard::console {

// Variables as they are; "": not set.
struct Environment {
  std::string term, colorterm, no_color;
  std::string lc_all, lc_ctype, lang;
};

enum class Colours { kNone, k16, k256, kTrue };

struct Theme {
  Colours colours = Colours::kNone;
  bool utf8 = false;  // false: ASCII alone is printed
};

// NO_COLOR wins over COLORTERM, that over TERM. The first of LC_ALL, LC_CTYPE and LANG that is set
// says whether the locale is UTF-8.
[[nodiscard]] Theme theme_of(const Environment& environment);

// False: a terminal that moves no cursor, or of which nothing is known.
[[nodiscard]] bool can_draw(const Environment& environment);

// Alarm inks mean an alarm and nothing else.
enum class Ink { kText, kDim, kStrong, kAlive, kCurve, kManual, kInfo, kMedium, kHigh, kCritical };

// From the plain state of a terminal to this ink; "" where nothing is to be said. A selected row is
// reversed, without colours too.
[[nodiscard]] std::string escape_of(Ink ink, bool selected, const Theme& theme);
inline constexpr const char* kPlainEscape = "\x1b[0m";

}  // namespace phaseguard::console
