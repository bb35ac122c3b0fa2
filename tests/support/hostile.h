// A name as somebody could send it who wants to deceive the reader of a log, a terminal or a page.
#pragma once

#include <string>

namespace phaseguard::test {

// Clears the screen, turns the direction, begins an escape in one character of C1, hides, forges a
// line, ends a cell.
inline constexpr const char* kHostileName =
    "x\x1b[2J\xe2\x80\xae\xc2\x9b"
    "1m\xe2\x80\x8b\xe2\x80\xa8\r\nFORGED </td><script>";

// The same as printable() shows it.
inline constexpr const char* kHostileShown =
    "x\\x1b[2J\\u202e\\u009b1m\\u200b\\u2028\\x0d\\nFORGED </td><script>";

// What of it came through, one word each; "" for nothing. `text` may have line breaks of its own.
inline std::string came_through(const std::string& text) {
  std::string out;
  const struct {
    const char* what;
    const char* bytes;
  } kParts[] = {{"escape ", "\x1b"},         {"override ", "\xe2\x80\xae"},
                {"C1 ", "\xc2\x9b"},         {"zero width ", "\xe2\x80\x8b"},
                {"line ", "\xe2\x80\xa8"},   {"return ", "\r"},
                {"forged line ", "\nFORGED"}};
  for (const auto& part : kParts) {
    if (text.find(part.bytes) != std::string::npos) out += part.what;
  }
  return out;
}

}  // namespace phaseguard::test
