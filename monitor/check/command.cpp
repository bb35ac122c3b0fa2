#include "monitor/check/command.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

#include "monitor/base/text.h"

namespace phaseguard::check {

namespace {

constexpr const char* kEndpoint = "{endpoint}";

std::string filled_in(std::string word, const std::string& endpoint) {
  for (std::size_t at = word.find(kEndpoint); at != std::string::npos; at = word.find(kEndpoint))
    word.replace(at, std::strlen(kEndpoint), endpoint);
  return word;
}

// The environment of this process, with these in place of its own.
std::vector<std::string> environment_with(const std::vector<std::string>& own) {
  std::vector<std::string> out = own;
  for (char** one = environ; *one != nullptr; ++one) {
    const std::string entry = *one;
    const auto is_same = [&](const std::string& mine) {
      return entry.rfind(mine.substr(0, mine.find('=') + 1), 0) == 0;
    };
    if (std::none_of(own.begin(), own.end(), is_same)) out.push_back(entry);
  }
  return out;
}

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
  std::vector<char*> out;
  for (std::string& text : texts) out.push_back(text.data());
  out.push_back(nullptr);
  return out;
}

// In the child, between fork and exec: nothing that allocates.
[[noreturn]] void become(char* const* words, char* const* environment, int output, int failed) {
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  ::dup2(output, STDOUT_FILENO);
  ::dup2(output, STDERR_FILENO);
  ::execvpe(words[0], words, environment);
  const int why = errno;
  (void)!::write(failed, &why, sizeof why);
  ::_exit(127);
}

}  // namespace

Result<Command> Command::start(std::vector<std::string> words, const std::string& endpoint,
                               const std::string& runtime_dir, const std::string& log) {
  std::vector<std::string> own;
  if (!endpoint.empty()) {
    for (std::string& word : words) word = filled_in(std::move(word), endpoint);
    own.push_back("PHASEGUARD_TELEMETRY=" + endpoint);
  }
  if (!runtime_dir.empty()) own.push_back("XDG_RUNTIME_DIR=" + runtime_dir);
  std::vector<std::string> environment = environment_with(own);
  const std::vector<char*> arguments = pointers_to(words), variables = pointers_to(environment);
  const int output = log.empty()
                         ? ::dup(STDERR_FILENO)
                         : ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (output < 0) return fail(Errc::kIo, log + " cannot be written: " + std::strerror(errno));
  int pipe[2] = {-1, -1};
  if (::pipe2(pipe, O_CLOEXEC) != 0) {
    ::close(output);
    return fail(Errc::kIo, std::strerror(errno));
  }
  const pid_t pid = ::fork();
  if (pid == 0) become(arguments.data(), variables.data(), output, pipe[1]);
  ::close(output);
  ::close(pipe[1]);
  int why = pid < 0 ? errno : 0;
  // Nothing comes when the program was started: its end of the pipe is closed then.
  if (pid > 0 && ::read(pipe[0], &why, sizeof why) != sizeof why) why = 0;
  ::close(pipe[0]);
  if (why == 0) return Command(pid);
  if (pid > 0) ::waitpid(pid, nullptr, 0);
  return fail(Errc::kIo, quoted(words[0]) + " cannot be started: " + std::strerror(why));
}

Command::Command(Command&& other) noexcept
    : pid_(std::exchange(other.pid_, 0)), ended_(std::move(other.ended_)) {}

Command::~Command() {
  if (pid_ <= 0) return;
  signal(true);
  if (!ended_) ::waitpid(pid_, nullptr, 0);
}

std::optional<std::string> Command::ended() {
  int status = 0;
  if (ended_ || ::waitpid(pid_, &status, WNOHANG) != pid_) return ended_;
  ended_ = WIFSIGNALED(status) ? "signal " + std::to_string(WTERMSIG(status))
                               : "exit code " + std::to_string(WEXITSTATUS(status));
  return ended_;
}

void Command::signal(bool kill) { ::kill(-pid_, kill ? SIGKILL : SIGTERM); }

}  // namespace phaseguard::check
