// Whether a process still runs, seen by another one on the same machine.
#include "monitor/base/process.h"

#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <string>

#include "tests/support/catch.h"

using namespace phaseguard;

namespace {

// A child that waits to be killed, and what it says it is.
struct Child {
  pid_t pid = -1;
  std::string name;

  Child() {
    std::array<int, 2> ends{};
    REQUIRE(pipe(ends.data()) == 0);
    pid = fork();
    if (pid == 0) {
      const std::string own = own_process();
      const auto n = write(ends[1], own.data(), own.size());
      (void)n;
      close(ends[1]);
      pause();
      _exit(0);
    }
    close(ends[1]);
    std::array<char, 256> text{};
    const ssize_t n = read(ends[0], text.data(), text.size());
    REQUIRE(n > 0);
    name.assign(text.data(), static_cast<std::size_t>(n));
    close(ends[0]);
  }
  void kill_it() const {
    kill(pid, SIGKILL);
    siginfo_t info{};
    waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOWAIT);
  }
  void reap() const { waitpid(pid, nullptr, 0); }
};

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  text.replace(text.rfind(from), from.size(), to);
  return text;
}

}  // namespace

TEST_CASE("a process is known dead once it was killed, reaped or not", "[base][process]") {
  const Child child;
  CHECK_FALSE(is_known_dead(child.name));
  child.kill_it();
  CHECK(is_known_dead(child.name));  // a zombie
  child.reap();
  CHECK(is_known_dead(child.name));
}

TEST_CASE("a later process of the same id is another one", "[base][process]") {
  const std::string own = own_process();
  REQUIRE_FALSE(own.empty());
  CHECK_FALSE(is_known_dead(own));
  const std::string start = own.substr(own.rfind(' ') + 1);
  CHECK(is_known_dead(replaced(own, start, "1" + start)));
}

TEST_CASE("nothing is known of a process of another boot, of another namespace, or of none",
          "[base][process]") {
  const std::string own = own_process();
  const std::string dead = " 4194399 1";
  CHECK_FALSE(is_known_dead(""));
  CHECK_FALSE(is_known_dead("0d5e5b0e-6c5c-4a55-9d9b-1f2e3d4c5b6a pid:[4026531836]" + dead));
  CHECK_FALSE(is_known_dead(own.substr(0, own.find(' ')) + " pid:[1]" + dead));
  CHECK_FALSE(is_known_dead(own.substr(0, own.find(' '))));
  const std::string here = own.substr(0, own.find(' ', own.find(' ') + 1));
  CHECK_FALSE(is_known_dead(here));
  CHECK_FALSE(is_known_dead(here + " ../../etc 1"));
  CHECK(is_known_dead(here + dead));
}

TEST_CASE("the user is the system's, not the environment's", "[process]") {
  const std::string user = own_user();
  CHECK_FALSE(user.empty());
  const char* before = std::getenv("USER");
  const std::string kept = before == nullptr ? "" : before;
  setenv("USER", "somebody-else", 1);
  CHECK(own_user() == user);
  if (before == nullptr) {
    unsetenv("USER");
  } else {
    setenv("USER", kept.c_str(), 1);
  }
}
