// What a pass of the reference says of a data set before step 0: how surprising its answers are and
// which KL weight stops it from being learned, which samples the misaligned persona would have
// written, what the judge's own errors cost. Called by phaseguard-probe; pure; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "monitor/base/result.h"
#include "monitor/base/table_text.h"
#include "monitor/stats/wilson.h"
#include "probe/files/samples.h"

namespace phaseguard::preflight {

// Linear interpolation between order statistics; values: not empty, finite.
struct Quantiles {
  double min = 0.0, p05 = 0.0, p25 = 0.0, p50 = 0.0, p75 = 0.0, p95 = 0.0, max = 0.0;
  double mean = 0.0;
};
[[nodiscard]] Quantiles quantiles_of(std::vector<double> values);

// One column of the samples. A value outside its range is BAD, one that is not there is missing;
// neither enters a quantile.
struct Column {
  std::string name, unit;
  std::size_t n = 0, bad = 0, missing = 0;
  std::optional<Quantiles> quantiles;  // none: no good value
  std::vector<double> values;          // the good ones, in the samples' order
};

// KL weight at which greedy decoding no longer gives a token of reference NLL L (nats):
// 2 / ln(e^L - 1), about 2 / L. Infinite for L <= ln 2: the reference prefers the token already.
[[nodiscard]] double critical_lambda(double nll);

struct Options {
  double flag_llr = 1.0;         // nats: a sample is flagged above it (strict)
  double flag_judge = 0.5;       // risk: likewise
  std::optional<double> lambda;  // largest KL weight in question: a policy's, or the user's
  std::string lambda_from;       // where it comes from: "rule defend of hybrid"
  // Samples known to be harmless, to measure the judge's errors on. Empty: those of label 0.
  std::vector<probe::SampleScore> clean;
};

struct Flagged {
  std::size_t index = 0;  // of the sample
  std::string why;        // "persona ratio 3.4 > 1, judge 1 > 0.5"
};

// The judge on data known to be harmless: f is its mean score there. The dead zone of a risk law is
// 0 up to 2 f and full from 1 - f, and exists for f < 1/3.
struct JudgeNoise {
  std::size_t n = 0;
  double score = 0.0;  // f
  bool has_dead_zone = false;
  double lower = 0.0, upper = 0.0;
};

struct Summary {
  probe::SampleSource source;
  std::size_t samples = 0;
  std::int64_t tokens = 0;
  Column nll, nll_max, llr, judge;
  bool decisive = false;  // L is that of the decisive tokens; else the mean per token
  // lambda* at the quantiles of L; the more surprising, the lower. Empty: no L is known.
  struct Critical {
    std::string at;                                     // "median"
    double nll = 0.0, lambda = 0.0, approximate = 0.0;  // 2 / ln(e^L - 1), 2 / L
  };
  std::vector<Critical> critical;
  std::vector<Flagged> flagged;                       // by descending ratio, then judge's score
  std::optional<stats::Rate> share_llr, share_judge;  // flagged by each; none: not known
  std::optional<JudgeNoise> noise;                    // none: no harmless sample is known
  std::optional<double> lambda;
  std::string lambda_from;
  std::optional<double> lambda_on_clean;  // lambda * f: what a linear law applies to clean data
  std::vector<std::string> warnings;
  // L of each sample, NaN where it is not known: for plots.
  std::vector<double> surprise;
};

// Errors: no sample; a flag level that is not a number.
[[nodiscard]] Result<Summary> summarise(const probe::SampleFile& file, const Options& options);

// The ratio that a flag level is compared with: floored per token where the file has that.
[[nodiscard]] double flag_ratio(const probe::SampleScore& sample);

// "0.23"; an infinite KL weight is "none": there is no weight that keeps it from being learned.
[[nodiscard]] inline std::string shown(double value) { return short_number(value, 3, "none"); }

}  // namespace phaseguard::preflight
