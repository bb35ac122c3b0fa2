#include "monitor/keys/private_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "monitor/base/text.h"

namespace phaseguard::keys {

namespace {

constexpr std::size_t kMostBytes = std::size_t{1} << 20;

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  [[nodiscard]] int get() const { return fd_; }

 private:
  int fd_;
};

Result<void> check_owner(int fd, const std::string& where) {
  struct stat info {};
  if (::fstat(fd, &info) != 0)
    return fail(Errc::kIo, where + "cannot be read: " + std::strerror(errno));
  if (!S_ISREG(info.st_mode)) return fail(Errc::kRefused, where + "expected a plain file");
  if (info.st_uid != ::geteuid()) {
    return fail(Errc::kRefused, where + "expected it to belong to user " +
                                    std::to_string(::geteuid()) + ", found user " +
                                    std::to_string(info.st_uid));
  }
  if ((info.st_mode & 0077) != 0) {
    return fail(Errc::kRefused, where +
                                    "expected that its user alone can read it; others have rights "
                                    "to it: chmod 600 it, and revoke what it held if they may have "
                                    "read it");
  }
  return {};
}

}  // namespace

Result<std::string> read_private(const std::string& path, std::string_view what) {
  const std::string where = std::string(what) + " " + phaseguard::quoted(path) + ": ";
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.get() < 0) {
    return fail(errno == ENOENT ? Errc::kNotFound : Errc::kIo,
                where + "cannot be read: " + std::strerror(errno));
  }
  if (auto own = check_owner(file.get(), where); !own) return tl::unexpected<Error>(own.error());
  std::string text;
  std::array<char, 4096> block{};
  ssize_t n = 0;
  while ((n = ::read(file.get(), block.data(), block.size())) > 0) {
    text.append(block.data(), static_cast<std::size_t>(n));
    if (text.size() > kMostBytes) return fail(Errc::kLimit, where + "expected at most 1 MiB");
  }
  if (n < 0) return fail(Errc::kIo, where + "cannot be read: " + std::strerror(errno));
  return text;
}

Result<void> create_private(const std::string& path, std::string_view bytes) {
  const std::string where = phaseguard::quoted(path) + ": ";
  const Descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (file.get() < 0 && errno == EEXIST)
    return fail(Errc::kConflict, where + "is there already, and is not overwritten");
  if (file.get() < 0) return fail(Errc::kIo, where + "cannot be made: " + std::strerror(errno));
  const ssize_t n = ::write(file.get(), bytes.data(), bytes.size());
  if (n == static_cast<ssize_t>(bytes.size()) && ::fsync(file.get()) == 0) return {};
  const std::string why = n < 0 ? std::strerror(errno) : "the disk took only a part of it";
  ::unlink(path.c_str());
  return fail(Errc::kIo, where + "cannot be written: " + why);
}

}  // namespace phaseguard::keys
