// The trainer that is checked, or a part of an experiment of the lab, as a process of ours: started
// with the endpoint in its environment, ended with all that it started. Owned by one thread.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "monitor/base/result.h"

namespace phaseguard::check {

class Command {
 public:
  // `words`: program and arguments; {endpoint} in one stands for the endpoint, if there is one.
  // `runtime_dir`: becomes XDG_RUNTIME_DIR, where hooks look for a daemon; "": as it is. `log`: the
  // file that what the program prints is added to; "": it goes to standard error.
  [[nodiscard]] static Result<Command> start(std::vector<std::string> words,
                                             const std::string& endpoint,
                                             const std::string& runtime_dir,
                                             const std::string& log = "");
  Command(Command&& other) noexcept;
  Command& operator=(Command&&) = delete;
  ~Command();

  // How it ended, "exit code 0" or "signal 9"; nothing: it still runs. Does not wait.
  [[nodiscard]] std::optional<std::string> ended();
  // SIGTERM, or SIGKILL; to its children too.
  void signal(bool kill);

 private:
  explicit Command(pid_t pid) : pid_(pid) {}
  pid_t pid_ = 0;
  std::optional<std::string> ended_;
};

}  // namespace phaseguard::check
