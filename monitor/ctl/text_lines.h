// Small line-based files (policy tests, declarations, criteria, labels) as lines and words. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace phaseguard::ctl {

struct TextLine {
  int number = 0;         // from 1
  std::string_view text;  // trimmed, not empty, without comment
};

// Lines that say something. A # outside double quotes begins a comment when it stands at the start
// of a line or after a blank.
[[nodiscard]] std::vector<TextLine> lines_of(std::string_view text);

[[nodiscard]] std::string_view trimmed(std::string_view text);

// Parts between blanks; "a b" in double quotes is one part, without the quotes. An open quote runs
// to the end.
[[nodiscard]] std::vector<std::string> words_of(std::string_view line);

// The whole text as a number; none when it is not one. parse_number takes nan, inf and -inf too.
[[nodiscard]] std::optional<std::int64_t> parse_integer(std::string_view text);
[[nodiscard]] std::optional<double> parse_number(std::string_view text);

}  // namespace phaseguard::ctl
