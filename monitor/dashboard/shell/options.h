// The command line of phaseguard-dashboard.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "monitor/contexts/contexts.h"

namespace phaseguard::dashboard {

// Of a window: smaller ones hide what an operator must see.
inline constexpr int kLeastWidth = 1280;
inline constexpr int kLeastHeight = 720;

struct Options {
  std::string file;                       // run file or directory of them; "": a live daemon
  std::vector<contexts::Daemon> daemons;  // live: at least one
  std::string run;                        // which run to show; "": the newest at the start
  std::string operator_name;              // for the record; "": the user
  std::string screenshot;                 // PNG to write, without a display; "": a window
  int width = 1600;
  int height = 1000;
  float scale = 0.0F;                 // 0: what the screen asks for
  std::string theme;                  // "": as the layout has it
  std::string text;                   // size; "": as the layout has it
  std::string layout;                 // name or file; "": of the last window, a picture's: none
  std::int64_t evidence = 0;          // decision whose evidence is shown; 0: none
  std::vector<std::string> policies;  // that may be tried; none: those that ship
  std::string what_if;                // of them, compared at the start; "": none
  std::int64_t at_step = -1;          // the moment that is shown; -1: the present
  double wait_s = 10.0;               // screenshot of a live daemon: longest wait for data
  bool cache = true;                  // views of long records are kept, and taken
  std::uint64_t memory = 0;           // bytes of points in memory; 0: no bound
  double exit_after_s = 0.0;          // 0: until the window is closed
};

// Fills `options`. A value ends the program with that exit code: 0 after --help and --version, 2
// for arguments that do not fit, with the reason on standard error.
[[nodiscard]] std::optional<int> parse_options(int argc, char** argv, Options& options);

}  // namespace phaseguard::dashboard
