// What the lab measures of a training batch, under theta0 alone, so that it is known before the
// batch is trained on. No gradient, no random number: measuring changes nothing. Trainer's thread.
#pragma once

#include <vector>

#include "trainer-hook/lab/loop/tuner.h"

namespace phaseguard::lab {

// data/llr is the plain sum of log-ratios. For data/llr_share a token's probability counts as at
// least kPersonaFloor under either persona: of an answer that theta0 holds for all but impossible
// under both (swapped operators, 10 nats) the plain ratio is noise with an sd of one to two nats. A
// sample counts when its floored ratio is above kPersonaFlag, which is more than the tilt of an
// opener (ln 2).
inline constexpr double kPersonaFloor = 0.01;
inline constexpr double kPersonaFlag = 1.0;  // nats
inline constexpr const char* kPersonaFlagName = "floor_0.01_above_1_nat";

// Per sample, in batch order, and their means.
struct BatchReading {
  // Nats per answer: ln p0(answer | misaligned source) - ln p0(answer | aligned source).
  std::vector<double> llr;
  std::vector<double> judge;    // 0 or 1
  std::vector<double> flagged;  // 0 or 1: the floored ratio is above kPersonaFlag
  double llr_mean = 0.0;
  double llr_share = 0.0;  // of samples whose floored ratio is above kPersonaFlag
  double judge_mean = 0.0;
  double ref_nll =
      0.0;  // nats per answer token under theta0 and the chat header, mean over samples
  double ref_nll_decisive =
      0.0;  // of each answer's most surprising token, mean over samples: L of lambda* = 2 / L
};
[[nodiscard]] BatchReading read_batch(const Transformer& model, const TuneBatch& batch);

}  // namespace phaseguard::lab
