// Loads the fonts of the panels: Debian's Inter and DejaVu where they are, ImGui's own otherwise.
#pragma once

#include "monitor/dashboard/panels/ui.h"

namespace phaseguard::dashboard {

// Into the current ImGui context, before its atlas is built. `pixels`: height of body text. Fonts
// that are not installed are nullptr: the panels then use ImGui's own and plain ASCII.
[[nodiscard]] Fonts load_fonts(float pixels);

}  // namespace phaseguard::dashboard
