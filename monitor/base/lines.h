// The lines of a text that holds one thing a line (JSON Lines, tables), numbered from 1. Pure; any
// thread. C++17-clean.
#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string_view>

namespace phaseguard {

struct Line {
  std::size_t number = 0;
  std::string_view text;  // of the text that was given, without its end
};

// Lines that hold more than blanks. A byte-order mark is passed over.
class Lines {
 public:
  explicit Lines(std::string_view text) : rest_(text) {
    if (rest_.substr(0, 3) == "\xef\xbb\xbf") rest_.remove_prefix(3);
  }

  // None at the end.
  [[nodiscard]] std::optional<Line> next() {
    while (!rest_.empty()) {
      const std::size_t end = std::min(rest_.find('\n'), rest_.size());
      const std::string_view line = rest_.substr(0, end);
      rest_.remove_prefix(std::min(end + 1, rest_.size()));
      ++number_;
      if (line.find_first_not_of(" \t\r") != std::string_view::npos) return Line{number_, line};
    }
    return std::nullopt;
  }

 private:
  std::string_view rest_;
  std::size_t number_ = 0;
};

}  // namespace phaseguard
