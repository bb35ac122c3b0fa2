#include "monitor/base/printable.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstdarg>
#include <cstdint>
#include <cstring>
#include <iostream>
#include <vector>

#include "monitor/base/text.h"

namespace phaseguard {

namespace {

struct Range {
  std::uint32_t first;
  std::uint32_t last;
};

// In order. Noncharacters at the end of a plane are told by their low bits. Source: Unicode 15.0,
// DerivedCoreProperties.txt (Default_Ignorable_Code_Point) and UnicodeData.txt (Cc, Zl, Zp, Co).
constexpr std::array<Range, 23> kHidden{{
    {0x0000, 0x001f},      // C0 controls
    {0x007f, 0x009f},      // DEL, C1 controls
    {0x00ad, 0x00ad},      // soft hyphen
    {0x034f, 0x034f},      // combining grapheme joiner
    {0x061c, 0x061c},      // Arabic letter mark
    {0x115f, 0x1160},      // Hangul fillers
    {0x17b4, 0x17b5},      // Khmer inherent vowels
    {0x180b, 0x180f},      // Mongolian variation selectors, vowel separator
    {0x200b, 0x200f},      // zero width space and joiners, marks of direction
    {0x2028, 0x202e},      // line and paragraph separators, embeddings and overrides
    {0x2060, 0x206f},      // word joiner, invisible operators, isolates, deprecated formats
    {0x3164, 0x3164},      // Hangul filler
    {0xe000, 0xf8ff},      // private use
    {0xfdd0, 0xfdef},      // noncharacters
    {0xfe00, 0xfe0f},      // variation selectors
    {0xfeff, 0xfeff},      // byte order mark
    {0xffa0, 0xffa0},      // half-width Hangul filler
    {0xfff0, 0xfffb},      // unassigned ignorables, interlinear annotation
    {0x1bca0, 0x1bca3},    // shorthand format controls
    {0x1d173, 0x1d17a},    // musical format controls
    {0xe0000, 0xe0fff},    // tags, variation selectors, unassigned ignorables
    {0xf0000, 0xfffff},    // private use
    {0x100000, 0x10ffff},  // private use
}};

bool is_hidden(std::uint32_t code) {
  if (code >= 0x20 && code < 0x7f) return false;
  if ((code & 0xfffe) == 0xfffe) return true;
  const auto* range = std::lower_bound(kHidden.begin(), kHidden.end(), code,
                                       [](const Range& r, std::uint32_t c) { return r.last < c; });
  return range != kHidden.end() && code >= range->first;
}

struct Character {
  std::string_view bytes;
  std::uint32_t code = 0;  // the byte itself when it is not UTF-8
  bool is_utf8 = true;
};

// The first character of `text`, which is not empty.
Character first_of(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text[0]);
  if (lead < 0x80) return {text.substr(0, 1), lead};
  const std::size_t size = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  const std::string_view bytes = text.substr(0, size);
  if (first_bad_utf8(bytes) < bytes.size()) return {text.substr(0, 1), lead, false};
  std::uint32_t code = lead & (0x7fu >> size);
  for (const char c : bytes.substr(1)) code = code << 6 | (static_cast<unsigned char>(c) & 0x3fu);
  return {bytes, code, true};
}

template <class Each>
void each_character(std::string_view text, Each each) {
  while (!text.empty()) {
    const Character one = first_of(text);
    each(one);
    text.remove_prefix(one.bytes.size());
  }
}

void append_hex(std::string& out, const char* prefix, std::uint32_t code, int digits) {
  static constexpr const char* kHex = "0123456789abcdef";
  out += prefix;
  for (int at = digits - 1; at >= 0; --at) out += kHex[code >> (4 * at) & 15u];
}

void append(std::string& out, const Character& one) {
  if (one.is_utf8 && !is_hidden(one.code)) {
    out += one.bytes;
  } else if (one.code == '\n') {
    out += "\\n";
  } else if (one.code == '\t') {
    out += "\\t";
  } else if (!one.is_utf8 || one.code < 0x80) {
    append_hex(out, "\\x", one.code, 2);
  } else if (one.code < 0x10000) {
    append_hex(out, "\\u", one.code, 4);
  } else {
    append_hex(out, "\\U", one.code, 8);
  }
}

void append_json(std::string& out, const Character& one) {
  const bool between_values = one.code < 0x20;  // in a string it would not be JSON
  if (one.is_utf8 && (between_values || !is_hidden(one.code))) {
    out += one.bytes;
  } else if (!one.is_utf8) {
    out += "\\ufffd";
  } else if (one.code < 0x10000) {
    append_hex(out, "\\u", one.code, 4);
  } else {
    append_hex(out, "\\u", 0xd800 + ((one.code - 0x10000) >> 10), 4);
    append_hex(out, "\\u", 0xdc00 + ((one.code - 0x10000) & 0x3ff), 4);
  }
}

const char* markup_of(char c) {
  switch (c) {
    case '&':
      return "&amp;";
    case '<':
      return "&lt;";
    case '>':
      return "&gt;";
    case '"':
      return "&quot;";
    case '\'':
      return "&#39;";
    default:
      return nullptr;
  }
}

bool is_number(std::string_view text) {
  if (!text.empty() && text[0] == '+') text.remove_prefix(1);
  double value = 0.0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size() && std::isfinite(value);
}

bool begins_formula(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
  for (const std::string_view sign :
       {"=", "+", "-", "@", "\xef\xbc\x9d", "\xef\xbc\x8b", "\xef\xbc\x8d", "\xef\xbc\xa0"}) {
    if (text.substr(0, sign.size()) == sign) return true;
  }
  return false;
}

}  // namespace

std::string printable(std::string_view text, std::string_view backslashed) {
  std::string out;
  out.reserve(text.size());
  each_character(text, [&](const Character& one) {
    if (backslashed.find(one.bytes) != std::string_view::npos) out += '\\';
    append(out, one);
  });
  return out;
}

std::string printable_lines(std::string_view text) {
  std::string out;
  while (true) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    out += printable(text.substr(0, end));
    if (end == text.size()) return out;
    out += '\n';
    text.remove_prefix(end + 1);
  }
}

void print_line(std::FILE* out, const char* format, ...) {
  std::va_list arguments;
  va_start(arguments, format);
  std::va_list again;
  va_copy(again, arguments);
  const int size = std::vsnprintf(nullptr, 0, format, arguments);
  va_end(arguments);
  std::vector<char> text(static_cast<std::size_t>(std::max(size, 0)) + 1);
  std::vsnprintf(text.data(), text.size(), format, again);
  va_end(again);
  const std::string line = printable({text.data(), text.size() - 1}) + "\n";
  std::fwrite(line.data(), 1, line.size(), out);
}

void print_lines(std::FILE* out, std::string_view text) {
  const std::string lines = printable_lines(text);
  std::fwrite(lines.data(), 1, lines.size(), out);
}

int exit_code_of(int code, const char* program) {
  errno = 0;
  std::cout.flush();
  const bool whole = std::fflush(stdout) == 0 && std::ferror(stdout) == 0 && std::cout.good();
  if (whole) return code;
  const char* reason = errno != 0 ? std::strerror(errno) : "an earlier write failed";
  print_line(stderr, "%s: the output could not be written: %s", program, reason);
  return 1;
}

std::string_view cut_between_characters(std::string_view text, std::size_t max_bytes) {
  std::size_t size = std::min(text.size(), max_bytes);
  for (int i = 0; i < 3 && size > 0 && size < text.size(); ++i) {
    if ((static_cast<unsigned char>(text[size]) & 0xc0) != 0x80) break;
    --size;
  }
  return text.substr(0, size);
}

std::string plain(std::string_view text, std::size_t max_bytes) {
  const std::string_view shown = cut_between_characters(text, max_bytes);
  return printable(shown) + (shown.size() < text.size() ? "..." : "");
}

std::string html(std::string_view text) {
  std::string out;
  for (const char c : printable(text)) {
    if (const char* markup = markup_of(c)) {
      out += markup;
    } else {
      out += c;
    }
  }
  return out;
}

std::string csv_cell(std::string_view text) {
  const std::string shown = printable(text);
  std::string cell = begins_formula(shown) && !is_number(shown) ? "'" + shown : shown;
  if (cell.find_first_of(",;\"") == std::string::npos) return cell;
  std::string out = "\"";
  for (const char c : cell) {
    if (c == '"') out += '"';
    out += c;
  }
  return out + "\"";
}

std::string printable_json(std::string_view json) {
  std::string out;
  out.reserve(json.size());
  each_character(json, [&out](const Character& one) { append_json(out, one); });
  return out;
}

// The format's own escapes come on top: its parser gives back what printable() wrote.
std::string metrics_label(std::string_view text) {
  std::string out;
  for (const char c : printable(text)) {
    if (c == '\\' || c == '"') out += '\\';
    out += c;
  }
  return out;
}

}  // namespace phaseguard
