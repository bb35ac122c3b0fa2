#include "monitor/base/output.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <iostream>

namespace phaseguard {

int exit_code_of(int code, const char* program) {
  errno = 0;
  std::cout.flush();
  const bool whole = std::fflush(stdout) == 0 && std::ferror(stdout) == 0 && std::cout.good();
  if (whole) return code;
  const char* reason = errno != 0 ? std::strerror(errno) : "an earlier write failed";
  std::fprintf(stderr, "%s: the output could not be written: %s\n", program, reason);
  return 1;
}

}  // namespace phaseguard
