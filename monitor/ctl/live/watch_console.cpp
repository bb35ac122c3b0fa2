#include "monitor/ctl/live/watch_console.h"

#include <chrono>
#include <thread>

#include "monitor/base/process.h"
#include "monitor/ctl/command.h"
#include "monitor/ctl/live/live_client.h"
#include "monitor/ctl/live/terminal.h"
#include "monitor/dashboard/source/source.h"

namespace phaseguard::ctl {
namespace {

using dashboard::Model;
using dashboard::Source;

constexpr int kTickMs = 250;   // ages go on when nothing comes
constexpr int kEscapeMs = 30;  // after which an escape was the key
constexpr int kLeastMs = 40;   // between two frames

Model make_model(const ConsoleOptions& options) {
  Model model(own_user(), "watch-" + fresh_id().substr(0, 12));
  if (!options.run.empty()) model.wait_for(options.run);
  return model;
}

double seconds_since(Nanos started) {
  return static_cast<double>(dashboard::now().mono.value - started.value) * 1e-9;
}

void press(const std::vector<console::Key>& keys, console::Console& console, Model& model) {
  for (const console::Key& key : keys) {
    for (const dashboard::Action& action : console.press(key, model, dashboard::now())) {
      model.act(action, dashboard::now());
    }
  }
}

void follow(Terminal& terminal, Source& source, Model& model, const ConsoleOptions& options) {
  const console::Theme theme = theme_of(environment_of_process());
  const Nanos started = dashboard::now().mono;
  console::Console console;
  console::KeyReader keys;
  while (!terminal.is_ended() && !console.is_left()) {
    bool more = dashboard::exchange(source, model);
    const std::string typed = terminal.typed();
    press(typed.empty() && keys.is_waiting() ? keys.give_up() : keys.take(typed), console, model);
    more = dashboard::exchange(source, model) || more;  // a command leaves at once
    console.tick(model, dashboard::now());
    const console::Size size = terminal_size();
    terminal.draw(screen(model, console, size, theme), size, theme);
    if (options.for_s > 0.0 && seconds_since(started) >= options.for_s) return;
    if (!more) terminal.wait(keys.is_waiting() ? kEscapeMs : kTickMs);
    if (typed.empty()) std::this_thread::sleep_for(std::chrono::milliseconds(kLeastMs));
  }
}

// What --once waits for: all is read, and the run is there.
bool is_all_there(const Model& model) {
  return !model.source().place.empty() && !model.source().loading && !model.awaited();
}

}  // namespace

int watch_console(const std::vector<contexts::Daemon>& daemons, const ConsoleOptions& options) {
  auto source = dashboard::connect_all(daemons, &Terminal::wake);
  if (!source) return failed(source.error());
  auto terminal = Terminal::open();
  if (!terminal) return failed(terminal.error());
  Model model = make_model(options);
  follow(*terminal, **source, model, options);
  return kDone;
}

int watch_once(const std::vector<contexts::Daemon>& daemons, const ConsoleOptions& options) {
  Model model = make_model(options);
  auto source = dashboard::connect_all(daemons, {});
  if (!source) return failed(source.error());
  const Nanos started = dashboard::now().mono;
  do {
    if (!dashboard::exchange(**source, model)) {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
  } while (!is_all_there(model) && seconds_since(started) < options.wait_s);
  console::Console console;
  console.tick(model, dashboard::now());
  const console::Theme theme = theme_of(environment_of_process());
  const console::Size size = terminal_size();
  print_rows(screen(model, console, size, theme), size, theme);
  return model.source().connected && !model.awaited() ? kDone : kFailed;
}

}  // namespace phaseguard::ctl
