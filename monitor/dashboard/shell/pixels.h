// Pictures of what was drawn: with OpenGL, between a frame that was rendered and the one after it.
#pragma once

#include <filesystem>
#include <string>

#include "monitor/base/result.h"
#include "monitor/dashboard/panels/ui.h"

namespace phaseguard::dashboard {

// `place` in pixels of the framebuffer, which is so high, from its top left corner. Writes a PNG.
// Errors: kInvalidArgument when there is nothing in it, kIo.
[[nodiscard]] Result<void> write_pixels(const std::string& path, Box place, int height);

// A file of this name, absolute, or beside one that is there already: NAME-2, NAME-3, ...
[[nodiscard]] std::filesystem::path free_path(const std::string& name);

// Takes the picture that the panels asked for, when the frame that was rendered is one for it, and
// says in the view what came of it.
void take_picture(View& view);

}  // namespace phaseguard::dashboard
