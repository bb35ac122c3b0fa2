// phaseguardd as the experiment runs it: the program beside this one, with a folder and sockets of
// its own and each policy for the runs named after it. Owned by one thread.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "monitor/base/result.h"
#include "monitor/check/command.h"
#include "trainer-hook/lab/reproduce/engine_host.h"

namespace phaseguard::lab::reproduce {

class DaemonProcess {
 public:
  // policies: files, each for the runs "<file name>--*". Run files and the log go into `folder`.
  // Errors: no daemon beside this program, one that ends at once.
  [[nodiscard]] static Result<DaemonProcess> start(
      const std::filesystem::path& folder, const std::vector<std::filesystem::path>& policies);

  [[nodiscard]] const std::string& endpoint() const { return endpoint_; }
  // How it ended; nothing: it runs.
  [[nodiscard]] std::optional<std::string> ended() { return command_.ended(); }
  // SIGTERM, and waits for the end, so that all is on disk.
  void stop();

 private:
  DaemonProcess(SocketFolder sockets, check::Command command, std::string endpoint)
      : sockets_(std::move(sockets)),
        command_(std::move(command)),
        endpoint_(std::move(endpoint)) {}

  SocketFolder sockets_;
  check::Command command_;
  std::string endpoint_;
};

}  // namespace phaseguard::lab::reproduce
