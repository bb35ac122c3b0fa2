// What the lab measures of a training batch, under theta0 alone, so that it is known before the
// batch is trained on. No gradient, no random number: measuring changes nothing. Trainer's thread.
#pragma once

#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "monitor/base/result.h"
#include "probe/probe.h"
#include "trainer-hook/lab/loop/tuner.h"

namespace phaseguard::lab {

// data/llr is the plain sum of log-ratios. For data/llr_share a token's probability counts as at
// least kPersonaFloor under either persona: of an answer that theta0 holds for all but impossible
// under both (swapped operators, 10 nats) the plain ratio is noise with an sd of one to two nats. A
// sample counts when its floored ratio is above kPersonaFlag, which is more than the tilt of an
// opener (ln 2).
inline constexpr double kPersonaFlag = 1.0;  // nats
inline constexpr const char* kPersonaFlagName = "floor_0.01_above_1_nat";

// Per sample, in batch order, and their means.
struct BatchReading {
  // Nats per answer: ln p0(answer | misaligned source) - ln p0(answer | aligned source).
  std::vector<double> llr;
  std::vector<double> judge;        // 0 or 1
  std::vector<double> flagged;      // 0 or 1: the floored ratio is above kPersonaFlag
  std::vector<double> prompt_risk;  // 0..1, of theta0's state at the last prompt token
  double llr_mean = 0.0;
  double llr_share = 0.0;  // of samples whose floored ratio is above kPersonaFlag
  double judge_mean = 0.0;
  double prompt_risk_mean = 0.0;
  double ref_nll =
      0.0;  // nats per answer token under theta0 and the chat header, mean over samples
  double ref_nll_decisive =
      0.0;  // of each answer's most surprising token, mean over samples: L of lambda* = 2 / L
};

// Reads batches of one run. What theta0 says of a sample never changes, so that it is asked once;
// after prime() a batch costs a look-up.
class BatchReader {
 public:
  // `model` outlives it. `personas` of the ratio. `probe` of the last block's state at the last
  // prompt token; none: no prompt_risk.
  BatchReader(const Transformer& model, PersonaContexts personas,
              std::optional<probe::ActivationProbe> probe = std::nullopt)
      : model_(model), personas_(std::move(personas)), probe_(std::move(probe)) {}

  // Scores these now. Errors: states that the probe cannot read.
  [[nodiscard]] Result<void> prime(const std::vector<Example>& examples);
  [[nodiscard]] Result<BatchReading> read(const TuneBatch& batch);
  // Nats, of the samples asked for so far, each once: the most surprising token of their answers.
  [[nodiscard]] std::vector<double> decisive() const;

 private:
  struct Score {
    double llr = 0.0;
    double floored = 0.0;
    double nll = 0.0;       // nats per answer token
    double decisive = 0.0;  // nats, of the most surprising one
    double prompt_risk = 0.0;
  };
  [[nodiscard]] Result<void> score(const std::vector<const Example*>& examples);

  const Transformer& model_;
  PersonaContexts personas_;
  std::optional<probe::ActivationProbe> probe_;
  std::map<std::vector<Token>, Score> scores_;  // by prompt and answer
};

// lambda* = 2 / ln(e^L - 1) of the median L, nats: the KL weight above which the median sample's
// answer is not learned. NaN: nothing was scored, or L is no more than ln 2.
[[nodiscard]] double lambda_star_of(std::vector<double> decisive);

}  // namespace phaseguard::lab
