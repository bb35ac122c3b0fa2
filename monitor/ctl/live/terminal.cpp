#include "monitor/ctl/live/terminal.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "monitor/base/printable.h"

namespace phaseguard::ctl {
namespace {

// Alternate screen, no cursor, what is pasted in brackets; and back.
constexpr const char* kEnter = "\x1b[?1049h\x1b[?25l\x1b[?2004h\x1b[0m\x1b[2J";
constexpr const char* kLeave = "\x1b[0m\x1b[?2004l\x1b[?25h\x1b[?1049l";

// Of the process, since signals are: the terminal as it was, and a pipe that ends a wait.
termios g_before;
std::array<int, 2> g_pipe{-1, -1};
volatile std::sig_atomic_t g_stop = 0;
volatile std::sig_atomic_t g_redraw = 0;

// Only what a signal handler may do.
void write_all(const char* text, std::size_t size) {
  while (size > 0) {
    const ssize_t n = ::write(STDOUT_FILENO, text, size);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return;
    text += n;
    size -= static_cast<std::size_t>(n);
  }
}

void enter() {
  termios raw = g_before;
  raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);  // signals of keys stay
  raw.c_iflag &= ~static_cast<tcflag_t>(IXON);
  raw.c_cc[VMIN] = 0;
  raw.c_cc[VTIME] = 0;
  ::tcsetattr(STDIN_FILENO, TCSANOW, &raw);
  write_all(kEnter, std::strlen(kEnter));
}

void leave() {
  write_all(kLeave, std::strlen(kLeave));
  ::tcsetattr(STDIN_FILENO, TCSANOW, &g_before);
}

void poke() {
  const int error = errno;
  const ssize_t n = ::write(g_pipe[1], "x", 1);  // full: somebody has poked it already
  (void)n;
  errno = error;
}

void on_stop(int /*signal*/) {
  g_stop = 1;
  poke();
}

void on_resize(int /*signal*/) {
  g_redraw = 1;
  poke();
}

// Our own fault: what is printed about it must be readable.
void on_crash(int signal) {
  leave();
  std::signal(signal, SIG_DFL);
  ::raise(signal);
}

// Ctrl-Z: the shell's screen while it stands, ours when it goes on.
void on_suspend(int /*signal*/) {
  leave();
  ::raise(SIGSTOP);
  enter();
  g_redraw = 1;
  poke();
}

void handle(int signal, void (*handler)(int), int flags = 0) {
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_flags = flags;
  sigfillset(&action.sa_mask);
  ::sigaction(signal, &action, nullptr);
}

void handle_signals() {
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) handle(signal, on_stop);
  handle(SIGWINCH, on_resize, SA_RESTART);
  handle(SIGTSTP, on_suspend, SA_RESTART);
  for (const int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGABRT}) {
    handle(signal, on_crash, static_cast<int>(SA_NODEFER));
  }
}

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

}  // namespace

console::Environment environment_of_process() {
  return {variable("TERM"),   variable("COLORTERM"), variable("NO_COLOR"),
          variable("LC_ALL"), variable("LC_CTYPE"),  variable("LANG")};
}

console::Size terminal_size() {
  winsize size{};
  const bool is_known = ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  return is_known ? console::Size{size.ws_col, size.ws_row} : console::Size{};
}

void print_rows(const std::vector<console::Row>& rows, console::Size size,
                const console::Theme& theme) {
  const bool is_tty = ::isatty(STDOUT_FILENO) != 0;
  for (const console::Row& row : rows) {
    if (!is_tty) {
      print_lines(stdout, row.plain() + "\n");
      continue;
    }
    const std::string line = row.escaped(size.columns, theme) + "\r\n";
    write_all(line.data(), line.size());
  }
}

Result<Terminal> Terminal::open() {
  if (::isatty(STDIN_FILENO) == 0 || ::isatty(STDOUT_FILENO) == 0 ||
      ::tcgetattr(STDIN_FILENO, &g_before) != 0) {
    return fail(Errc::kIo, "no terminal: expected one at standard input and output");
  }
  if (::pipe2(g_pipe.data(), O_CLOEXEC | O_NONBLOCK) != 0) {
    return fail(Errc::kIo, std::string("cannot make a pipe: ") + std::strerror(errno));
  }
  handle_signals();
  enter();
  Terminal terminal;
  terminal.owns_ = true;
  return terminal;
}

Terminal::Terminal(Terminal&& other) noexcept : owns_(std::exchange(other.owns_, false)) {}

Terminal::~Terminal() {
  if (owns_) leave();
}

void Terminal::wait(int timeout_ms) {
  std::array<pollfd, 2> polled{{{STDIN_FILENO, POLLIN, 0}, {g_pipe[0], POLLIN, 0}}};
  if (::poll(polled.data(), polled.size(), timeout_ms) <= 0) return;
  if ((polled[0].revents & (POLLHUP | POLLERR | POLLNVAL)) != 0) gone_ = true;
  std::array<char, 64> ignored{};
  while (::read(g_pipe[0], ignored.data(), ignored.size()) > 0) {
  }
}

void Terminal::wake() { poke(); }

std::string Terminal::typed() {
  std::string bytes;
  std::array<char, 256> buffer{};
  ssize_t n = 0;
  while ((n = ::read(STDIN_FILENO, buffer.data(), buffer.size())) > 0) {
    bytes.append(buffer.data(), static_cast<std::size_t>(n));
  }
  if (n < 0 && errno == EIO) gone_ = true;
  return bytes;
}

bool Terminal::is_ended() const { return g_stop != 0 || gone_; }

void Terminal::draw(const std::vector<console::Row>& rows, console::Size size,
                    const console::Theme& theme) {
  const bool is_new = size.columns != size_.columns || size.rows != size_.rows || g_redraw != 0;
  std::string out;
  if (is_new) {
    g_redraw = 0;
    shown_.clear();
    out += std::string(console::kPlainEscape) + "\x1b[2J";
  }
  size_ = size;
  shown_.resize(rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    std::string row = rows[i].escaped(size.columns, theme);
    if (row == shown_[i]) continue;
    out += "\x1b[" + std::to_string(i + 1) + ";1H" + row;
    shown_[i] = std::move(row);
  }
  write_all(out.data(), out.size());
}

}  // namespace phaseguard::ctl
