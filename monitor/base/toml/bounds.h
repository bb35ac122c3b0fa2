// How deep and how long a TOML text may be before it is given to the parser: tables inside tables
// are built and taken down by recursion there, and a key of 200 000 parts would end the stack.
// Pure; any thread. C++17-clean.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace phaseguard {

inline constexpr std::size_t kMaxTomlParts = 16;       // of a dotted key or a table's header
inline constexpr std::size_t kMaxTomlDepth = 16;       // of arrays and inline tables
inline constexpr std::size_t kMaxTomlKeyBytes = 1024;  // with its dots and quotes

struct TomlExcess {
  std::size_t line = 0;    // from 1
  std::size_t column = 0;  // in bytes from 1
  std::string what;        // "expected at most 16 parts in a key, found more"
};

// The first place that is over a bound. Text that is not TOML has none: the parser has the better
// words for it.
[[nodiscard]] std::optional<TomlExcess> toml_excess(std::string_view toml);

}  // namespace phaseguard
