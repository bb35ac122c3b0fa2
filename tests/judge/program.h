// Runs the real `phaseguard` and keeps what it printed and how it exited.
#pragma once

#include <sys/wait.h>

#include <algorithm>
#include <cstdlib>
#include <string>

#include "tests/judge/server.h"

namespace phaseguard::test {

struct Done {
  int code = -1;
  std::string out, err;
};

inline Done run_program(const std::string& program, const Scratch& scratch,
                        const std::string& words) {
  const std::string out = (scratch / "stdout").string(), err = (scratch / "stderr").string();
  const int status = std::system((program + " " + words + " >" + out + " 2>" + err).c_str());
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
