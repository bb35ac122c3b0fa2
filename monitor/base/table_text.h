// Numbers and words as a reader sees them in a table or a line: short and aligned. Text of
// others is made safe by plain() (printable.h), a number that is read back is written by
// number_text() (text.h). Pure; any thread. C++17-clean.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace phaseguard {

// `digits` significant digits: "0.307", "1.2e-05". "-" for NaN; `infinite` for infinity, and "-inf"
// for the negative one.
[[nodiscard]] std::string short_number(double value, int digits = 4,
                                       std::string_view infinite = "inf");

// "12.3 %" of a share of 1.
[[nodiscard]] std::string percent(double share);

// "1 run", "2 runs"; `things` where an s does not do: "2 policies".
[[nodiscard]] std::string counted(std::int64_t n, std::string_view thing,
                                  std::string_view things = "");

// `text` and blanks up to `width` characters (UTF-8), at least `gap` of them.
[[nodiscard]] std::string padded(std::string_view text, std::size_t width, std::size_t gap = 1);

// `text` behind blanks, `width` characters in all or more.
[[nodiscard]] std::string right_aligned(std::string_view text, std::size_t width);

// The parts with `between` between them.
[[nodiscard]] std::string joined(const std::vector<std::string>& parts,
                                 std::string_view between = ", ");

}  // namespace phaseguard
