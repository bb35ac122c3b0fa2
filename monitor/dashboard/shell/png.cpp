#include "monitor/dashboard/shell/png.h"

#include <stb/stb_image_write.h>

#include <cerrno>
#include <cstring>

#include "monitor/base/text.h"

namespace phaseguard::dashboard {

Result<void> write_png(const std::string& path, int width, int height,
                       const std::vector<unsigned char>& rgba) {
  stbi_flip_vertically_on_write(1);
  errno = 0;
  if (stbi_write_png(path.c_str(), width, height, 4, rgba.data(), width * 4) != 0) return {};
  const std::string why = errno != 0 ? std::strerror(errno) : "unknown reason";
  return fail(Errc::kIo, "cannot write the picture " + quoted(path) + ": " + why +
                             "; check that the folder exists and is writable");
}

}  // namespace phaseguard::dashboard
