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

// All bytes of a file. `expected` says what it should be: "a canary set". Errors: kNotFound, not
// there, not readable, or no file: a folder, a pipe or a device, which is never waited for; kLimit,
// larger than `max_bytes`; kIo.
[[nodiscard]] Result<std::string> read_file(const std::filesystem::path& path,
                                            std::string_view expected = "a file",
                                            std::uint64_t max_bytes = kMaxTextBytes);

// In place of what it held, whole or not at all: a full disk leaves what was there. A link, a
// device and a pipe that somebody reads are written to. Errors: kIo, also for a pipe that nobody
// reads.
[[nodiscard]] Result<void> write_file(const std::filesystem::path& path, std::string_view bytes);

// Whether output can go there, asked before the work that makes it. Errors kIo: no name, a folder,
// no such folder around it, no permission, or a pipe that nobody reads, which would be waited for.
[[nodiscard]] Result<void> check_output(const std::filesystem::path& path);

// Files as they are; a folder gives those in it with this extension, by name. Errors: a folder that
// has none, with `what` they would be.
[[nodiscard]] Result<std::vector<std::string>> files_named(const std::vector<std::string>& named,
                                                           std::string_view extension,
                                                           std::string_view what);

// A file or folder that ships with the programs, such as "policies": in $PHASEGUARD_ASSETS, in
// assets/ or share/phaseguard/ of the present folder or one above it, then of the program's own.
// Error kNotFound: none of them has it.
[[nodiscard]] Result<std::filesystem::path> find_asset(const std::filesystem::path& wanted);

}  // namespace phaseguard
