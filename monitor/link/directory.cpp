#include "monitor/link/directory.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "monitor/base/text.h"

namespace phaseguard::link {

namespace {

std::string octal(mode_t mode) {
  std::string digits;
  for (int shift = 9; shift >= 0; shift -= 3)
    digits += static_cast<char>('0' + ((mode >> shift) & 7));
  return digits;
}

std::string holder_of(int fd) {
  std::array<char, 32> text{};
  const ssize_t n = ::pread(fd, text.data(), text.size() - 1, 0);
  std::string holder(text.data(), n > 0 ? static_cast<std::size_t>(n) : 0);
  while (!holder.empty() && holder.back() == '\n') holder.pop_back();
  return holder.empty() ? "another process" : "process " + holder;
}

}  // namespace

std::string default_directory() {
  const char* runtime = std::getenv("XDG_RUNTIME_DIR");
  return directory_for(runtime == nullptr ? "" : runtime, ::getuid());
}

Result<void> prepare_directory(const std::string& directory) {
  const std::string where = "socket directory " + quoted(directory) + ": ";
  if (::mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST)
    return fail(Errc::kIo, where + "cannot be made: " + std::strerror(errno));
  struct stat info {};
  if (::lstat(directory.c_str(), &info) != 0)
    return fail(Errc::kIo, where + "cannot be read: " + std::strerror(errno));
  if (!S_ISDIR(info.st_mode))
    return fail(Errc::kRefused, where + "expected a directory, found " +
                                    (S_ISLNK(info.st_mode) ? "a symbolic link" : "a file") +
                                    "; remove it or choose another directory");
  if (info.st_uid != ::geteuid())
    return fail(Errc::kRefused, where + "expected it to belong to user " +
                                    std::to_string(::geteuid()) + ", found user " +
                                    std::to_string(info.st_uid) + "; choose another directory");
  if ((info.st_mode & 0077) != 0)
    return fail(Errc::kRefused, where + "expected mode 0700, found " + octal(info.st_mode & 07777) +
                                    "; others could take the daemon's place there: chmod 700 it");
  return {};
}

Result<EndpointLock> EndpointLock::take(const Endpoint& endpoint) {
  if (endpoint.transport == Endpoint::Transport::kTcp) return EndpointLock();
  const std::string path = endpoint.path + ".lock";
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0)
    return fail(Errc::kIo, "lock " + quoted(path) + ": cannot be opened: " + std::strerror(errno));
  EndpointLock lock(fd);
  if (::flock(fd, LOCK_EX | LOCK_NB) != 0)
    return fail(Errc::kConflict, "endpoint " + quoted(endpoint.text()) + ": in use by " +
                                     holder_of(fd) +
                                     "; stop it or give this daemon another directory");
  // For the message above only: the lock itself is the kernel's, so a stale number does no harm.
  const std::string pid = std::to_string(::getpid()) + "\n";
  if (::ftruncate(fd, 0) != 0 || ::pwrite(fd, pid.data(), pid.size(), 0) < 0)
    return fail(Errc::kIo, "lock " + quoted(path) + ": cannot be written: " + std::strerror(errno));
  return lock;
}

EndpointLock::EndpointLock(EndpointLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

EndpointLock& EndpointLock::operator=(EndpointLock&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

EndpointLock::~EndpointLock() {
  if (fd_ >= 0) ::close(fd_);
}

}  // namespace phaseguard::link
