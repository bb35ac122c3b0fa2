// The directory of the ipc sockets and the lock beside each of them. Called by whoever binds,
// before it does. C++17-clean.
#pragma once

#include <string>

#include "monitor/base/result.h"
#include "monitor/link/endpoint.h"

namespace phaseguard::link {

// directory_for() with this process's environment and user.
[[nodiscard]] std::string default_directory();

// Makes `directory` (one level, mode 0700) when it is absent. kRefused when it is there but not a
// directory, is a symbolic link, belongs to another user, or lets the group or others in: whoever
// can write there can put a socket of his own in the daemon's place.
[[nodiscard]] Result<void> prepare_directory(const std::string& directory);

// Holds `<socket path>.lock` while it lives: libzmq lets a second bind steal an ipc path without a
// word. The lock goes with the process, however it ends. Movable.
class EndpointLock {
 public:
  // kConflict "in use by process N" when another one holds it. A tcp endpoint needs no lock: the
  // kernel refuses the second bind.
  [[nodiscard]] static Result<EndpointLock> take(const Endpoint& endpoint);

  EndpointLock() = default;
  EndpointLock(EndpointLock&& other) noexcept;
  EndpointLock& operator=(EndpointLock&& other) noexcept;
  ~EndpointLock();

 private:
  explicit EndpointLock(int fd) : fd_(fd) {}
  int fd_ = -1;
};

}  // namespace phaseguard::link
