// Writes a picture.
#pragma once

#include <string>
#include <vector>

#include "monitor/base/result.h"

namespace phaseguard::dashboard {

// `rgba`: width * height * 4 bytes, bottom row first as OpenGL reads it. Error kIo names the file.
[[nodiscard]] Result<void> write_png(const std::string& path, int width, int height,
                                     const std::vector<unsigned char>& rgba);

}  // namespace phaseguard::dashboard
