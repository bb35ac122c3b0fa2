#include "monitor/dashboard/shell/options.h"

#include <CLI/CLI.hpp>
#include <charconv>
#include <cstdio>
#include <string_view>

#include "monitor/base/number_option.h"
#include "monitor/base/printable.h"
#include "monitor/base/text.h"
#include "monitor/dashboard/source/spill.h"
#include "monitor/link/directory.h"

namespace phaseguard::dashboard {
namespace {

bool parse_size(const std::string& text, Options& options) {
  int width = 0;
  int height = 0;
  char rest = 0;
  if (std::sscanf(text.c_str(), "%dx%d%c", &width, &height, &rest) != 2) return false;
  if (width < 640 || height < 400 || width > 8192 || height > 8192) return false;
  options.width = width;
  options.height = height;
  return true;
}

// Where the daemons are, as the command line says it.
struct Places {
  std::string endpoint_dir;
  std::vector<std::string> names;
  std::string file;
  std::string key_file;
};

void add_places(CLI::App& app, Places& places) {
  app.add_option("--endpoint-dir", places.endpoint_dir,
                 "directory of the daemon's sockets (default: $XDG_RUNTIME_DIR/phaseguard)");
  app.add_option("--connect", places.names,
                 "a daemon by the name of its context, for several more than once: a run is then "
                 "NAME/run; 'phaseguard contexts' lists them")
      ->type_name("NAME")
      ->allow_extra_args(false);
  app.add_option("--contexts", places.file,
                 "file of contexts (default: $XDG_CONFIG_HOME/phaseguard/contexts.toml)")
      ->envname("PHASEGUARD_CONTEXTS");
  app.add_option("--key", places.key_file,
                 "key file, for a daemon that asks for keys (its context's own key comes first)")
      ->type_name("FILE")
      ->envname("PHASEGUARD_KEY");
}

Result<std::vector<contexts::Daemon>> daemons_of(const Places& places) {
  if (!places.names.empty()) {
    return contexts::choose(places.names,
                            places.file.empty() ? contexts::default_file() : places.file,
                            places.key_file);
  }
  auto keyed =
      contexts::with_key(contexts::daemon_in(places.endpoint_dir.empty() ? link::default_directory()
                                                                         : places.endpoint_dir),
                         places.key_file);
  if (!keyed) return tl::unexpected(keyed.error());
  return std::vector<contexts::Daemon>{std::move(*keyed)};
}

bool parse_memory(const std::string& text, Options& options) {
  std::uint64_t number = 0;
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  const std::size_t unit = std::string_view("KMGT").find(rest == end ? '?' : *rest);
  if (error != std::errc() || end - rest != 1 || unit == std::string_view::npos) return false;
  const auto shift = static_cast<unsigned>(10 * (unit + 1));
  if (number > (std::uint64_t{1} << 50) >> shift) return false;
  if (number << shift < kLeastBound) return false;
  options.memory = number << shift;
  return true;
}

// What does not go together, and what a name stands for.
Result<void> settle(const Places& places, Options& options) {
  const int ways = static_cast<int>(!options.file.empty()) +
                   static_cast<int>(!places.endpoint_dir.empty()) +
                   static_cast<int>(!places.names.empty());
  if (ways > 1) {
    return fail(Errc::kInvalidArgument,
                "give one of a run file, --endpoint-dir and --connect, not several");
  }
  auto daemons = daemons_of(places);
  if (!daemons) return tl::unexpected(daemons.error());
  options.daemons = std::move(*daemons);
  return {};
}

}  // namespace

std::optional<int> parse_options(int argc, char** argv, Options& options) {
  CLI::App app{
      "Watches fine-tuning runs and lets an operator force the KL penalty on.\n"
      "It is only a view and a console: closing it changes nothing in the run.",
      "phaseguard-dashboard"};
  app.set_version_flag("--version", std::string("phaseguard-dashboard ") + PHASEGUARD_VERSION);
  std::string size = "1600x1000";
  std::string memory;
  app.add_option("RUNFILE", options.file,
                 "run file (*.phaseguard), or a directory of them; without it: a live daemon");
  Places places;
  add_places(app, places);
  app.add_option(
      "--run", options.run,
      "the run to show; of a daemon it may begin later (default: the one with the newest "
      "data at the start, which stays until another is chosen)");
  app.add_option("--operator", options.operator_name,
                 "who is acting, for the record (default: the user)");
  app.add_option("--screenshot", options.screenshot,
                 "write a picture to this PNG file and exit; needs no display");
  app.add_option("--size", size,
                 "size of the window or the picture in pixels, 640x400 to 8192x8192")
      ->capture_default_str();
  app.add_option("--scale", options.scale,
                 "size of text and everything else, 0.5 to 4 (default: the screen's)")
      ->check(number_within(0.5, 4.0));
  app.add_option("--theme", options.theme, "dark, light or contrast")
      ->check(CLI::IsMember({"dark", "light", "contrast"}));
  app.add_option("--text", options.text, "size of text: small, normal or large")
      ->check(CLI::IsMember({"small", "normal", "large"}));
  app.add_option("--layout", options.layout,
                 "arrangement of theme, widths and plots: a name that was saved in View > Layouts, "
                 "or a file (default: that of the last window)");
  app.add_option("--evidence", options.evidence, "show the evidence of this decision (1, 2, ...)")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1} << 62));
  app.add_option("--at-step", options.at_step,
                 "show the run as it was just before the trainer first went beyond this step")
      ->check(CLI::Range(std::int64_t{0}, std::int64_t{1} << 62));
  app.add_option("--policies", options.policies,
                 "policies to try on the record in View > Timeline: files, or folders of *.toml "
                 "(default: those that ship)");
  app.add_option("--what-if", options.what_if,
                 "compare what happened with what this one of them would have decided, such as "
                 "hybrid");
  const CLI::Option* bound = app.add_option(
      "--memory", memory,
      "so much memory at most for the points of the plots, such as 512M, 16M or more; "
      "what is over it lives in a file without a name in $XDG_CACHE_HOME or $TMPDIR "
      "(default: no bound)");
  app.add_flag("!--no-cache", options.cache,
               "keep no view of a record that took more than a second to read, and take none: read "
               "the record (default: kept in $XDG_CACHE_HOME/phaseguard, 4 GiB at most)");
  app.add_option("--wait", options.wait_s,
                 "with --screenshot of a live daemon: wait at most so many seconds for data")
      ->check(number_within(0.0, 3600.0))
      ->capture_default_str();
  app.add_option("--exit-after", options.exit_after_s, "close the window after so many seconds")
      ->check(number_within(0.0, 1e9));
  app.footer(
      "Examples:\n"
      "  phaseguard-dashboard                               a daemon of this user, in a window\n"
      "  phaseguard-dashboard --connect a --connect b       two daemons, in one window\n"
      "  phaseguard-dashboard lab-malicious.phaseguard      a recorded run\n"
      "  phaseguard-dashboard runs/ --screenshot out.png    a picture, without a display\n"
      "Exit status: 0 done, 1 failed, 2 wrong arguments.");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  if (!parse_size(size, options)) {
    std::fprintf(
        stderr,
        "phaseguard-dashboard: --size takes WIDTHxHEIGHT from 640x400 to 8192x8192, such as "
        "1600x1000\n");
    return 2;
  }
  if (bound->count() > 0 && !parse_memory(memory, options)) {
    print_line(stderr,
               "phaseguard-dashboard: --memory takes a size of at least 16M, a number and K, M, G "
               "or T (of 1024), such as 512M; found %s",
               phaseguard::quoted(memory).c_str());
    return 2;
  }
  if (options.screenshot.empty() &&
      (options.width < kLeastWidth || options.height < kLeastHeight)) {
    std::fprintf(stderr,
                 "phaseguard-dashboard: a window is at least %dx%d, found --size %dx%d; a picture "
                 "(--screenshot) may be smaller\n",
                 kLeastWidth, kLeastHeight, options.width, options.height);
    return 2;
  }
  if (const auto settled = settle(places, options); !settled) {
    print_line(stderr, "phaseguard-dashboard: %s", settled.error().message.c_str());
    return 2;
  }
  return std::nullopt;
}

}  // namespace phaseguard::dashboard
