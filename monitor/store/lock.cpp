#include "monitor/store/lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

namespace phaseguard::store {

namespace {

std::string said(int error) { return std::generic_category().message(error); }

// The name may have been removed by its last owner between our open and our lock.
bool still_named(int descriptor, const std::string& path) {
  struct stat ours {};
  struct stat named {};
  return ::fstat(descriptor, &ours) == 0 && ::stat(path.c_str(), &named) == 0 &&
         ours.st_ino == named.st_ino && ours.st_dev == named.st_dev;
}

}  // namespace

Result<WriterLock> WriterLock::take(const std::filesystem::path& run_file) {
  const std::string path = run_file.string() + "-lock";
  while (true) {
    const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (descriptor < 0) {
      return fail(Errc::kIo, path + ": cannot be opened: " + said(errno) +
                                 "; the folder must exist and be writable");
    }
    if (::flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
      const int error = errno;
      // A reader that looks for a writer shares the lock for a moment; a writer shares it with
      // nobody.
      const bool looked_at = error == EWOULDBLOCK && ::flock(descriptor, LOCK_SH | LOCK_NB) == 0;
      ::close(descriptor);
      if (error == EINTR || looked_at) continue;
      if (error == EWOULDBLOCK) {
        return fail(Errc::kConflict, run_file.string() +
                                         ": run file in use by another writer; stop the other "
                                         "phaseguardd or choose another folder");
      }
      return fail(Errc::kIo, path + ": cannot be locked: " + said(error));
    }
    if (!still_named(descriptor, path)) {
      ::close(descriptor);
      continue;
    }
    WriterLock out;
    out.descriptor_ = descriptor;
    out.path_ = path;
    return out;
  }
}

WriterLock::WriterLock(WriterLock&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)), path_(std::move(other.path_)) {}

WriterLock& WriterLock::operator=(WriterLock&& other) noexcept {
  if (this != &other) {
    release();
    descriptor_ = std::exchange(other.descriptor_, -1);
    path_ = std::move(other.path_);
  }
  return *this;
}

WriterLock::~WriterLock() { release(); }

void WriterLock::release() {
  if (descriptor_ < 0) return;
  ::unlink(path_.c_str());  // while locked, so that nobody loses a lock it has just taken
  ::close(descriptor_);
  descriptor_ = -1;
}

bool writer_lives(const std::filesystem::path& run_file) {
  const std::string path = run_file.string() + "-lock";
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (descriptor < 0) return errno == EACCES || errno == EPERM;  // another user's
  const bool held = ::flock(descriptor, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
  ::close(descriptor);
  return held;
}

}  // namespace phaseguard::store
