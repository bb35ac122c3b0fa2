// The two instruments fitted on hidden states, with where they may be used: ActivationProbe (risk
// of a sample) and TraitDirection (drift of a model). A probe is saved as safetensors, directions
// several to a file (direction_set.h); a file of another layer, width or model is refused. No
// LibTorch: probe_tensor.h has the tensor calls. Immutable once made; any thread. C++17-clean.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "monitor/base/result.h"
#include "monitor/base/span.h"
#include "monitor/stats/ranking.h"
#include "monitor/tensors/safetensors.h"
#include "probe/fit/direction.h"
#include "probe/fit/features.h"
#include "probe/fit/logistic.h"
#include "probe/fit/scoring.h"

namespace phaseguard::probe {

// Where the features come from: a probe means something only there.
struct Site {
  std::string model_id;        // "theta0-world0-0123456789ab"
  std::string weights_sha256;  // of theta0; "" = not known, not compared
  std::string tokenizer;       // hash or name of tokenizer and template; "" = not compared
  std::string layer;           // module name: "block1"
  std::string position;        // "last_prompt" | "mean_prompt" | "mean_answer"
  std::string scored;          // "theta0": scores the data; "theta": scores drift
  std::int64_t width = 0;      // H
};
// Ok, or an Error naming the first field that differs, with both values.
[[nodiscard]] Result<void> same_site(const Site& saved, const Site& here, const std::string& what);

enum class CalibrationMethod { kPlatt, kTemperature };

struct ProbeOptions {
  double l2 = 1e-2;
  CalibrationMethod calibration = CalibrationMethod::kPlatt;
  double false_alarm_rate = 0.05;  // target of the saved threshold
  std::size_t bootstrap = 1000;
  std::uint64_t seed = 0;
  std::string date;  // as the caller writes it; "" = not recorded
};

// risk = sigma(slope * logit + intercept). Temperature: slope = 1 / T, intercept = 0.
struct Calibration {
  CalibrationMethod method = CalibrationMethod::kPlatt;
  double slope = 1.0, intercept = 0.0;
};
[[nodiscard]] const char* name_of(CalibrationMethod method);  // "platt" | "temperature"
[[nodiscard]] Result<CalibrationMethod> parse_calibration(const std::string& name);

// How the fit ended, and on what.
struct FitRecord {
  double l2 = 0.0;
  double gradient_max = 0.0;  // infinity norm at the optimum, <= 1e-8
  int iterations = 0;         // Newton steps
  std::size_t n_positive = 0, n_negative = 0;
  std::uint64_t seed = 0;  // of the bootstrap, and of a split that the caller made
  std::string date, data_sha256;
  std::vector<TracePoint> trace;  // not saved
};

// A probe's quality on data it was not fitted on.
struct HeldOut {
  double auroc = 0.0, auroc_lower = 0.0, auroc_upper = 0.0;  // bootstrap 95 %
  double auprc = 0.0, auprc_lower = 0.0, auprc_upper = 0.0;
  std::size_t resamples = 0;
  std::size_t n_positive = 0, n_negative = 0;
  std::size_t false_alarms = 0;  // negatives above the threshold, which was chosen on them
  std::string data_sha256;
};

// SHA-256 of features and labels: which data a probe was fitted or calibrated on.
[[nodiscard]] std::string data_digest(const Features& x, Span<const std::uint8_t> labels);

class ActivationProbe {
 public:
  // Fits on (x, y), calibrates and chooses the threshold on (held_x, held_y). Errors: as
  // fit_logistic, fit_platt and rank_scores; widths that differ from site.width; held-out data that
  // are the fitting data.
  [[nodiscard]] static Result<ActivationProbe> fit(const Features& x, Span<const std::uint8_t> y,
                                                   const Features& held_x,
                                                   Span<const std::uint8_t> held_y, Site site,
                                                   const ProbeOptions& options = {});

  // h: row-major [B, H]. [B] calibrated risk in 0..1; NaN for a row that is not finite (send it as
  // BAD). Error: the width does not fit.
  [[nodiscard]] Result<std::vector<double>> score(Span<const float> h, std::size_t rows) const;
  [[nodiscard]] Result<std::vector<double>> score(const Features& h) const;

  // How far these features are from the fitting set's (see direction.h).
  [[nodiscard]] Result<double> staleness_of(const Features& now) const;

  [[nodiscard]] const Site& site() const { return site_; }
  [[nodiscard]] const LogisticModel& model() const { return model_; }
  [[nodiscard]] const Calibration& calibration() const { return calibration_; }
  [[nodiscard]] double threshold() const { return threshold_; }  // on the calibrated risk, strict
  [[nodiscard]] double false_alarm_rate() const { return false_alarm_rate_; }
  [[nodiscard]] const HeldOut& held_out() const { return held_out_; }
  [[nodiscard]] const FitRecord& record() const { return record_; }
  // Folded weights and bias: logit = weights . h + bias, risk = sigma(slope logit + intercept).
  [[nodiscard]] const FoldedModel& folded() const { return folded_; }
  // NaN in, NaN out.
  [[nodiscard]] double risk_of(double logit) const;

  [[nodiscard]] Result<void> save(const std::filesystem::path& file) const;
  // Refuses a file fitted for another site than `here`.
  [[nodiscard]] static Result<ActivationProbe> load(const std::filesystem::path& file,
                                                    const Site& here);

  [[nodiscard]] tensors::TensorFile to_file() const;
  [[nodiscard]] static Result<ActivationProbe> from_file(const tensors::TensorFile& file,
                                                         const std::string& source);

 private:
  Result<void> hold_out(const Features& x, Span<const std::uint8_t> y, const ProbeOptions& options);

  Site site_;
  LogisticModel model_;
  FoldedModel folded_;
  Calibration calibration_;
  HeldOut held_out_;
  FitRecord record_;
  double threshold_ = 0.5, false_alarm_rate_ = 0.05;
};

class TraitDirection {
 public:
  // Error: widths differ from site.width, a value not finite, or the two means are the same.
  [[nodiscard]] static Result<TraitDirection> fit(const Features& trait, const Features& other,
                                                  std::string trait_name, Site site);

  // Mean movement along the direction from `reference` to `model` (same prompts, same order).
  [[nodiscard]] Result<Drift> drift(const Features& reference, const Features& model) const;

  [[nodiscard]] const std::string& trait() const { return trait_; }  // signal drift/<trait>
  [[nodiscard]] const Site& site() const { return site_; }
  [[nodiscard]] const Direction& direction() const { return direction_; }
  [[nodiscard]] std::size_t n_trait() const { return n_trait_; }
  [[nodiscard]] std::size_t n_other() const { return n_other_; }

  // From a saved direction (direction_set.h). Error: zero or not finite.
  [[nodiscard]] static Result<TraitDirection> from_raw(std::vector<double> raw,
                                                       std::string trait_name, Site site,
                                                       std::size_t n_trait, std::size_t n_other);

 private:
  std::string trait_;
  Site site_;
  Direction direction_;
  std::size_t n_trait_ = 0, n_other_ = 0;
};

}  // namespace phaseguard::probe
