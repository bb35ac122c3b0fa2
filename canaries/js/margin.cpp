#include "canaries/js/margin.h"

#include <cmath>
#include <cstddef>
#include <limits>

namespace phaseguard::canaries {

Result<Margin> canary_margin(const PairedLogProbs& log_probs) {
  const std::size_t n = log_probs.model_misaligned.size();
  if (n == 0 || log_probs.model_aligned.size() != n || log_probs.reference_misaligned.size() != n ||
      log_probs.reference_aligned.size() != n) {
    return fail(Errc::kInvalidArgument,
                "canary margin: expected four lists of one length, at least one canary each");
  }
  Margin margin;
  double sum = 0.0;
  for (std::size_t i = 0; i < n; ++i) {
    const double now = log_probs.model_misaligned[i] - log_probs.model_aligned[i];
    const double before = log_probs.reference_misaligned[i] - log_probs.reference_aligned[i];
    margin.per_canary.push_back(now - before);
    sum += now - before;
  }
  margin.mean = sum / static_cast<double>(n);
  if (!std::isfinite(sum)) {
    margin.mean = std::numeric_limits<double>::quiet_NaN();
    margin.quality = Quality::kBad;
  }
  return margin;
}

}  // namespace phaseguard::canaries
