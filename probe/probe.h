// The two instruments fitted on hidden states, with where they may be used: ActivationProbe (risk
// of a sample) and TraitDirection (drift of a model). Saved as safetensors; a file of another
// layer, width or model is refused. No LibTorch: probe_tensor.h has the tensor calls. Immutable
// once made; any thread. C++17-clean.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "monitor/base/result.h"
#include "monitor/base/span.h"
#include "probe/direction.h"
#include "probe/features.h"
#include "probe/logistic.h"
#include "probe/ranking.h"
#include "probe/safetensors.h"

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
[[nodiscard]] Status same_site(const Site& saved, const Site& here, const std::string& what);

struct ProbeOptions {
  double l2 = 1e-2;
  double false_alarm_rate = 0.05;  // target of the saved threshold
  std::size_t bootstrap = 1000;
  std::uint64_t seed = 0;
  std::string date;  // as the caller writes it; "" = not recorded
};

// A probe's quality on data it was not fitted on.
struct HeldOut {
  double auroc = 0.0, auroc_lower = 0.0, auroc_upper = 0.0;  // bootstrap 95 %
  double auprc = 0.0;
  std::size_t n_positive = 0, n_negative = 0;
};

class ActivationProbe {
 public:
  // Fits on (x, y), calibrates (Platt) and chooses the threshold on (held_x, held_y). Errors: as
  // fit_logistic, fit_platt and rank_scores; widths that differ from site.width.
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
  [[nodiscard]] const PlattFit& calibration() const { return calibration_; }
  [[nodiscard]] double threshold() const { return threshold_; }  // on the calibrated risk, strict
  [[nodiscard]] double false_alarm_rate() const { return false_alarm_rate_; }
  [[nodiscard]] const HeldOut& held_out() const { return held_out_; }

  [[nodiscard]] Status save(const std::filesystem::path& file) const;
  // Refuses a file fitted for another site than `here`.
  [[nodiscard]] static Result<ActivationProbe> load(const std::filesystem::path& file,
                                                    const Site& here);

  [[nodiscard]] TensorFile to_file() const;
  [[nodiscard]] static Result<ActivationProbe> from_file(const TensorFile& file,
                                                         const std::string& source);

 private:
  Site site_;
  LogisticModel model_;
  PlattFit calibration_;
  HeldOut held_out_;
  double threshold_ = 0.5, false_alarm_rate_ = 0.05;
  double l2_ = 0.0, gradient_max_ = 0.0;
  std::size_t n_positive_ = 0, n_negative_ = 0;
  std::uint64_t seed_ = 0;
  std::string date_, data_sha256_;
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

  [[nodiscard]] Status save(const std::filesystem::path& file) const;
  [[nodiscard]] static Result<TraitDirection> load(const std::filesystem::path& file,
                                                   const Site& here);
  [[nodiscard]] TensorFile to_file() const;
  [[nodiscard]] static Result<TraitDirection> from_file(const TensorFile& file,
                                                        const std::string& source);

 private:
  std::string trait_;
  Site site_;
  Direction direction_;
  std::size_t n_trait_ = 0, n_other_ = 0;
};

}  // namespace phaseguard::probe
