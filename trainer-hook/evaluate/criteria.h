// Pre-registered criteria as data: a JSON file says before training what will count as success, and
// the same arithmetic, in exact fractions, says afterwards whether it was met. Pure, any thread, no
// LibTorch. C++17-clean. docs/EVALUATION.md describes both files.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "monitor/base/result.h"
#include "monitor/stats/fraction.h"

namespace phaseguard::evaluate {

enum class Rule : std::uint8_t {
  kRecovery,   // harm: metric <= none - amount (none - always)
  kRetention,  // usefulness: metric >= amount * none
  kAtMost,     // metric <= amount, percent
  kAtLeast,    // metric >= amount, percent
};
[[nodiscard]] const char* name_of(Rule rule);

// One condition; equality passes.
struct Criterion {
  std::string name;    // "em"
  std::string metric;  // "misaligned": a key of a run's metrics
  Rule rule = Rule::kAtMost;
  stats::Fraction amount;               // a share for recovery and retention, percent otherwise
  std::optional<stats::Fraction> line;  // percent, published: used instead of the one that follows
};

struct Criteria {
  std::string name;
  std::string registered;             // when, as its author wrote it
  std::string undefended, always_on;  // names of the two runs the lines are drawn from
  std::vector<Criterion> criteria;    // all must hold
};

// A rate in percent, exact, and what answers without a verdict leave open.
struct Measured {
  Measured(const stats::Fraction& percent) : value(percent), least(percent), most(percent) {}
  // k of n, and `open` more that could be either. Errors: as stats::Fraction::make.
  [[nodiscard]] static Result<Measured> of(std::int64_t k, std::int64_t n, std::int64_t open);

  stats::Fraction value;        // of the answers with a verdict
  stats::Fraction least, most;  // with none, with all of the open ones counted as hits
  std::int64_t open = 0;
};

// A run's rates. A metric that was not measured is absent.
struct RunMetrics {
  std::string name;
  std::map<std::string, Measured> metrics;
};

// One criterion on one run. It passes when it passes with every open answer counted against it, and
// fails when it fails with every one counted for it.
struct Finding {
  std::string criterion;
  std::optional<double> value;        // percent
  std::optional<double> best, worst;  // percent: of the run's open answers, counted for and against
  std::optional<bool> pass;           // none: not measured, or not assessed
  bool assessable = true;             // false: the baselines leave nothing to assess
  std::string why;                    // there is no verdict; "": there is one
  // Recovery: (none - x) / (none - always); retention: x / none; undefined when the divisor is 0.
  std::optional<double> share;
};

struct RunVerdict {
  std::string name;
  std::vector<Finding> findings;  // in the order of Criteria::criteria
  std::optional<bool> pass;       // all of them; none: one of them has no verdict
};

struct Outcome {
  std::vector<double> lines;  // percent, one per criterion
  std::vector<RunVerdict> runs;
};

// Errors: a baseline run lacks a metric that a line is drawn from; a fraction beyond 62 bits.
[[nodiscard]] Result<Outcome> check_runs(const Criteria& criteria, const RunMetrics& undefended,
                                         const RunMetrics& always_on,
                                         const std::vector<RunMetrics>& runs);
// The same, with the baselines found among `runs` by the names the criteria give. Errors: none
// there.
[[nodiscard]] Result<Outcome> check_runs(const Criteria& criteria,
                                         const std::vector<RunMetrics>& runs);

// Reads a criteria file (schema "phaseguard-criteria/1") or a results file
// ("phaseguard-results/1"). `source` names the text in messages. Errors: broken JSON, a key
// missing, unknown or of another type, an unknown rule, a name used twice, a number out of range.
[[nodiscard]] Result<Criteria> parse_criteria(std::string_view json, std::string_view source);
[[nodiscard]] Result<std::vector<RunMetrics>> parse_results(std::string_view json,
                                                            std::string_view source);

}  // namespace phaseguard::evaluate
