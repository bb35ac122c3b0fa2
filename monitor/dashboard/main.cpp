#include <cstdio>
#include <optional>
#include <random>
#include <string>
#include <utility>

#include "monitor/base/printable.h"
#include "monitor/base/process.h"
#include "monitor/dashboard/shell/options.h"
#include "monitor/dashboard/shell/shell.h"
#include "monitor/dashboard/source/source.h"

namespace {

using namespace phaseguard;
using namespace phaseguard::dashboard;

std::pmr::memory_resource* memory_of(const Bound& bound) {
  return bound.spill ? bound.spill.get() : std::pmr::get_default_resource();
}

// Nothing: it is not wanted, or there is no folder for it.
std::optional<Keeping> keeping_of(const Options& options, const Bound& bound) {
  const auto folder = kept_folder();
  if (!options.cache || !folder) return std::nullopt;
  const auto ease = [&bound] {
    if (bound.spill) bound.spill->keep_to_bound();
  };
  return Keeping{{*folder}, memory_of(bound), ease};
}

Result<std::unique_ptr<Source>> open_source(const Options& options, const Bound& bound, Wake wake) {
  if (!options.file.empty()) {
    return open_files(options.file, std::move(wake), keeping_of(options, bound));
  }
  return connect_all(options.daemons, wake);
}

Model make_model(const Options& options, const Bound& bound) {
  return {options.operator_name.empty() ? own_user() : options.operator_name,
          "dash-" + std::to_string(std::random_device{}()), memory_of(bound)};
}

Result<void> show(const Options& options) {
  const Bound bound = make_bound(options);
  Model model = make_model(options, bound);
  Replay replay;
  auto candidates = read_candidates(options.policies);
  if (!candidates) return tl::unexpected(candidates.error());
  replay.offer(std::move(*candidates));
  const Seen seen{model, replay, bound};
  if (options.screenshot.empty()) {
    return run_window(options, seen,
                      [&](Wake wake) { return open_source(options, bound, std::move(wake)); });
  }
  auto source = open_source(options, bound, {});
  if (!source) return tl::unexpected(source.error());
  return take_screenshot(options, seen, **source);
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  if (const auto code = parse_options(argc, argv, options)) {
    return exit_code_of(*code, "phaseguard-dashboard");
  }
  if (const Result<void> done = show(options); !done) {
    phaseguard::print_line(stderr, "phaseguard-dashboard: %s", done.error().message.c_str());
    return 1;
  }
  return 0;
}
