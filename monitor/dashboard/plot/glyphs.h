// Characters that were written and that the fonts lack: names of others may be in any script, and
// an atlas of all of them would be too large. The shell loads what was wanted. Drawing thread only.
#pragma once

#include <imgui.h>

#include <cstddef>
#include <set>
#include <string_view>

namespace phaseguard::plot {

inline constexpr std::size_t kMostGlyphs = 4000;  // more stay as the font's "?"

// Of the basic plane, as ImGui's characters are. `text` is UTF-8 as it is shown.
void want_glyphs(std::string_view text);
[[nodiscard]] const std::set<ImWchar>& wanted_glyphs();

}  // namespace phaseguard::plot
