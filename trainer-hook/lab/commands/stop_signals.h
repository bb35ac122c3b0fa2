// SIGINT and SIGTERM as a flag that long work looks at.
#pragma once

#include <atomic>
#include <csignal>
#include <initializer_list>

namespace phaseguard::lab {

// While it lives both signals raise the flag; a second one ends the program at once, as the first
// does elsewhere. One at a time; main thread.
class StopSignals {
 public:
  StopSignals() {
    flag_.store(false);
    struct sigaction action {};
    action.sa_handler = [](int) { flag_.store(true); };
    action.sa_flags = static_cast<int>(SA_RESETHAND);
    for (const int number : {SIGINT, SIGTERM}) sigaction(number, &action, nullptr);
  }
  ~StopSignals() {
    for (const int number : {SIGINT, SIGTERM}) std::signal(number, SIG_DFL);
  }
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

  [[nodiscard]] const std::atomic<bool>& flag() const { return flag_; }

 private:
  static_assert(std::atomic<bool>::is_always_lock_free, "written by a signal handler");
  static inline std::atomic<bool> flag_{false};
};

}  // namespace phaseguard::lab
