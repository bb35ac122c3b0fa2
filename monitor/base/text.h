// Text that came from outside, made safe for logs, terminals and messages. C++17-clean, pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace phaseguard {

// `text` in double quotes, what is not printable escaped (printable.h), and quotes and backslashes
// too, so that it can be read back; cut to `max_bytes` with "..." between two characters.
[[nodiscard]] std::string quoted(std::string_view text, std::size_t max_bytes = 200);

// The candidate nearest to `word` by edit distance, or "" when none is near enough to be a likely
// slip of the pen.
[[nodiscard]] std::string nearest(std::string_view word,
                                  const std::vector<std::string>& candidates);

// Offset of the first byte that is not well-formed UTF-8 (no surrogates, no overlong forms), or
// text.size().
[[nodiscard]] std::size_t first_bad_utf8(std::string_view text);

// Shortest decimal text that reads back as the same double; "NaN", "Infinity", "-Infinity" for the
// others.
[[nodiscard]] std::string number_text(double value);

}  // namespace phaseguard
