// Characters that were written and that the fonts lack: names of others may be in any script, and
// an atlas of all of them would be too large. The shell loads what was wanted. Drawing thread only.
#pragma once

#include <imgui.h>

#include <cstddef>
#include <set>
#include <string>
#include <string_view>

namespace phaseguard::plot {

inline constexpr std::size_t kMostGlyphs = 4000;  // more stay as the font's "?"

// Of the basic plane, as ImGui's characters are. `text` is UTF-8 as it is shown.
void want_glyphs(std::string_view text);
[[nodiscard]] const std::set<ImWchar>& wanted_glyphs();

// What of it is shown as U+FFFD or "?" all the same, by code point: "U+1F680, U+1F525"; "":
// nothing. ImGui's characters have 16 bits in Debian's build, so everything beyond the basic plane
// is.
[[nodiscard]] std::string unshown(std::string_view text);

}  // namespace phaseguard::plot
