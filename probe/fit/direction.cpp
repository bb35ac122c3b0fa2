#include "probe/fit/direction.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "monitor/base/text.h"

namespace phaseguard::probe {

namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

double mean_of(const std::vector<double>& values) {
  double sum = 0.0;
  for (double v : values) sum += v;
  return sum / static_cast<double>(values.size());
}

std::vector<double> column_means(const Features& x) {
  std::vector<double> mean(x.cols, 0.0);
  for (std::size_t i = 0; i < x.rows; ++i) {
    for (std::size_t j = 0; j < x.cols; ++j) mean[j] += x.row(i)[j];
  }
  for (double& m : mean) m /= static_cast<double>(x.rows);
  return mean;
}

std::vector<double> projections(Span<const double> unit, const Features& x) {
  std::vector<double> out(x.rows, 0.0);
  for (std::size_t i = 0; i < x.rows; ++i) {
    for (std::size_t j = 0; j < x.cols; ++j) out[i] += x.row(i)[j] * unit[j];
  }
  return out;
}

double population_sd(const std::vector<double>& values) {
  const double mean = mean_of(values);
  double sum = 0.0;
  for (double v : values) sum += (v - mean) * (v - mean);
  return std::sqrt(sum / static_cast<double>(values.size()));
}

// ln of the mean over contexts of exp(sum of a row). NaN where no context gives the answer a
// probability.
double log_mean_likelihood(Span<const double> logp, std::size_t tokens) {
  std::vector<double> sums(logp.size() / tokens, 0.0);
  for (std::size_t i = 0; i < logp.size(); ++i) sums[i / tokens] += logp[i];
  const double largest = *std::max_element(sums.begin(), sums.end());
  double likelihood = 0.0;
  for (double sum : sums) likelihood += std::exp(sum - largest);
  return largest + std::log(likelihood / static_cast<double>(sums.size()));
}

PersonaLlr ratio_of(double per_answer, std::size_t tokens) {
  if (!std::isfinite(per_answer)) return {kNaN, kNaN, Quality::kBad};
  return {per_answer, per_answer / static_cast<double>(tokens), Quality::kGood};
}

std::string shape_text(const Features& x) {
  return std::to_string(x.rows) + " x " + std::to_string(x.cols);
}

}  // namespace

Result<Direction> trait_direction(const Features& trait, const Features& other) {
  if (trait.rows == 0 || other.rows == 0 || trait.cols != other.cols) {
    return fail(Errc::kInvalidArgument, "trait direction: expected two sets of one width, found " +
                                            shape_text(trait) + " and " + shape_text(other));
  }
  Direction direction;
  direction.raw = column_means(trait);
  const std::vector<double> away = column_means(other);
  double squares = 0.0;
  for (std::size_t j = 0; j < direction.raw.size(); ++j) {
    direction.raw[j] -= away[j];
    squares += direction.raw[j] * direction.raw[j];
  }
  direction.norm = std::sqrt(squares);
  if (!(direction.norm > 0.0) || !std::isfinite(direction.norm)) {
    direction.quality = Quality::kBad;
    return direction;
  }
  direction.unit = direction.raw;
  for (double& u : direction.unit) u /= direction.norm;
  return direction;
}

Result<Drift> drift_along(Span<const double> unit, const Features& reference,
                          const Features& model) {
  if (reference.rows == 0 || reference.rows != model.rows || reference.cols != model.cols ||
      reference.cols != unit.size()) {
    return fail(Errc::kInvalidArgument, "drift: expected the same prompts at one width of " +
                                            std::to_string(unit.size()) + ", found reference " +
                                            shape_text(reference) + " and model " +
                                            shape_text(model));
  }
  Drift drift;
  drift.projection_reference = projections(unit, reference);
  drift.projection_model = projections(unit, model);
  drift.sd_reference = population_sd(drift.projection_reference);
  double sum = 0.0;
  for (std::size_t i = 0; i < reference.rows; ++i) {
    sum += drift.projection_model[i] - drift.projection_reference[i];
  }
  drift.drift = sum / static_cast<double>(reference.rows);
  if (!std::isfinite(drift.drift) || !std::isfinite(drift.sd_reference)) {
    drift.drift = kNaN;
    drift.quality = Quality::kBad;
  } else if (drift.sd_reference > 0.0) {
    drift.drift_in_sd = drift.drift / drift.sd_reference;
  }
  return drift;
}

Result<double> staleness(Span<const double> fit_mean, Span<const double> fit_sd,
                         const Features& now) {
  if (fit_mean.size() != fit_sd.size() || now.rows == 0 || now.cols != fit_mean.size()) {
    return fail(Errc::kInvalidArgument, "staleness: expected features of width " +
                                            std::to_string(fit_mean.size()) + ", found " +
                                            shape_text(now));
  }
  const std::vector<double> mean = column_means(now);
  double sum = 0.0;
  std::size_t counted = 0;
  for (std::size_t j = 0; j < mean.size(); ++j) {
    if (!(fit_sd[j] > 0.0)) continue;
    const double z = (mean[j] - fit_mean[j]) / fit_sd[j];
    sum += z * z;
    ++counted;
  }
  if (counted == 0) {
    return fail(Errc::kInvalidArgument, "staleness: no column of the fitting set has a spread");
  }
  return std::sqrt(sum / static_cast<double>(counted));
}

Result<PersonaLlr> persona_llr(Span<const double> logp_misaligned,
                               Span<const double> logp_aligned) {
  if (logp_misaligned.empty() || logp_misaligned.size() != logp_aligned.size()) {
    return fail(Errc::kInvalidArgument,
                "persona ratio: expected the same answer's tokens twice, found " +
                    std::to_string(logp_misaligned.size()) + " and " +
                    std::to_string(logp_aligned.size()));
  }
  double sum = 0.0;
  for (std::size_t t = 0; t < logp_aligned.size(); ++t) sum += logp_misaligned[t] - logp_aligned[t];
  return ratio_of(sum, logp_aligned.size());
}

Result<PersonaLlr> persona_llr(Span<const double> logp_misaligned, Span<const double> logp_aligned,
                               std::size_t tokens) {
  const auto fits = [&](Span<const double> side) {
    return tokens > 0 && !side.empty() && side.size() % tokens == 0;
  };
  if (!fits(logp_misaligned) || !fits(logp_aligned)) {
    return fail(Errc::kInvalidArgument,
                "persona ratio: expected " + std::to_string(tokens) +
                    " tokens of the same answer, at least 1, under each context, found " +
                    std::to_string(logp_misaligned.size()) + " and " +
                    std::to_string(logp_aligned.size()) + " log-probabilities");
  }
  return ratio_of(
      log_mean_likelihood(logp_misaligned, tokens) - log_mean_likelihood(logp_aligned, tokens),
      tokens);
}

}  // namespace phaseguard::probe
