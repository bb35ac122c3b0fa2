#include "monitor/dashboard/shell/pixels.h"

#include <GL/gl.h>

#include <algorithm>
#include <cmath>
#include <system_error>
#include <vector>

#include "monitor/dashboard/shell/png.h"

namespace phaseguard::dashboard {

Result<void> write_pixels(const std::string& path, Box place, int height) {
  const int left = static_cast<int>(std::floor(place.lo.x));
  const int top = static_cast<int>(std::floor(place.lo.y));
  const int wide = static_cast<int>(std::ceil(place.hi.x)) - left;
  const int high = static_cast<int>(std::ceil(place.hi.y)) - top;
  if (wide <= 0 || high <= 0) {
    return fail(Errc::kInvalidArgument,
                "no picture was taken: the plot is out of sight; scroll to it first");
  }
  std::vector<unsigned char> rgba(static_cast<std::size_t>(wide) * static_cast<std::size_t>(high) *
                                  4);
  glPixelStorei(GL_PACK_ALIGNMENT, 1);
  glReadPixels(left, height - top - high, wide, high, GL_RGBA, GL_UNSIGNED_BYTE, rgba.data());
  for (std::size_t i = 3; i < rgba.size(); i += 4) rgba[i] = 255;
  return write_png(path, wide, high, rgba);
}

std::filesystem::path free_path(const std::string& name) {
  std::error_code error;  // a folder that is gone or closed: writing says so
  std::filesystem::path wanted = std::filesystem::absolute(name, error);
  if (error) wanted = name;
  std::filesystem::path path = wanted;
  for (int n = 2; std::filesystem::exists(path, error); ++n) {
    path.replace_filename(wanted.stem().string() + "-" + std::to_string(n) +
                          wanted.extension().string());
  }
  return path;
}

void take_picture(View& view) {
  if (!view.picture || !view.picture->clear) return;
  const ImGuiIO& io = ImGui::GetIO();
  const ImVec2 scale = io.DisplayFramebufferScale;
  Box place = view.picture->place;
  place.lo = {place.lo.x * scale.x, place.lo.y * scale.y};
  place.hi = {place.hi.x * scale.x, place.hi.y * scale.y};
  const std::filesystem::path path = free_path(view.picture->path);
  const auto written =
      write_pixels(path.string(), place, static_cast<int>(io.DisplaySize.y * scale.y));
  view.saved = written ? "saved " + path.string() : written.error().message;
  view.picture.reset();
}

}  // namespace phaseguard::dashboard
