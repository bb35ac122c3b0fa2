// Who decides for a cell under a policy: the daemon's engine on a thread of this process, behind
// sockets of its own, so that the hook is linked as to a daemon; nothing is written to a disk.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "monitor/base/result.h"
#include "monitor/policy/document.h"
#include "monitor/wire/messages.h"

namespace phaseguard::lab::reproduce {

// A folder for sockets, whose paths may not be long; gone with us. One owner.
class SocketFolder {
 public:
  [[nodiscard]] static Result<SocketFolder> make();
  SocketFolder(SocketFolder&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  SocketFolder& operator=(SocketFolder&&) = delete;
  ~SocketFolder();
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  explicit SocketFolder(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

class EngineHost {
 public:
  // Errors: sockets that cannot be bound.
  [[nodiscard]] static Result<std::unique_ptr<EngineHost>> start(policy::Document policy);
  EngineHost(const EngineHost&) = delete;
  EngineHost& operator=(const EngineHost&) = delete;
  ~EngineHost();

  [[nodiscard]] const std::string& endpoint() const { return endpoint_; }
  // Ends the thread; what the engine recorded, in order.
  [[nodiscard]] std::vector<wire::Message> stop();

 private:
  explicit EngineHost(SocketFolder folder) : folder_(std::move(folder)) {}

  SocketFolder folder_;
  std::string endpoint_;
  std::vector<wire::Message> recorded_;  // the thread's, until it is joined
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

}  // namespace phaseguard::lab::reproduce
