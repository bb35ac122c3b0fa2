#include "monitor/ctl/console/row.h"

#include <utf8proc.h>

#include <algorithm>
#include <cstdio>
#include <sstream>

#include "monitor/base/printable.h"

namespace phaseguard::console {
namespace {

struct Character {
  std::size_t bytes = 1;
  utf8proc_int32_t code = 0;
  int columns = 1;
};

// The first one of printable text, which is not empty.
Character first_of(std::string_view text) {
  Character one;
  const auto* bytes = reinterpret_cast<const utf8proc_uint8_t*>(text.data());
  const auto read = utf8proc_iterate(bytes, static_cast<utf8proc_ssize_t>(text.size()), &one.code);
  if (read <= 0) return {};
  one.bytes = static_cast<std::size_t>(read);
  one.columns = utf8proc_charwidth(one.code);
  return one;
}

// How much of the text fits, in bytes and in columns.
struct Fit {
  std::size_t bytes = 0;
  int columns = 0;
};

Fit fit(std::string_view text, int columns) {
  Fit fit;
  while (fit.bytes < text.size()) {
    const Character next = first_of(text.substr(fit.bytes));
    if (fit.columns + next.columns > columns) break;
    fit.bytes += next.bytes;
    fit.columns += next.columns;
  }
  return fit;
}

std::string blanks(int n) { return std::string(static_cast<std::size_t>(std::max(n, 0)), ' '); }

}  // namespace

int columns_of(std::string_view text) { return fit(text, 1 << 30).columns; }

std::string cut(std::string_view text, int columns, bool utf8) {
  if (columns <= 0) return "";
  if (columns_of(text) <= columns) return std::string(text);
  return std::string(text.substr(0, fit(text, columns - 1).bytes)) + (utf8 ? "…" : "~");
}

std::vector<std::string> wrapped(const std::string& text, int columns) {
  std::vector<std::string> lines(1);
  std::istringstream words(printable(text));
  for (std::string word; words >> word;) {
    std::string& line = lines.back();
    if (!line.empty() && columns_of(line) + 1 + columns_of(word) > columns) {
      lines.push_back(word);
    } else {
      line += (line.empty() ? "" : " ") + word;
    }
  }
  return lines;
}

std::string Row::shown(std::string_view text) const {
  const std::string printed = printable(text);
  if (utf8_) return printed;
  std::string out;
  for (std::size_t at = 0; at < printed.size();) {
    const Character one = first_of(std::string_view(printed).substr(at));
    if (one.bytes == 1) {
      out += printed[at];
    } else {
      char escape[16];
      std::snprintf(escape, sizeof escape, one.code < 0x10000 ? "\\u%04x" : "\\U%08x",
                    static_cast<unsigned>(one.code));
      out += escape;
    }
    at += one.bytes;
  }
  return out;
}

Row& Row::add(std::string_view text, Ink ink) {
  std::string piece = shown(text);
  columns_ += columns_of(piece);
  pieces_.push_back({std::move(piece), ink});
  return *this;
}

Row& Row::cell(std::string_view text, int columns, Ink ink) {
  const int end = columns_ + columns;
  add(cut(shown(text), columns, utf8_), ink);
  return add(blanks(end - columns_ + 1));
}

Row& Row::number(std::string_view text, int columns, Ink ink) {
  const std::string piece = cut(shown(text), columns, utf8_);
  add(blanks(columns - columns_of(piece)));
  return add(piece, ink).add(" ");
}

Row& Row::fill_to(int column) {
  while (columns_ > column && !pieces_.empty()) {
    Piece last = std::move(pieces_.back());
    pieces_.pop_back();
    columns_ -= columns_of(last.text);
    if (columns_ < column) add(cut(last.text, column - columns_, utf8_), last.ink);
  }
  return add(blanks(column - columns_));
}

Row& Row::right(std::string_view text, int width, Ink ink) {
  const std::string piece = shown(text);
  const int room = width - columns_ - 1;
  if (room <= 0) return *this;
  const std::string there = cut(piece, room, utf8_);
  add(blanks(width - columns_ - columns_of(there)));
  return add(there, ink);
}

Row& Row::append(const Row& other) {
  for (const Piece& piece : other.pieces_) pieces_.push_back(piece);
  columns_ += other.columns_;
  return *this;
}

std::string Row::plain() const {
  std::string out;
  for (const Piece& piece : pieces_) out += piece.text;
  return out.substr(0, out.find_last_not_of(' ') + 1);
}

std::string Row::escaped(int width, const Theme& theme) const {
  Row whole = *this;
  whole.fill_to(width);
  std::string out;
  for (const Piece& piece : whole.pieces_) {
    if (piece.text.empty()) continue;
    const std::string escape = escape_of(piece.ink, selected_, theme);
    out += escape + piece.text + (escape.empty() ? "" : kPlainEscape);
  }
  return out;
}

}  // namespace phaseguard::console
