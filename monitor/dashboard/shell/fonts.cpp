#include "monitor/dashboard/shell/fonts.h"

#include <cstdlib>
#include <filesystem>
#include <string>
#include <system_error>
#include <vector>

namespace phaseguard::dashboard {
namespace {

// First of `names` below the system's and the user's font folders; "": none. ImGui asserts on a
// file that is missing, so it is looked for first.
std::string find_font(const std::vector<const char*>& names) {
  std::vector<std::string> roots = {"/usr/share/fonts/", "/usr/local/share/fonts/"};
  if (const char* home = std::getenv("HOME"); home != nullptr) {
    roots.push_back(std::string(home) + "/.local/share/fonts/");
  }
  for (const char* name : names) {
    for (const std::string& root : roots) {
      std::error_code error;
      if (std::filesystem::is_regular_file(root + name, error)) return root + name;
    }
  }
  return {};
}

// Greek letters and the arrows and signs the texts use; Inter has no lambda in every version.
constexpr ImWchar kSymbols[] = {0x0370, 0x03FF, 0x2010, 0x2027, 0x2190, 0x2193, 0x2248, 0x2265, 0};
constexpr ImWchar kLatin[] = {0x0020, 0x024F, 0};

ImFont* load(const std::string& path, const std::string& symbols, float pixels) {
  if (path.empty()) return nullptr;
  ImFontAtlas& atlas = *ImGui::GetIO().Fonts;
  ImFontConfig config;
  config.OversampleH = 2;
  config.OversampleV = 1;
  ImFont* font = atlas.AddFontFromFileTTF(path.c_str(), pixels, &config, kLatin);
  if (!symbols.empty()) {
    config.MergeMode = true;
    atlas.AddFontFromFileTTF(symbols.c_str(), pixels, &config, kSymbols);
  }
  return font;
}

}  // namespace

Fonts load_fonts(float pixels) {
  const std::string symbols = find_font({"truetype/dejavu/DejaVuSans.ttf"});
  const std::string body =
      find_font({"opentype/inter/Inter-Medium.otf", "opentype/inter/Inter-Regular.otf",
                 "truetype/dejavu/DejaVuSans.ttf"});
  const std::string mono = find_font(
      {"truetype/jetbrains-mono/JetBrainsMono-Regular.ttf", "truetype/dejavu/DejaVuSansMono.ttf"});
  Fonts fonts;
  fonts.body = load(body, symbols, pixels);
  if (fonts.body == nullptr) {
    ImFontConfig config;
    config.SizePixels = pixels;
    ImGui::GetIO().Fonts->AddFontDefault(&config);
    return fonts;
  }
  fonts.mono = load(mono, symbols, pixels * 0.94F);
  fonts.large = load(body, symbols, pixels * 1.35F);
  return fonts;
}

}  // namespace phaseguard::dashboard
