#include "probe/probe.h"

#include <cmath>
#include <cstring>
#include <limits>
#include <utility>

#include "monitor/base/sha256.h"
#include "monitor/base/text.h"

namespace phaseguard::probe {

namespace {

Status width_fits(const Site& site, std::size_t cols, const std::string& what) {
  if (site.width == static_cast<std::int64_t>(cols)) return {};
  return fail(Errc::kInvalidArgument, what + ": fitted at width " + std::to_string(site.width) +
                                          " of layer " + phaseguard::quoted(site.layer, 60) +
                                          ", these features have width " + std::to_string(cols));
}

std::string data_digest(const Features& x, Span<const std::uint8_t> y) {
  std::string bytes(x.values.size() * sizeof(double), '\0');
  std::memcpy(bytes.data(), x.values.data(), bytes.size());
  bytes.append(y.begin(), y.end());
  return hex(sha256(bytes));
}

bool finite_row(Span<const double> row) {
  for (double v : row) {
    if (!std::isfinite(v)) return false;
  }
  return true;
}

tl::unexpected<Error> passed_on(const Error& error) { return tl::unexpected<Error>(error); }

}  // namespace

Status same_site(const Site& saved, const Site& here, const std::string& what) {
  const auto differs = [&](const char* field, const std::string& was, const std::string& is) {
    return fail(Errc::kRefused, what + ": fitted for " + field + " " + phaseguard::quoted(was) +
                                    ", this run has " + phaseguard::quoted(is) +
                                    "; fit one for this run, a probe does not transfer");
  };
  if (saved.model_id != here.model_id) return differs("model", saved.model_id, here.model_id);
  const auto known = [](const std::string& a, const std::string& b) {
    return !a.empty() && !b.empty();
  };
  if (known(saved.weights_sha256, here.weights_sha256) &&
      saved.weights_sha256 != here.weights_sha256) {
    return differs("weights", saved.weights_sha256, here.weights_sha256);
  }
  if (known(saved.tokenizer, here.tokenizer) && saved.tokenizer != here.tokenizer) {
    return differs("tokenizer", saved.tokenizer, here.tokenizer);
  }
  if (saved.layer != here.layer) return differs("layer", saved.layer, here.layer);
  if (saved.width != here.width) {
    return differs("width", std::to_string(saved.width), std::to_string(here.width));
  }
  if (saved.position != here.position) return differs("position", saved.position, here.position);
  if (saved.scored != here.scored) return differs("scored object", saved.scored, here.scored);
  return {};
}

Result<ActivationProbe> ActivationProbe::fit(const Features& x, Span<const std::uint8_t> y,
                                             const Features& held_x,
                                             Span<const std::uint8_t> held_y, Site site,
                                             const ProbeOptions& options) {
  if (auto ok = width_fits(site, x.cols, "probe"); !ok) return passed_on(ok.error());
  if (auto ok = width_fits(site, held_x.cols, "probe, held-out set"); !ok) {
    return passed_on(ok.error());
  }
  if (auto ok = check_finite(held_x, "held-out features"); !ok) return passed_on(ok.error());
  auto fitted = fit_logistic(x, y, options.l2);
  if (!fitted) return passed_on(fitted.error());

  ActivationProbe probe;
  probe.site_ = std::move(site);
  probe.model_ = std::move(fitted->model);
  probe.gradient_max_ = fitted->gradient_max;
  probe.l2_ = options.l2;
  probe.seed_ = options.seed;
  probe.date_ = options.date;
  probe.false_alarm_rate_ = options.false_alarm_rate;
  probe.data_sha256_ = data_digest(x, y);
  for (std::uint8_t label : y) (label != 0 ? probe.n_positive_ : probe.n_negative_) += 1;

  std::vector<double> logits, risks, negatives;
  for (std::size_t i = 0; i < held_x.rows; ++i)
    logits.push_back(logit(probe.model_, held_x.row(i)));
  const auto platt = fit_platt(logits, held_y);
  if (!platt) return passed_on(platt.error());
  probe.calibration_ = *platt;
  for (std::size_t i = 0; i < logits.size(); ++i) {
    risks.push_back(sigmoid(platt->slope * logits[i] + platt->intercept));
    if (held_y[i] == 0) negatives.push_back(risks.back());
  }
  const auto ranking = rank_scores(risks, held_y);
  if (!ranking) return passed_on(ranking.error());
  const auto interval = bootstrap_auroc(risks, held_y, options.bootstrap, options.seed);
  if (!interval) return passed_on(interval.error());
  const auto alarm = threshold_for_false_alarm_rate(negatives, options.false_alarm_rate);
  if (!alarm) return passed_on(alarm.error());
  probe.threshold_ = alarm->threshold;
  probe.held_out_ = {ranking->auroc, interval->lower,     interval->upper,
                     ranking->auprc, ranking->n_positive, ranking->n_negative};
  return probe;
}

Result<std::vector<double>> ActivationProbe::score(const Features& h) const {
  if (auto ok = width_fits(site_, h.cols, "probe"); !ok) return passed_on(ok.error());
  std::vector<double> risks(h.rows);
  for (std::size_t i = 0; i < h.rows; ++i) {
    const double t = logit(model_, h.row(i));
    risks[i] = finite_row(h.row(i)) ? sigmoid(calibration_.slope * t + calibration_.intercept)
                                    : std::numeric_limits<double>::quiet_NaN();
  }
  return risks;
}

Result<std::vector<double>> ActivationProbe::score(Span<const float> h, std::size_t rows) const {
  const auto features = make_features(h, rows, static_cast<std::size_t>(site_.width));
  if (!features) return passed_on(features.error());
  return score(*features);
}

Result<double> ActivationProbe::staleness_of(const Features& now) const {
  return staleness(model_.mean, model_.sd, now);
}

Result<TraitDirection> TraitDirection::fit(const Features& trait, const Features& other,
                                           std::string trait_name, Site site) {
  for (const Features* set : {&trait, &other}) {
    if (auto ok = width_fits(site, set->cols, "trait direction"); !ok) return passed_on(ok.error());
    if (auto ok = check_finite(*set, "trait features"); !ok) return passed_on(ok.error());
  }
  auto direction = trait_direction(trait, other);
  if (!direction) return passed_on(direction.error());
  if (direction->quality != Quality::kGood) {
    return fail(Errc::kInvalidArgument,
                "trait direction " + phaseguard::quoted(trait_name, 60) +
                    ": the samples with the trait and those without have the same mean state");
  }
  TraitDirection out;
  out.trait_ = std::move(trait_name);
  out.site_ = std::move(site);
  out.direction_ = std::move(*direction);
  out.n_trait_ = trait.rows;
  out.n_other_ = other.rows;
  return out;
}

Result<Drift> TraitDirection::drift(const Features& reference, const Features& model) const {
  return drift_along(direction_.unit, reference, model);
}

}  // namespace phaseguard::probe
