// A phaseguardd process with sockets and run files of its own, that a test can kill, freeze and
// start again.
#pragma once

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>

#include "tests/reporter/peer.h"
#include "tests/reporter/run_of_tests.h"

namespace phaseguard::reporter {

class RealDaemon {
 public:
  explicit RealDaemon(std::string program, const std::string& policy = kPolicy)
      : program_(std::move(program)) {
    root_ = directory_.path();
    std::filesystem::create_directories(root_ / "sockets");
    std::filesystem::permissions(root_ / "sockets", std::filesystem::perms::owner_all);
    std::ofstream(root_ / "policy.toml") << policy;
    start();
  }
  ~RealDaemon() { end(SIGKILL); }
  RealDaemon(const RealDaemon&) = delete;
  RealDaemon& operator=(const RealDaemon&) = delete;

  void start() {
    const std::string policy = root_ / "policy.toml";
    const std::string runs = root_ / "runs";
    const std::string sockets = root_ / "sockets";
    const std::string log = root_ / "log";
    pid_ = fork();
    if (pid_ != 0) return;
    if (!freopen(log.c_str(), "a", stderr)) _exit(126);
    execl(program_.c_str(), program_.c_str(), "--policy", policy.c_str(), "--runs-dir",
          runs.c_str(), "--endpoint-dir", sockets.c_str(), static_cast<char*>(nullptr));
    _exit(127);
  }
  void send_signal(int signal) const { kill(pid_, signal); }
  void end(int signal) {
    if (pid_ <= 0) return;
    kill(pid_, signal);
    waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }
  [[nodiscard]] Options options() const {
    Options options = test_options();
    options.endpoint = "ipc://" + (root_ / "sockets" / "telemetry").string();
    options.on_start = OnStart::kRefuse;
    options.start_wait_s = 30.0;
    return options;
  }

 private:
  std::string program_;
  TestDirectory directory_;
  std::filesystem::path root_;
  pid_t pid_ = 0;
};

}  // namespace phaseguard::reporter
