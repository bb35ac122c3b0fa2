// `phaseguard watch`: runs followed live, on a terminal as a console and elsewhere as lines.
#include <unistd.h>

#include <memory>

#include "monitor/base/number_option.h"
#include "monitor/ctl/command.h"
#include "monitor/ctl/console/keys.h"
#include "monitor/ctl/live/live_client.h"
#include "monitor/ctl/live/terminal.h"
#include "monitor/ctl/live/watch_console.h"
#include "monitor/ctl/live/watch_lines.h"

namespace phaseguard::ctl {

namespace {

struct WatchOptions {
  LiveOptions live;
  double for_s = 0.0;
  bool lines = false;
  bool once = false;
};

bool is_on_a_terminal() {
  return ::isatty(STDIN_FILENO) != 0 && ::isatty(STDOUT_FILENO) != 0 &&
         console::can_draw(environment_of_process());
}

int watch(const WatchOptions& options, bool as_json) {
  const auto daemons = options.live.at.daemons();
  if (!daemons) return failed(daemons.error());
  RunId run;
  if (!options.live.run.empty()) {
    const auto named = contexts::run_named(options.live.run, *daemons);
    if (!named) return failed(named.error());
    run = *named;
  }
  const ConsoleOptions console{run, options.for_s, options.live.timeout_s};
  if (options.once) return watch_once(*daemons, console);
  if (!as_json && !options.lines && is_on_a_terminal()) return watch_console(*daemons, console);
  return watch_lines(*daemons, {run, options.live.timeout_s, options.for_s, as_json});
}

}  // namespace

void add_watch(CLI::App& app, Context& context) {
  auto options = std::make_shared<WatchOptions>();
  CLI::App* command = add_command(
      app, context, "watch",
      "Follow the daemon: on a terminal as a console of runs, knobs, rules, alarms, signals and "
      "events, from which a knob can be forced; elsewhere, and with --lines, as a line for each "
      "decision, state of a rule, command, applied value and change of a link. With --connect more "
      "than once, of each daemon. Ends with q or Ctrl-C, or after --for seconds.",
      [options, &context] { return watch(*options, context.json); });
  options->live.add_to(*command, DaemonOptions::Many::kSeveral);
  command->add_option("--for", options->for_s, "Seconds to watch (0: until interrupted)")
      ->check(number_within(0.0, 1e9));
  command->add_flag("--lines", options->lines, "Lines, also on a terminal");
  command->add_flag("--once", options->once, "Print one frame of the console and end")
      ->excludes(command->get_option("--lines"))
      ->excludes(command->get_option("--json"));
  command->footer("Keys of the console:\n" + console::keys_help() +
                  "Colours follow NO_COLOR, COLORTERM and TERM; a locale that is not UTF-8 gets "
                  "ASCII.");
}

}  // namespace phaseguard::ctl
