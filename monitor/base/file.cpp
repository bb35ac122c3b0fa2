#include "monitor/base/file.h"

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <system_error>

namespace phaseguard {

namespace {

constexpr std::size_t kBlock = std::size_t{1} << 20;

bool is_folder(const std::filesystem::path& path) {
  std::error_code error;
  return std::filesystem::is_directory(path, error);
}

// errno in words; `hint` where a part of the name is not there.
std::string reason(const char* hint) {
  const bool absent = errno == ENOENT;
  return " (" + std::generic_category().message(errno) + ")" + (absent ? hint : "");
}

// "512 MiB", or the bytes where it is not whole MiB.
std::string size_text(std::uint64_t bytes) {
  constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;
  return bytes >= kMiB && bytes % kMiB == 0 ? std::to_string(bytes / kMiB) + " MiB"
                                            : std::to_string(bytes) + " bytes";
}

}  // namespace

Result<std::string> read_file(const std::filesystem::path& path, std::string_view expected,
                              std::uint64_t max_bytes) {
  const std::string name = path.string() + ": expected " + std::string(expected);
  if (is_folder(path)) return fail(Errc::kNotFound, name + ", found a folder");
  errno = 0;
  std::ifstream in(path, std::ios::binary);
  if (!in) return fail(Errc::kNotFound, name + ", cannot be read" + reason("; is the name right?"));
  std::string bytes;
  std::error_code unknown;  // the size of a pipe
  const std::uintmax_t size = std::filesystem::file_size(path, unknown);
  if (!unknown) bytes.reserve(static_cast<std::size_t>(std::min<std::uintmax_t>(size, max_bytes)));
  std::string block(kBlock, '\0');
  while (in.read(block.data(), kBlock) || in.gcount() > 0) {
    bytes.append(block, 0, static_cast<std::size_t>(in.gcount()));
    if (bytes.size() > max_bytes) {
      return fail(Errc::kLimit, name + " of at most " + size_text(max_bytes) +
                                    ", found more; is this the right file?");
    }
  }
  if (in.bad()) return fail(Errc::kIo, name + ", reading failed" + reason(""));
  return bytes;
}

Result<void> write_file(const std::filesystem::path& path, std::string_view bytes) {
  if (is_folder(path)) {
    return fail(Errc::kIo, path.string() + ": expected a file to write, found a folder");
  }
  errno = 0;
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out << bytes;
  out.close();
  if (out) return {};
  return fail(Errc::kIo,
              path.string() + ": cannot be written" + reason("; does its folder exist?"));
}

}  // namespace phaseguard
