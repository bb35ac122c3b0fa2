#include "monitor/dashboard/shell/fonts.h"

#include <backends/imgui_impl_opengl3.h>

#include <filesystem>
#include <string>
#include <system_error>

#include "monitor/base/file.h"
#include "monitor/dashboard/plot/glyphs.h"
#include "monitor/dashboard/shell/shell.h"

namespace phaseguard::dashboard {
namespace {

// One of those that ship; "": they are not found. ImGui asserts on a file that is missing, so it is
// looked for first.
std::string shipped(const char* name) {
  const auto found = find_asset(std::filesystem::path("fonts") / name);
  return found ? found->string() : "";
}

// Of the system, for scripts that none of ours has: the first that is there. Colour fonts have no
// outlines that could be drawn.
std::string of_the_system() {
  for (const char* file : {"/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc",
                           "/usr/share/fonts/truetype/wqy/wqy-microhei.ttc",
                           "/usr/share/fonts/truetype/droid/DroidSansFallbackFull.ttf",
                           "/usr/share/fonts/opentype/unifont/unifont.otf",
                           "/usr/share/fonts/truetype/unifont/unifont.ttf"}) {
    std::error_code error;
    if (std::filesystem::is_regular_file(file, error)) return file;
  }
  return "";
}

// What was written and is in no range of ours, as ranges that hold until the atlas is built anew.
const ImWchar* wanted_ranges() {
  static ImVector<ImWchar> ranges;
  ranges.clear();
  ImFontGlyphRangesBuilder builder;
  for (const ImWchar glyph : plot::wanted_glyphs()) builder.AddChar(glyph);
  builder.BuildRanges(&ranges);
  return ranges.Data;
}

// Greek letters and the arrows and signs the texts use; Inter has no lambda in every version.
constexpr ImWchar kSymbols[] = {
    0x0370, 0x03FF, 0x2010, 0x2027, 0x2190, 0x2193,
    0x2248, 0x2265, 0xFFFD, 0xFFFD, 0};  // what stands for a character that no font has
constexpr ImWchar kLatin[] = {0x0020, 0x024F, 0};

void merge(const std::string& path, float pixels, const ImWchar* ranges) {
  if (path.empty()) return;
  ImFontConfig config;
  config.MergeMode = true;
  ImGui::GetIO().Fonts->AddFontFromFileTTF(path.c_str(), pixels, &config, ranges);
}

ImFont* load(const std::string& path, const std::string& symbols, float pixels) {
  if (path.empty()) return nullptr;
  ImFontAtlas& atlas = *ImGui::GetIO().Fonts;
  ImFontConfig config;
  config.OversampleH = 2;
  config.OversampleV = 1;
  ImFont* font = atlas.AddFontFromFileTTF(path.c_str(), pixels, &config, kLatin);
  merge(symbols, pixels, kSymbols);
  if (!plot::wanted_glyphs().empty()) {
    const ImWchar* ranges = wanted_ranges();
    merge(symbols, pixels, ranges);
    merge(of_the_system(), pixels, ranges);
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

void renew_fonts(View& view, float pixels) {
  ImGui::GetIO().Fonts->Clear();
  view.fonts = load_fonts(pixels);
#ifndef IMGUI_HAS_TEXTURES
  ImGui_ImplOpenGL3_DestroyFontsTexture();
  ImGui_ImplOpenGL3_CreateFontsTexture();
#endif
}

}  // namespace phaseguard::dashboard
