// The lab's side of `preflight`: theta0's pass with a progress bar and partial results on disk.
#include <unistd.h>

#include <chrono>
#include <cstdio>

#include "monitor/base/printable.h"
#include "probe/files/sample_cache.h"
#include "probe/tool/commands.h"
#include "trainer-hook/lab/loop/live_judge.h"
#include "trainer-hook/lab/loop/scores.h"
#include "trainer-hook/lab/model/blas.h"

namespace phaseguard::probe_tool {

namespace {

using Clock = std::chrono::steady_clock;

// A line that rewrites itself on a terminal and appears ten times elsewhere.
class Progress {
 public:
  void show(std::size_t done, std::size_t total) {
    if (total == 0) return;
    const bool terminal = isatty(STDERR_FILENO) != 0;
    const std::size_t tenth = done * 10 / total;
    if (!terminal && tenth == shown_ && done != total) return;
    shown_ = tenth;
    if (first_ > done) first_ = done;
    const double elapsed = std::chrono::duration<double>(Clock::now() - start_).count();
    const double left = done > first_ ? elapsed / static_cast<double>(done - first_) *
                                            static_cast<double>(total - done)
                                      : 0.0;
    const int filled = static_cast<int>(30 * done / total);
    std::fprintf(stderr, "%s[%.*s%.*s] %zu/%zu samples  %.0f s, %.0f s left%s",
                 terminal ? "\r" : "", filled, "##############################", 30 - filled,
                 "..............................", done, total, elapsed, left,
                 terminal && done != total ? "  " : "\n");
    std::fflush(stderr);
  }

 private:
  Clock::time_point start_ = Clock::now();
  std::size_t shown_ = 11;
  std::size_t first_ = static_cast<std::size_t>(-1);
};

Result<lab::Theta0> open_theta0(const std::string& named) {
  if (!named.empty()) return lab::load_theta0(named);
  const auto found = lab::find_theta0();
  if (!found) return tl::unexpected(found.error());
  return lab::load_theta0(*found);
}

}  // namespace

Result<LabPass> lab_pass(const PreflightCommand& command, const std::atomic<bool>& stop) {
  lab::TuneOptions tune;
  if (const auto ok = lab::choose_data(command.lab, command.share, tune); !ok)
    return tl::unexpected(ok.error());
  lab::set_threads(1);
  const auto theta0 = open_theta0(command.theta0);
  if (!theta0) return tl::unexpected(theta0.error());
  tune.judge_error = command.judge_error;
  tune.seed = command.seed;
  const lab::World world(theta0->world);
  if (const auto ok = prepare_data(theta0->model, world, tune); !ok)
    return tl::unexpected(ok.error());
  const lab::ScoredSet set = draw_set(world, tune, command.lab_samples);
  LabPass pass;
  for (const lab::Example& example : set.examples) {
    pass.samples.push_back(lab::training_sample(example));
  }
  probe::SampleFile& out = pass.file;
  out.source = source_of(*theta0, tune);
  std::optional<probe::SampleCache> cache;
  if (!command.cache.empty()) {
    auto opened = probe::SampleCache::open(command.cache, out.source);
    if (!opened) return tl::unexpected(opened.error());
    if (opened->repaired()) {
      print_line(stderr, "phaseguard-probe: %s: cut off its half-written last line",
                 command.cache.c_str());
    }
    cache.emplace(std::move(*opened));
  }
  Progress progress;
  probe::PassOptions options;
  options.batch = 16;
  options.stop = &stop;
  options.progress = [&](std::size_t done, std::size_t total) { progress.show(done, total); };
  auto outcome =
      probe::score_all(set.ids, scorer_of(*theta0, set), cache ? &*cache : nullptr, options);
  if (!outcome) return tl::unexpected(outcome.error());
  if (outcome->stopped) {
    return fail(Errc::kRefused,
                "interrupted after " + std::to_string(outcome->reused + outcome->scored) + " of " +
                    std::to_string(set.ids.size()) + " samples" +
                    (cache ? "; " + command.cache + " keeps them: run the same command again"
                           : "; name a --cache to be able to go on"));
  }
  out.samples = std::move(outcome->samples);
  return pass;
}

}  // namespace phaseguard::probe_tool
