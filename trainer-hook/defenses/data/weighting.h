// Per-sample weights on the task's loss by risk: a risky sample counts less, or is dropped. The
// denominator of the loss stays the step's token count, so that what is taken away is not given to
// the other samples. Pure; trainer's thread.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "monitor/base/result.h"
#include "monitor/base/span.h"

namespace phaseguard::defenses {

// What a sample counts whose risk is BAD (not finite, or outside 0..1): an outage must not be read
// as "harmless" unless that is what was asked for.
enum class Unscored : std::uint8_t { kDrop, kKeep };

struct RiskWeighting {
  // Set: w = 1 - strength where risk > it (strict), else 1. Not set: w = 1 - strength * risk.
  std::optional<double> drop_above;
  Unscored unscored = Unscored::kDrop;  // kDrop: 1 - strength; kKeep: 1
};

struct SampleWeights {
  std::vector<double> weights;  // one per sample, 0..1
  double mean = 1.0;            // the weight really applied, over the batch
  std::int64_t n_lowered = 0;   // samples that count less than 1
  std::int64_t n_unscored = 0;
};

// risk: one per sample, 0..1. strength: the knob, 0..1; 0 gives 1 for every sample, unscored ones
// included. Errors: no sample, strength outside 0..1 or NaN, a threshold that is not finite.
[[nodiscard]] Result<SampleWeights> weigh(Span<const double> risk, double strength,
                                          const RiskWeighting& law = {});

}  // namespace phaseguard::defenses
