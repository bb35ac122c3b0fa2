// Runs a real program and keeps what it printed and how it exited.
#pragma once

#include <sys/wait.h>

#include <algorithm>
#include <cstdlib>
#include <string>

#include "tests/support/catch.h"
#include "tests/support/folder.h"

namespace phaseguard::test {

struct Done {
  int code = -1;  // -1: ended by a signal
  std::string out, err;
  [[nodiscard]] std::string text() const { return out + err; }
};

// `command` as a shell reads it.
inline Done run_program(const std::string& command) {
  const Folder folder;
  const std::string out = folder / "stdout", err = folder / "stderr";
  const int status = std::system((command + " >" + out + " 2>" + err).c_str());
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, read_file(out), read_file(err)};
}

// Exit code, one line on stderr, and a word in it.
inline void require_one_line(const Done& done, int code, const std::string& word) {
  INFO(done.out << done.err);
  CHECK(done.code == code);
  CHECK_THAT(done.err, Catch::Contains(word));
  CHECK(std::count(done.err.begin(), done.err.end(), '\n') == 1);
}

}  // namespace phaseguard::test
