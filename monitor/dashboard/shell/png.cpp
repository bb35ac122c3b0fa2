#include "monitor/dashboard/shell/png.h"

#include <stb/stb_image_write.h>

#include "monitor/base/file.h"

namespace phaseguard::dashboard {
namespace {

void append(void* to, void* bytes, int n) {
  static_cast<std::string*>(to)->append(static_cast<const char*>(bytes),
                                        static_cast<std::size_t>(n));
}

}  // namespace

Result<void> write_png(const std::string& path, int width, int height,
                       const std::vector<unsigned char>& rgba) {
  stbi_flip_vertically_on_write(1);
  std::string bytes;  // written by write_file, which sees a full disk: stb does not
  if (stbi_write_png_to_func(append, &bytes, width, height, 4, rgba.data(), width * 4) == 0) {
    return fail(Errc::kIo, "no picture was written to " + path + ": there is no memory for it");
  }
  auto written = write_file(path, bytes);
  if (written) return {};
  return fail(Errc::kIo, "no picture was written: " + written.error().message);
}

}  // namespace phaseguard::dashboard
