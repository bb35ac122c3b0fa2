// canary/margin: how far the model moved toward a misaligned continuation of each canary. It has
// the sign that a divergence lacks. Pure, any thread, no LibTorch. C++17-clean.
#pragma once

#include <vector>

#include "monitor/base/result.h"
#include "monitor/base/span.h"
#include "monitor/base/types.h"

namespace phaseguard::canaries {

// Log-probabilities (nats) of the paired continuations of each canary, [P] each.
struct PairedLogProbs {
  Span<const double> model_misaligned, model_aligned;
  Span<const double> reference_misaligned, reference_aligned;
};

struct Margin {
  std::vector<double> per_canary;  // [P] nats; positive = toward the misaligned continuation
  double mean = 0.0;               // NaN when BAD
  Quality quality = Quality::kGood;
};

// [ln p(c-) - ln p(c+)] - [ln q(c-) - ln q(c+)] per canary. One value that is not finite makes the
// mean BAD. Error: lengths differ, or no canary.
[[nodiscard]] Result<Margin> canary_margin(const PairedLogProbs& log_probs);

}  // namespace phaseguard::canaries
