#include "monitor/ctl/console/theme.h"

#include <algorithm>
#include <array>
#include <cctype>

namespace phaseguard::console {
namespace {

bool is_utf8(std::string locale) {
  std::transform(locale.begin(), locale.end(), locale.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return locale.find("utf-8") != std::string::npos || locale.find("utf8") != std::string::npos;
}

Colours colours_of(const Environment& environment) {
  if (!environment.no_color.empty() || !can_draw(environment)) return Colours::kNone;
  if (environment.colorterm == "truecolor" || environment.colorterm == "24bit") {
    return Colours::kTrue;
  }
  const std::string& term = environment.term;
  if (term.find("-direct") != std::string::npos) return Colours::kTrue;
  if (term.find("256color") != std::string::npos) return Colours::k256;
  const bool is_mono = term.find("mono") != std::string::npos || term.rfind("vt1", 0) == 0 ||
                       term.rfind("vt2", 0) == 0;
  return is_mono ? Colours::kNone : Colours::k16;
}

// One ink in each depth; those of 16 colours are the user's own. Legible on dark and on light.
struct Codes {
  const char* none;
  const char* sixteen;
  const char* many;
  const char* full;
};

constexpr std::array<Codes, 10> kCodes{{
    {"", "", "", ""},                                  // kText
    {"", "2", "38;5;245", "38;2;132;142;156"},         // kDim
    {"1", "1", "1", "1"},                              // kStrong
    {"", "32", "38;5;71", "38;2;96;164;120"},          // kAlive
    {"", "36", "38;5;74", "38;2;86;158;202"},          // kCurve
    {"1", "35", "38;5;170", "38;2;214;92;198"},        // kManual
    {"", "36", "38;5;73", "38;2;96;158;172"},          // kInfo
    {"1", "33", "38;5;178", "38;2;206;166;16"},        // kMedium
    {"1", "1;33", "1;38;5;208", "1;38;2;238;132;24"},  // kHigh
    {"1", "1;31", "1;38;5;196", "1;38;2;236;62;62"},   // kCritical
}};

const char* code_of(Ink ink, Colours colours) {
  const Codes& codes = kCodes[static_cast<std::size_t>(ink)];
  switch (colours) {
    case Colours::kNone:
      return codes.none;
    case Colours::k16:
      return codes.sixteen;
    case Colours::k256:
      return codes.many;
    case Colours::kTrue:
      return codes.full;
  }
  return "";
}

}  // namespace

bool can_draw(const Environment& environment) {
  return !environment.term.empty() && environment.term != "dumb" && environment.term != "unknown";
}

Theme theme_of(const Environment& environment) {
  const std::string& locale = !environment.lc_all.empty()     ? environment.lc_all
                              : !environment.lc_ctype.empty() ? environment.lc_ctype
                                                              : environment.lang;
  return {colours_of(environment), is_utf8(locale)};
}

std::string escape_of(Ink ink, bool selected, const Theme& theme) {
  std::string codes = code_of(ink, theme.colours);
  if (selected) codes += codes.empty() ? "7" : ";7";
  return codes.empty() ? "" : "\x1b[" + codes + "m";
}

}  // namespace phaseguard::console
