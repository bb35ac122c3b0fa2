// One row of a terminal, made of pieces of text of one ink each and measured in columns: a wide
// character takes two, a combining one none. Whatever text comes in, a row prints as one line of
// just the columns that it is given. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "monitor/ctl/console/theme.h"

namespace phaseguard::console {

// Columns of printable text.
[[nodiscard]] int columns_of(std::string_view text);

// Its first characters that fit, with a mark behind what was cut.
[[nodiscard]] std::string cut(std::string_view text, int columns, bool utf8);

// At blanks, into lines of so many columns; a word that is longer stands alone. At least one line.
[[nodiscard]] std::vector<std::string> wrapped(const std::string& text, int columns);

class Row {
 public:
  explicit Row(bool utf8) : utf8_(utf8) {}

  // Text of anybody: made printable, and ASCII where the terminal shows no more.
  Row& add(std::string_view text, Ink ink = Ink::kText);
  // The same, cut or filled to so many columns, and with a blank behind it.
  Row& cell(std::string_view text, int columns, Ink ink = Ink::kText);
  Row& number(std::string_view text, int columns, Ink ink = Ink::kText);  // to the right
  // Blanks up to this column, and never beyond it: what reaches further is cut.
  Row& fill_to(int column);
  // `text` at the end of `width` columns, where there is room for it.
  Row& right(std::string_view text, int width, Ink ink = Ink::kDim);
  Row& append(const Row& other);
  Row& select() {
    selected_ = true;
    return *this;
  }

  [[nodiscard]] int columns() const { return columns_; }
  [[nodiscard]] std::string plain() const;  // without blanks at the end
  // With escape codes, `width` columns and the terminal's plain state behind it.
  [[nodiscard]] std::string escaped(int width, const Theme& theme) const;

 private:
  struct Piece {
    std::string text;
    Ink ink;
  };
  [[nodiscard]] std::string shown(std::string_view text) const;

  bool utf8_;
  bool selected_ = false;
  int columns_ = 0;
  std::vector<Piece> pieces_;
};

}  // namespace phaseguard::console
