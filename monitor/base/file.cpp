#include "monitor/base/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

namespace phaseguard {

namespace {

constexpr std::size_t kBlock = std::size_t{1} << 20;

class Descriptor {
 public:
  // O_NONBLOCK: to open a pipe would wait for its other end, which may never come.
  Descriptor(const std::filesystem::path& path, int flags)
      : number_(::open(path.c_str(), flags | O_NONBLOCK | O_CLOEXEC, 0666)) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() { (void)close(); }

  [[nodiscard]] int number() const { return number_; }
  [[nodiscard]] bool valid() const { return number_ >= 0; }
  [[nodiscard]] bool close() { return number_ < 0 || ::close(std::exchange(number_, -1)) == 0; }

 private:
  int number_;
};

// What lies there where it is no file; "": a file.
std::string_view other_than_a_file(mode_t mode) {
  if (S_ISREG(mode)) return "";
  if (S_ISDIR(mode)) return "a folder";
  if (S_ISFIFO(mode)) return "a pipe";
  if (S_ISSOCK(mode)) return "a socket";
  return "a device";
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

// The bytes read, 0 at the end, -1 with errno.
ssize_t read_block(int descriptor, std::string& block) {
  ssize_t n = -1;
  do n = ::read(descriptor, block.data(), block.size());
  while (n < 0 && errno == EINTR);
  return n;
}

bool write_all(int descriptor, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(descriptor, bytes.data(), bytes.size());
    if (n < 0 && errno != EINTR) return false;
    if (n > 0) bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

tl::unexpected<Error> cannot_write(const std::filesystem::path& path) {
  return fail(Errc::kIo,
              path.string() + ": cannot be written" + reason("; does its folder exist?"));
}

// A new file beside it, then in its place, with the mode that it had (0: as new files have).
// Nothing: the folder takes no new file, so that only the old one can be written to.
std::optional<Result<void>> replace_file(const std::filesystem::path& path, std::string_view bytes,
                                         mode_t mode) {
  const std::filesystem::path beside = path.string() + ".tmp" + std::to_string(::getpid());
  errno = 0;
  Descriptor file(beside, O_WRONLY | O_CREAT | O_TRUNC);
  if (!file.valid()) return std::nullopt;
  const bool whole = write_all(file.number(), bytes) &&
                     (mode == 0 || ::fchmod(file.number(), mode & 07777) == 0) &&
                     ::fsync(file.number()) == 0 && file.close() &&
                     ::rename(beside.c_str(), path.c_str()) == 0;
  if (whole) return Result<void>();
  const Error why = cannot_write(path).value();
  ::unlink(beside.c_str());
  return Result<void>(tl::unexpected(why));
}

// Writing itself may wait for whoever reads.
void let_it_wait(int descriptor) {
  ::fcntl(descriptor, F_SETFL, ::fcntl(descriptor, F_GETFL) & ~O_NONBLOCK);
}

}  // namespace

Result<std::string> read_file(const std::filesystem::path& path, std::string_view expected,
                              std::uint64_t max_bytes) {
  const std::string name = path.string() + ": expected " + std::string(expected);
  struct stat found {};
  errno = 0;
  // Before it is opened: to open a device can be an act of its own (a tape rewinds).
  if (::stat(path.c_str(), &found) != 0) {
    return fail(Errc::kNotFound, name + ", cannot be read" + reason("; is the name right?"));
  }
  if (const auto other = other_than_a_file(found.st_mode); !other.empty()) {
    return fail(Errc::kNotFound, name + ", found " + std::string(other));
  }
  const Descriptor file(path, O_RDONLY);
  if (!file.valid()) return fail(Errc::kNotFound, name + ", cannot be read" + reason(""));
  const auto size = static_cast<std::uint64_t>(found.st_size);
  std::string bytes, block(std::clamp<std::uint64_t>(size + 1, 4096, kBlock), '\0');
  bytes.reserve(std::min(size, max_bytes));
  ssize_t n = 0;
  while ((n = read_block(file.number(), block)) > 0) {
    bytes.append(block, 0, static_cast<std::size_t>(n));
    if (bytes.size() > max_bytes) {
      return fail(Errc::kLimit, name + " of at most " + size_text(max_bytes) +
                                    ", found more; is this the right file?");
    }
  }
  if (n < 0) return fail(Errc::kIo, name + ", reading failed" + reason(""));
  return bytes;
}

Result<void> check_output(const std::filesystem::path& path) {
  if (path.empty()) return fail(Errc::kIo, "expected a file to write, found an empty name");
  struct stat found {};
  if (::stat(path.c_str(), &found) != 0) {
    const auto folder = path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
    if (::access(folder.c_str(), W_OK | X_OK) == 0) return {};
    return cannot_write(path);
  }
  if (S_ISDIR(found.st_mode)) {
    return fail(Errc::kIo, path.string() + ": expected a file to write, found a folder");
  }
  if (S_ISREG(found.st_mode) && ::access(path.c_str(), W_OK) != 0) return cannot_write(path);
  if (S_ISREG(found.st_mode) || Descriptor(path, O_WRONLY).valid() || errno != ENXIO) return {};
  return fail(Errc::kIo, path.string() + ": expected a file to write, found " +
                             std::string(other_than_a_file(found.st_mode)) + " that nobody reads");
}

Result<void> write_file(const std::filesystem::path& path, std::string_view bytes) {
  if (auto taken = check_output(path); !taken) return taken;
  struct stat found {};
  const bool there = ::lstat(path.c_str(), &found) == 0;
  if (!there || S_ISREG(found.st_mode)) {
    if (const auto done = replace_file(path, bytes, there ? found.st_mode : 0)) return *done;
  }
  errno = 0;
  Descriptor file(path, O_WRONLY | O_CREAT | O_TRUNC);
  if (file.valid()) let_it_wait(file.number());
  if (file.valid() && write_all(file.number(), bytes) && file.close()) return {};
  return cannot_write(path);
}

Result<std::vector<std::string>> files_named(const std::vector<std::string>& named,
                                             std::string_view extension, std::string_view what) {
  std::vector<std::string> out;
  for (const std::string& name : named) {
    std::error_code error;
    if (!std::filesystem::is_directory(name, error)) {
      out.push_back(name);
      continue;
    }
    std::vector<std::string> inside;
    for (const auto& entry : std::filesystem::directory_iterator(name, error)) {
      if (entry.path().extension() == extension) inside.push_back(entry.path().string());
    }
    if (error) return fail(Errc::kIo, name + ": " + error.message());
    if (inside.empty()) {
      return fail(Errc::kNotFound, name + ": expected " + std::string(what) + " (*" +
                                       std::string(extension) + ") in this folder, found none");
    }
    std::sort(inside.begin(), inside.end());
    out.insert(out.end(), inside.begin(), inside.end());
  }
  return out;
}

Result<std::filesystem::path> find_asset(const std::filesystem::path& wanted) {
  namespace fs = std::filesystem;
  std::vector<fs::path> candidates;
  if (const char* assets = std::getenv("PHASEGUARD_ASSETS")) candidates.push_back(assets / wanted);
  std::error_code ignored;
  for (fs::path at :
       {fs::current_path(ignored), fs::read_symlink("/proc/self/exe", ignored).parent_path()}) {
    for (; !at.empty(); at = at.parent_path()) {
      candidates.push_back(at / "assets" / wanted);
      candidates.push_back(at / "share" / "phaseguard" / wanted);
      if (at == at.root_path()) break;
    }
  }
  for (const fs::path& candidate : candidates) {
    if (fs::exists(candidate, ignored)) return candidate;
  }
  return fail(Errc::kNotFound, "expected assets/" + wanted.string() +
                                   " in $PHASEGUARD_ASSETS, above the present folder or above the "
                                   "program, found none");
}

}  // namespace phaseguard
