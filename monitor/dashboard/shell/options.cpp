#include "monitor/dashboard/shell/options.h"

#include <CLI/CLI.hpp>
#include <cstdio>

#include "monitor/base/number_option.h"

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

}  // namespace

std::optional<int> parse_options(int argc, char** argv, Options& options) {
  CLI::App app{
      "Watches fine-tuning runs and lets an operator force the KL penalty on.\n"
      "It is only a view and a console: closing it changes nothing in the run.",
      "phaseguard-dashboard"};
  app.set_version_flag("--version", std::string("phaseguard-dashboard ") + PHASEGUARD_VERSION);
  std::string size = "1600x1000";
  std::string theme = "dark";
  app.add_option("RUNFILE", options.file,
                 "run file (*.phaseguard), or a directory of them; without it: a live daemon");
  app.add_option("--endpoint-dir", options.endpoint_dir,
                 "directory of the daemon's sockets (default: $XDG_RUNTIME_DIR/phaseguard)");
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
  app.add_option("--theme", theme, "dark or light")
      ->check(CLI::IsMember({"dark", "light"}))
      ->capture_default_str();
  app.add_option("--evidence", options.evidence, "show the evidence of this decision (1, 2, ...)")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1} << 62));
  app.add_option("--wait", options.wait_s,
                 "with --screenshot of a live daemon: wait at most so many seconds for data")
      ->check(number_within(0.0, 3600.0))
      ->capture_default_str();
  app.add_option("--exit-after", options.exit_after_s, "close the window after so many seconds")
      ->check(number_within(0.0, 1e9));
  app.footer(
      "Examples:\n"
      "  phaseguard-dashboard                               a daemon of this user, in a window\n"
      "  phaseguard-dashboard lab-malicious.phaseguard      a recorded run\n"
      "  phaseguard-dashboard runs/ --screenshot out.png    a picture, without a display\n"
      "Exit status: 0 done, 1 failed, 2 wrong arguments.");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  options.dark = theme == "dark";
  if (!parse_size(size, options)) {
    std::fprintf(
        stderr,
        "phaseguard-dashboard: --size takes WIDTHxHEIGHT from 640x400 to 8192x8192, such as "
        "1600x1000\n");
    return 2;
  }
  if (!options.file.empty() && !options.endpoint_dir.empty()) {
    std::fprintf(stderr,
                 "phaseguard-dashboard: give either a run file or --endpoint-dir, not both\n");
    return 2;
  }
  return std::nullopt;
}

}  // namespace phaseguard::dashboard
