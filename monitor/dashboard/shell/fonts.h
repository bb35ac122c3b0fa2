// Loads the fonts of the panels: those that ship (assets/fonts), the same on every machine; ImGui's
// own where they are not found.
#pragma once

#include "monitor/dashboard/panels/ui.h"

namespace phaseguard::dashboard {

// Into the current ImGui context, before its atlas is built. `pixels`: height of body text. Fonts
// that are not found are nullptr: the panels then use ImGui's own and plain ASCII. Characters that
// were written and are in none of ours (plot/glyphs.h) come from DejaVu or a font of the system.
[[nodiscard]] Fonts load_fonts(float pixels);

}  // namespace phaseguard::dashboard
