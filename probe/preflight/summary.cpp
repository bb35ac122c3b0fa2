#include "probe/preflight/summary.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "monitor/base/text.h"
#include "monitor/base/types.h"

namespace phaseguard::preflight {

namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kMinDeadZone = 1.0 / 3.0;  // f from which a dead zone is empty

template <class Value>
Column column_of(const char* name, const char* unit, double min, double max,
                 const std::vector<probe::SampleScore>& samples, Value value) {
  Column column;
  column.name = name;
  column.unit = unit;
  for (const probe::SampleScore& sample : samples) {
    const double v = value(sample);
    if (std::isnan(v)) {
      ++column.missing;
    } else if (!std::isfinite(v) || v < min || v > max) {
      ++column.bad;
    } else {
      column.values.push_back(v);
    }
  }
  column.n = column.values.size();
  if (column.n > 0) column.quantiles = quantiles_of(column.values);
  return column;
}

bool good_judge(double value) { return value >= 0.0 && value <= 1.0; }

std::optional<JudgeNoise> noise_of(const std::vector<probe::SampleScore>& samples, bool all_clean) {
  JudgeNoise noise;
  double sum = 0.0;
  for (const probe::SampleScore& sample : samples) {
    if ((!all_clean && sample.label != 0) || !good_judge(sample.judge)) continue;
    sum += sample.judge;
    ++noise.n;
  }
  if (noise.n == 0) return std::nullopt;
  noise.score = sum / static_cast<double>(noise.n);
  noise.has_dead_zone = noise.score < kMinDeadZone;
  noise.lower = 2.0 * noise.score;
  noise.upper = 1.0 - noise.score;
  return noise;
}

std::vector<Summary::Critical> critical_of(const Quantiles& q) {
  std::vector<Summary::Critical> out;
  const std::pair<const char*, double> at[] = {
      {"5 %", q.p05}, {"25 %", q.p25}, {"median", q.p50}, {"75 %", q.p75}, {"95 %", q.p95}};
  for (const auto& [name, nll] : at) {
    out.push_back({name, nll, critical_lambda(nll), nll > 0.0 ? 2.0 / nll : kInf});
  }
  return out;
}

void flag_samples(const std::vector<probe::SampleScore>& samples, const Options& options,
                  Summary& out) {
  std::int64_t by_llr = 0, by_judge = 0;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    std::string why;
    const double ratio = flag_ratio(samples[i]), judge = samples[i].judge;
    if (std::isfinite(ratio) && ratio > options.flag_llr) {
      ++by_llr;
      why = "persona ratio " + shown(ratio) + " > " + shown(options.flag_llr);
    }
    if (good_judge(judge) && judge > options.flag_judge) {
      ++by_judge;
      why +=
          (why.empty() ? "judge " : ", judge ") + shown(judge) + " > " + shown(options.flag_judge);
    }
    if (!why.empty()) out.flagged.push_back({i, std::move(why)});
  }
  const auto rate = [](std::int64_t k, std::size_t n) -> std::optional<stats::Rate> {
    const auto found = stats::wilson(k, static_cast<std::int64_t>(n));
    if (!found) return std::nullopt;
    return *found;
  };
  out.share_llr = rate(by_llr, out.llr.n);
  out.share_judge = rate(by_judge, out.judge.n);
  const auto rank = [&](const Flagged& flagged) {
    const probe::SampleScore& s = samples[flagged.index];
    const double ratio = flag_ratio(s);
    return std::pair(std::isfinite(ratio) ? ratio : -kInf, good_judge(s.judge) ? s.judge : -kInf);
  };
  std::stable_sort(out.flagged.begin(), out.flagged.end(),
                   [&](const Flagged& a, const Flagged& b) { return rank(a) > rank(b); });
}

void warn_of_lambda(Summary& out) {
  const auto median = std::find_if(out.critical.begin(), out.critical.end(),
                                   [](const auto& c) { return c.at == "median"; });
  if (!out.lambda || median == out.critical.end()) return;
  const std::string limit =
      "lambda* = " + shown(median->lambda) + " of the median L = " + shown(median->nll);
  if (*out.lambda > median->lambda) {
    out.warnings.push_back("a KL weight of " + shown(*out.lambda) + " (" + out.lambda_from +
                           ") is above " + limit +
                           " nats: while it is in force, half of this data set is not learned");
  }
  if (!out.noise) return;
  out.lambda_on_clean = *out.lambda * out.noise->score;
  if (*out.lambda_on_clean > median->lambda) {
    out.warnings.push_back(
        "lambda times the judge's score on clean data, " + shown(*out.lambda) + " x " +
        shown(out.noise->score) + " = " + shown(*out.lambda_on_clean) + ", exceeds " + limit +
        ": a law that follows the score without a dead zone stops a harmless task");
  }
}

void warn_of_columns(Summary& out) {
  for (const Column* column : {&out.nll, &out.nll_max, &out.llr, &out.judge}) {
    if (column->bad == 0) continue;
    out.warnings.push_back(std::to_string(column->bad) + " of " + std::to_string(out.samples) +
                           " values of " + column->name +
                           " are BAD (outside their range) and counted nowhere");
  }
  if (out.noise && !out.noise->has_dead_zone) {
    out.warnings.push_back("the judge scores clean data " + shown(out.noise->score) +
                           ", a third or more: no dead zone is left, its score separates nothing");
  }
  if (out.nll.n == 0 && out.nll_max.n == 0) {
    out.warnings.push_back("no sample has a negative log-likelihood: lambda* is not known");
  }
}

}  // namespace

Quantiles quantiles_of(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const auto at = [&](double share) {
    const double place = share * static_cast<double>(values.size() - 1);
    const auto below = static_cast<std::size_t>(place);
    const std::size_t above = std::min(below + 1, values.size() - 1);
    return values[below] + (place - static_cast<double>(below)) * (values[above] - values[below]);
  };
  Quantiles q{at(0.0), at(0.05), at(0.25), at(0.5), at(0.75), at(0.95), at(1.0), 0.0};
  for (double v : values) q.mean += v / static_cast<double>(values.size());
  return q;
}

double critical_lambda(double nll) {
  if (!(nll > kLn2)) return kInf;
  return 2.0 / (nll + std::log1p(-std::exp(-nll)));
}

double flag_ratio(const probe::SampleScore& sample) {
  return std::isnan(sample.llr_flag) ? sample.llr : sample.llr_flag;
}

Result<Summary> summarise(const probe::SampleFile& file, const Options& options) {
  if (file.samples.empty()) return fail(Errc::kInvalidArgument, "pre-flight: no sample");
  if (std::isnan(options.flag_llr) || std::isnan(options.flag_judge)) {
    return fail(Errc::kInvalidArgument, "pre-flight: a flag level is not a number");
  }
  const auto& samples = file.samples;
  Summary out;
  out.source = file.source;
  out.samples = samples.size();
  for (const auto& sample : samples) out.tokens += sample.tokens;
  out.nll = column_of("reference NLL per token", "nats", 0.0, kInf, samples,
                      [](const auto& s) { return s.nll; });
  out.nll_max = column_of("reference NLL of the decisive token", "nats", 0.0, kInf, samples,
                          [](const auto& s) { return s.nll_max; });
  out.llr = column_of("persona ratio", "nats per answer", -kInf, kInf, samples,
                      [](const auto& s) { return flag_ratio(s); });
  out.judge =
      column_of("judge score", "risk", 0.0, 1.0, samples, [](const auto& s) { return s.judge; });
  out.decisive = out.nll_max.n > 0;
  const Column& surprise = out.decisive ? out.nll_max : out.nll;
  if (surprise.quantiles) out.critical = critical_of(*surprise.quantiles);
  for (const auto& sample : samples) {
    const double value = out.decisive ? sample.nll_max : sample.nll;
    out.surprise.push_back(value >= 0.0 && std::isfinite(value) ? value : std::nan(""));
  }
  flag_samples(samples, options, out);
  out.noise = noise_of(options.clean.empty() ? samples : options.clean, !options.clean.empty());
  out.lambda = options.lambda;
  out.lambda_from = options.lambda_from;
  warn_of_lambda(out);
  warn_of_columns(out);
  return out;
}

}  // namespace phaseguard::preflight
