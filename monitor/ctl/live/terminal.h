// The terminal as `phaseguard watch` uses it: alternate screen, keys as they are pressed, and
// everything as it was before when it ends, also by a signal. One at a time; its thread owns it.
#pragma once

#include <string>
#include <vector>

#include "monitor/base/result.h"
#include "monitor/ctl/console/screen.h"

namespace phaseguard::ctl {

[[nodiscard]] console::Environment environment_of_process();

// Of the terminal behind standard output; 80x24 where there is none.
[[nodiscard]] console::Size terminal_size();

// Onto standard output: with colours on a terminal, elsewhere as plain text.
void print_rows(const std::vector<console::Row>& rows, console::Size size,
                const console::Theme& theme);

class Terminal {
 public:
  // Error kIo: standard input or output is no terminal.
  [[nodiscard]] static Result<Terminal> open();
  Terminal(Terminal&& other) noexcept;
  Terminal& operator=(Terminal&&) = delete;
  ~Terminal();

  // Returns when a key, a signal or a wake() has come, or the time is up.
  void wait(int timeout_ms);
  // From any thread: ends a wait().
  static void wake();
  // Bytes that were typed since the last call.
  [[nodiscard]] std::string typed();
  [[nodiscard]] bool is_ended() const;  // by SIGINT, SIGTERM, SIGHUP, or the terminal is gone
  // Writes the rows that are not on the screen yet.
  void draw(const std::vector<console::Row>& rows, console::Size size, const console::Theme& theme);

 private:
  Terminal() = default;
  bool owns_ = false;
  bool gone_ = false;
  std::vector<std::string> shown_;
  console::Size size_{0, 0};
};

}  // namespace phaseguard::ctl
