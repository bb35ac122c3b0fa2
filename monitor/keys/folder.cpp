#include "monitor/keys/folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <sstream>

#include "monitor/base/file.h"
#include "monitor/base/text.h"
#include "monitor/keys/private_file.h"

namespace phaseguard::keys {

namespace {

// Held while the list is read, changed and written.
class Lock {
 public:
  explicit Lock(const std::string& file)
      : fd_(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600)) {
    held_ = fd_ >= 0 && ::flock(fd_, LOCK_EX) == 0;
  }
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;
  ~Lock() {
    if (fd_ >= 0) ::close(fd_);
  }
  [[nodiscard]] bool held() const { return held_; }

 private:
  int fd_;
  bool held_ = false;
};

Result<void> check_folder(const std::string& path) {
  const std::string where = "key folder " + phaseguard::quoted(path) + ": ";
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) {
    return fail(errno == ENOENT ? Errc::kNotFound : Errc::kIo,
                where + std::strerror(errno) + "; `phaseguard keys new` makes one");
  }
  if (!S_ISDIR(info.st_mode)) return fail(Errc::kRefused, where + "expected a folder");
  if (info.st_uid != ::geteuid() || (info.st_mode & 0077) != 0) {
    return fail(Errc::kRefused, where + "expected a folder of user " + std::to_string(::geteuid()) +
                                    " of mode 0700: who can write there grants keys");
  }
  return {};
}

}  // namespace

Result<Pair> Folder::prepare() const {
  std::error_code fault;
  const bool made = std::filesystem::create_directories(path_, fault);
  if (made) ::chmod(path_.c_str(), S_IRWXU);
  if (fault)
    return fail(Errc::kIo,
                "key folder " + phaseguard::quoted(path_) + ": cannot be made: " + fault.message());
  if (auto own = check_folder(path_); !own) return tl::unexpected<Error>(own.error());
  if (::access(server_file().c_str(), F_OK) != 0) {
    auto pair = make_pair();
    if (!pair) return tl::unexpected<Error>(pair.error());
    auto written = create_private(server_file(),
                                  "# The daemon's own key. Who has this file can play the daemon.\n"
                                  "secret " +
                                      pair->secret_key + "\n");
    if (!written && written.error().code != Errc::kConflict)
      return tl::unexpected<Error>(written.error());
  }
  if (::access(ledger_file().c_str(), F_OK) != 0) {
    auto written = create_private(ledger_file(), Ledger().text());
    if (!written && written.error().code != Errc::kConflict)
      return tl::unexpected<Error>(written.error());
  }
  return server();
}

Result<Pair> Folder::server() const {
  if (auto own = check_folder(path_); !own) return tl::unexpected<Error>(own.error());
  auto text = read_private(server_file(), "the daemon's key");
  if (!text) return tl::unexpected<Error>(text.error());
  std::istringstream lines(*text);
  std::string line;
  Pair pair;
  while (std::getline(lines, line)) {
    if (line.rfind("secret ", 0) == 0) pair.secret_key = line.substr(7);
  }
  auto own = public_of(pair.secret_key);
  if (!own) return fail(Errc::kMalformed, server_file() + ": " + own.error().message);
  pair.public_key = std::move(*own);
  return pair;
}

Result<Ledger> Folder::ledger() const {
  auto text = read_private(ledger_file(), "list of keys");
  if (!text) return tl::unexpected<Error>(text.error());
  return Ledger::parse(*text, ledger_file());
}

Result<void> Folder::change(const std::function<Result<void>(Ledger&)>& change) const {
  const Lock lock(path_ + "/lock");
  if (!lock.held())
    return fail(Errc::kIo, "key folder " + phaseguard::quoted(path_) +
                               ": cannot be locked: " + std::strerror(errno));
  auto known = ledger();
  if (!known) return tl::unexpected<Error>(known.error());
  if (auto changed = change(*known); !changed) return changed;
  return write_file(ledger_file(), known->text());
}

std::string Folder::stamp() const {
  struct stat info {};
  if (::stat(ledger_file().c_str(), &info) != 0) return std::strerror(errno);
  return std::to_string(info.st_ino) + "." + std::to_string(info.st_size) + "." +
         std::to_string(info.st_mtim.tv_sec) + "." + std::to_string(info.st_mtim.tv_nsec);
}

}  // namespace phaseguard::keys
