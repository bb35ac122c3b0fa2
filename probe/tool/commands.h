// The commands of phaseguard-probe. Each prints its result, to stdout, and returns the program's
// exit code. One thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "monitor/base/result.h"
#include "probe/preflight/render.h"
#include "probe/probe.h"
#include "trainer-hook/judge/command_options.h"

namespace phaseguard::probe_tool {

inline constexpr int kDone = 0;
inline constexpr int kFailed = 1;
inline constexpr int kUsage = 2;
inline constexpr int kFindings = 3;  // done, and what was found is over a limit that was named

// Prints "phaseguard-probe: <message>" to stderr; kFailed.
int failed(const Error& error);

struct FitCommand {
  std::string features;  // activation file
  std::string held_out;  // another one; empty: a share of `features`
  double held_share = 0.3;
  std::string out;
  std::string calibration = "platt";
  bool directions = false;          // trait directions in place of a probe
  std::vector<std::string> traits;  // of them; empty: all the file has
  probe::ProbeOptions options;
  bool json = false;
};
int run_fit(const FitCommand& command);

struct ScoreCommand {
  std::string fitted;     // probe or directions
  std::string features;   // activation file
  std::string reference;  // directions: the same prompts' states under theta0
  std::optional<double> max_staleness;
  std::size_t bootstrap = 1000;
  std::uint64_t seed = 0;
  bool json = false;
};
int run_eval(const ScoreCommand& command);
int run_score(const ScoreCommand& command);

struct InspectCommand {
  std::string file;
  bool json = false;
};
int run_inspect(const InspectCommand& command);

struct PreflightCommand {
  std::string samples;  // JSON Lines of scores; empty: the lab
  std::string lab;      // data set of the lab to score
  std::string theta0;
  int lab_samples = 512;
  std::optional<double> share;  // none: the set's own
  double judge_error = 0.15;
  std::uint64_t seed = 1;
  std::size_t batch = 16;  // samples a step, of the policy's rehearsal
  std::int64_t cadence = 5;
  std::size_t measurements = 20;
  std::string cache;        // partial results of the pass; empty: none kept
  judge::TableWords judge;  // real scores in place of those the samples have, by sample hash
  std::string judge_data;   // prompts and answers of SAMPLES, for an endpoint
  std::string policy, clean, html;
  std::optional<double> lambda;
  preflight::Options options;
  std::size_t top = 10;
  bool json = false;
};
int run_preflight(const PreflightCommand& command, const std::atomic<bool>& stop);

// One pass of the lab's theta0 over one of its data sets. `theta0_file` empty: the shipped one.
// Built with LibTorch; without it kUnsupported.
struct LabPass {
  probe::SampleFile file;
  std::vector<TrainingSample> samples;  // in words, for a judge
};
[[nodiscard]] Result<LabPass> lab_pass(const PreflightCommand& command,
                                       const std::atomic<bool>& stop);

}  // namespace phaseguard::probe_tool
