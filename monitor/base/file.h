// Whole files, read and written. Errors name the file, say what was expected and why it failed. Any
// thread. C++17-clean.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "monitor/base/result.h"

namespace phaseguard {

inline constexpr std::uint64_t kMaxTextBytes = std::uint64_t{512} * 1024 * 1024;

// All bytes of a file or a pipe. `expected` says what it should be: "a canary set". Errors:
// kNotFound, a folder or not readable; kLimit, larger than `max_bytes`; kIo.
[[nodiscard]] Result<std::string> read_file(const std::filesystem::path& path,
                                            std::string_view expected = "a file",
                                            std::uint64_t max_bytes = kMaxTextBytes);

// In place of what it held. Errors: kIo.
[[nodiscard]] Result<void> write_file(const std::filesystem::path& path, std::string_view bytes);

}  // namespace phaseguard
