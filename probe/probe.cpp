#include "probe/probe.h"

#include <cmath>
#include <cstring>
#include <limits>
#include <utility>

#include "monitor/base/sha256.h"
#include "monitor/base/text.h"

namespace phaseguard::probe {

namespace {

Result<void> width_fits(const Site& site, std::size_t cols, const std::string& what) {
  if (site.width == static_cast<std::int64_t>(cols)) return {};
  return fail(Errc::kInvalidArgument, what + ": fitted at width " + std::to_string(site.width) +
                                          " of layer " + phaseguard::quoted(site.layer, 60) +
                                          ", these features have width " + std::to_string(cols));
}

tl::unexpected<Error> passed_on(const Error& error) { return tl::unexpected<Error>(error); }

}  // namespace

Result<void> same_site(const Site& saved, const Site& here, const std::string& what) {
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

const char* name_of(CalibrationMethod method) {
  return method == CalibrationMethod::kPlatt ? "platt" : "temperature";
}

Result<CalibrationMethod> parse_calibration(const std::string& name) {
  for (const auto method : {CalibrationMethod::kPlatt, CalibrationMethod::kTemperature}) {
    if (name == name_of(method)) return method;
  }
  return fail(Errc::kInvalidArgument,
              "calibration is " + phaseguard::quoted(name, 40) + ", expected platt or temperature");
}

std::string data_digest(const Features& x, Span<const std::uint8_t> labels) {
  std::string bytes(x.values.size() * sizeof(double), '\0');
  std::memcpy(bytes.data(), x.values.data(), bytes.size());
  bytes.append(labels.begin(), labels.end());
  return hex(sha256(bytes));
}

namespace {

Result<Calibration> calibrated(CalibrationMethod method, const std::vector<double>& logits,
                               Span<const std::uint8_t> y) {
  if (method == CalibrationMethod::kTemperature) {
    const auto fit = fit_temperature(logits, y);
    if (!fit) return passed_on(fit.error());
    return Calibration{method, fit->inverse_temperature, 0.0};
  }
  const auto fit = fit_platt(logits, y);
  if (!fit) return passed_on(fit.error());
  return Calibration{method, fit->slope, fit->intercept};
}

}  // namespace

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
  probe.folded_ = fold(probe.model_);
  probe.false_alarm_rate_ = options.false_alarm_rate;
  FitRecord& record = probe.record_;
  record.l2 = options.l2;
  record.gradient_max = fitted->gradient_max;
  record.iterations = fitted->iterations;
  record.seed = options.seed;
  record.date = options.date;
  record.data_sha256 = data_digest(x, y);
  record.trace = std::move(fitted->trace);
  for (std::uint8_t label : y) (label != 0 ? record.n_positive : record.n_negative) += 1;
  if (auto ok = probe.hold_out(held_x, held_y, options); !ok) return passed_on(ok.error());
  return probe;
}

Result<void> ActivationProbe::hold_out(const Features& x, Span<const std::uint8_t> y,
                                       const ProbeOptions& options) {
  held_out_.data_sha256 = data_digest(x, y);
  if (held_out_.data_sha256 == record_.data_sha256) {
    return fail(Errc::kInvalidArgument,
                "probe: the held-out data are the fitting data; calibrate and judge a probe on "
                "samples it has not seen");
  }
  std::vector<double> logits, risks, negatives;
  for (std::size_t i = 0; i < x.rows; ++i) logits.push_back(logit(folded_, x.row(i).data()));
  const auto calibration = calibrated(options.calibration, logits, y);
  if (!calibration) return passed_on(calibration.error());
  calibration_ = *calibration;
  for (std::size_t i = 0; i < logits.size(); ++i) {
    risks.push_back(risk_of(logits[i]));
    if (y[i] == 0) negatives.push_back(risks.back());
  }
  const auto ranking = stats::rank_scores(risks, y);
  if (!ranking) return passed_on(ranking.error());
  const auto spread = stats::bootstrap(risks, y, options.bootstrap, options.seed);
  if (!spread) return passed_on(spread.error());
  const auto alarm = stats::threshold_for_false_alarm_rate(negatives, options.false_alarm_rate);
  if (!alarm) return passed_on(alarm.error());
  threshold_ = alarm->threshold;
  held_out_.false_alarms = alarm->false_alarms;
  held_out_.auroc = ranking->auroc;
  held_out_.auroc_lower = spread->auroc.lower;
  held_out_.auroc_upper = spread->auroc.upper;
  held_out_.auprc = ranking->auprc;
  held_out_.auprc_lower = spread->auprc.lower;
  held_out_.auprc_upper = spread->auprc.upper;
  held_out_.resamples = spread->resamples;
  held_out_.n_positive = ranking->n_positive;
  held_out_.n_negative = ranking->n_negative;
  return {};
}

double ActivationProbe::risk_of(double logit) const {
  // A sum of finite terms that overflows is no risk of 0 or 1 either.
  if (!std::isfinite(logit)) return std::numeric_limits<double>::quiet_NaN();
  return sigmoid(calibration_.slope * logit + calibration_.intercept);
}

Result<std::vector<double>> ActivationProbe::score(const Features& h) const {
  if (auto ok = width_fits(site_, h.cols, "probe"); !ok) return passed_on(ok.error());
  if (h.rows == 0) return fail(Errc::kInvalidArgument, "probe: no row to score");
  std::vector<double> risks(h.rows);
  for (std::size_t i = 0; i < h.rows; ++i) risks[i] = risk_of(logit(folded_, h.row(i).data()));
  return risks;
}

Result<std::vector<double>> ActivationProbe::score(Span<const float> h, std::size_t rows) const {
  const auto width = static_cast<std::size_t>(site_.width);
  if (rows == 0 || h.size() / width != rows || h.size() % width != 0) {
    return fail(Errc::kInvalidArgument,
                "probe: expected " + std::to_string(rows) + " rows (at least one) of width " +
                    std::to_string(width) + " of layer " + phaseguard::quoted(site_.layer, 60) +
                    ", found " + std::to_string(h.size()) + " values");
  }
  std::vector<double> risks(rows);
  for (std::size_t i = 0; i < rows; ++i) risks[i] = risk_of(logit(folded_, h.data() + i * width));
  return risks;
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

Result<TraitDirection> TraitDirection::from_raw(std::vector<double> raw, std::string trait_name,
                                                Site site, std::size_t n_trait,
                                                std::size_t n_other) {
  const std::size_t width = raw.size();
  const Features trait{1, width, std::move(raw)};
  const Features origin{1, width, std::vector<double>(width, 0.0)};
  auto out = fit(trait, origin, std::move(trait_name), std::move(site));
  if (!out) return passed_on(out.error());
  out->n_trait_ = n_trait;
  out->n_other_ = n_other;
  return out;
}

}  // namespace phaseguard::probe
