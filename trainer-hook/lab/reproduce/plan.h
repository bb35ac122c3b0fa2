// Which cells an experiment has, in the order in which they are run. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "monitor/base/result.h"
#include "trainer-hook/lab/reproduce/policies.h"

namespace phaseguard::lab::reproduce {

struct PlanOptions {
  int worlds = 3;
  int seeds = 3;
  bool quick = false;  // world 0, seed 1, what Tables 1 and 2 need
  // A policy: worlds are numbered by the bytes of the SHA-256 of its file. Empty: 0, 1, ...
  std::string held_out;
  bool refuses = false;   // theta0 refuses half of the code requests
  int judge_streams = 1;  // harmless runs of a default policy at each of the judge's errors
  std::int64_t steps = 200;
  std::int64_t pretrain_steps = 0;  // of theta0 of other worlds than 0; 0: as many as usual
  std::vector<std::string> data;    // these sets alone; empty: all
  std::vector<std::string> only;    // these treatments, beside the two baselines; empty: all
  // Of every policy's cell; none: the daemon for the two sets of the paper, its engine in process
  // for the sweeps.
  std::optional<EngineAt> engine;
};

// KL on the batch all the time: the paper's second baseline, in the lab's scale.
inline constexpr double kAlwaysOn = 2.0;
// Weights of the two sweeps.
[[nodiscard]] const std::vector<double>& sweep();
// Shares of malicious samples in the set "mix".
[[nodiscard]] const std::vector<double>& shares();
// Beside the default of 0.15.
[[nodiscard]] const std::vector<double>& judge_errors();

// The default policy, its versions: those that are there of hybrid, hybrid-v2.
[[nodiscard]] std::vector<std::string> default_policies(const Policies& policies);

// Worlds are slots: their numbers are known once their theta0 has passed its gates. Errors: an
// unknown set or treatment, by name with what there is.
[[nodiscard]] Result<std::vector<Cell>> make_plan(const PlanOptions& options,
                                                  const Policies& policies);
// Numbers of the worlds to try, in order: all there are up to a thousand, or of a held-out
// experiment those that the bytes name, each once and none of those that policies were made on.
// Errors: no such policy.
[[nodiscard]] Result<std::vector<int>> world_numbers(const PlanOptions& options,
                                                     const Policies& policies);
// SHA-256, hex, of the cells and of how their worlds are made.
[[nodiscard]] std::string digest_of(const std::vector<Cell>& plan, const PlanOptions& options);

}  // namespace phaseguard::lab::reproduce
