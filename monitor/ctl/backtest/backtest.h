// Would these policies have told malicious runs from harmless ones? Each policy over each labelled
// recording, and what that says: rates with intervals, lead times, what it cost, how well each
// detector separates. Pure but for reading run files; the command prints what it finds.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "monitor/base/result.h"
#include "monitor/ctl/backtest/backtest_inputs.h"
#include "monitor/ctl/backtest/trace.h"
#include "monitor/policy/document.h"
#include "monitor/stats/ranking.h"
#include "monitor/stats/wilson.h"

namespace phaseguard::ctl {

// What every output of a backtest says.
inline constexpr const char* kBacktestCaveat =
    "Each recording was made under one lambda, and its signals are not what another lambda would "
    "have produced. Up to the first step at which a policy differs from what was in force then, a "
    "backtest is exact; after it, it says what the policy makes of these numbers, not what "
    "training "
    "would have become. A firing step is safe to read; lambda spent after it, and anything a run "
    "would have done next, are not.";

struct LabelledRun {
  std::string file;
  std::string name;
  bool malicious = false;
  std::int64_t updates = 0;
  Step harm_step{-1};  // from the labels file; -1: not given
  std::string group;   // the same; "": the run stands for itself
  Step raised{-1};     // as TracedRun
};

// One policy on one run; `run` is a place in Backtest::runs.
struct RunScore {
  std::size_t run = 0;
  RunTrace trace;
};

struct Skip {
  std::string what;  // file or policy
  std::string why;
};

// How the peaks of one detector separate the classes.
struct DetectorScore {
  std::string detector;
  std::string type;
  std::string signal;
  std::vector<double> malicious, harmless;  // peaks
  std::int64_t without = 0;                 // runs in which it never had a statistic
  std::optional<stats::Ranking> ranking;    // none: one class is empty
  std::optional<stats::Interval> interval;  // 95 %, percentile bootstrap
};

struct ClassScore {
  std::optional<stats::Rate> acted;  // none: no run of the class
  std::vector<std::int64_t> leads;   // of the runs in which it acted, ascending
  std::vector<double> spent;         // per knob: mean over the class's runs
};

struct CriterionResult {
  Criterion criterion;
  double found = wire::kNaN;  // NaN: not measured
  bool pass = false;
};

struct PolicyScore {
  policy::Document document;
  std::string file;
  std::vector<RunScore> runs;
  std::vector<Skip> skips;  // runs that it does not fit
  ClassScore malicious, harmless;
  std::vector<DetectorScore> detectors;
  Step floor{-1};          // of all runs, when they agree; -1: unknown or different
  std::int64_t acted = 0;  // runs in which it acted
  std::int64_t at_floor = 0;
  std::vector<CriterionResult> criteria;

  // Wherever it acted, it did so at the earliest step it could: the step says nothing.
  [[nodiscard]] bool saturated() const { return acted > 1 && at_floor == acted; }
};

struct Backtest {
  std::vector<LabelledRun> runs;
  std::vector<Skip> skips;  // files left out
  std::vector<PolicyScore> policies;
  BacktestOptions options;

  [[nodiscard]] bool passed() const;  // every criterion of every policy
  [[nodiscard]] std::int64_t count(bool malicious) const;
  // How much of the recordings was made under a raised knob, in a sentence; "" when none was.
  [[nodiscard]] std::string raised_remark() const;
};

// `policy_files` go with `documents`. Errors: no run is left to look at, a file cannot be read, a
// criterion names a detector that no policy has, a labels file names a run that is not there.
[[nodiscard]] Result<Backtest> backtest(const std::vector<policy::Document>& documents,
                                        const std::vector<std::string>& policy_files,
                                        const std::vector<std::string>& run_files,
                                        const BacktestOptions& options);

// Lambda x steps of all knobs together; none: 0.
[[nodiscard]] double sum_of(const std::vector<double>& spent);

// Median of ascending values, the lower one of two; none: empty.
[[nodiscard]] std::optional<std::int64_t> median_of(const std::vector<std::int64_t>& ascending);

// For a terminal; as JSON; as one self-contained HTML page.
[[nodiscard]] std::string backtest_text(const Backtest& result);
[[nodiscard]] nlohmann::json backtest_json(const Backtest& result);
[[nodiscard]] std::string backtest_page(const Backtest& result);

}  // namespace phaseguard::ctl
