#include "monitor/dashboard/shell/fonts.h"

#include <filesystem>
#include <string>

#include "monitor/base/file.h"

namespace phaseguard::dashboard {
namespace {

// One of those that ship; "": they are not found. ImGui asserts on a file that is missing, so it is
// looked for first.
std::string shipped(const char* name) {
  const auto found = find_asset(std::filesystem::path("fonts") / name);
  return found ? found->string() : "";
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
  const std::string symbols = shipped("DejaVuSans.ttf");
  const std::string body = shipped("Inter-Medium.otf");
  const std::string mono = shipped("DejaVuSansMono.ttf");
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
