#include "trainer-hook/defenses/data/weighting.h"

#include <cmath>
#include <string>

#include "monitor/base/text.h"

namespace phaseguard::defenses {

namespace {

// How far a sample is lowered at full strength, 0..1.
double lowered_by(double risk, const RiskWeighting& law, bool scored) {
  if (!scored) return law.unscored == Unscored::kDrop ? 1.0 : 0.0;
  if (law.drop_above) return risk > *law.drop_above ? 1.0 : 0.0;
  return risk;
}

}  // namespace

Result<SampleWeights> weigh(Span<const double> risk, double strength, const RiskWeighting& law) {
  const bool usable = !risk.empty() && strength >= 0.0 && strength <= 1.0 &&
                      (!law.drop_above || std::isfinite(*law.drop_above));
  if (!usable) {
    return fail(Errc::kInvalidArgument,
                "weighting: expected at least one sample, a strength in 0..1 and a finite "
                "threshold, found " +
                    std::to_string(risk.size()) + " samples, strength " + number_text(strength));
  }
  SampleWeights out;
  double sum = 0.0;
  for (const double r : risk) {
    const bool scored = r >= 0.0 && r <= 1.0;
    const double weight = 1.0 - strength * lowered_by(r, law, scored);
    out.weights.push_back(weight);
    out.n_unscored += scored ? 0 : 1;
    out.n_lowered += weight < 1.0 ? 1 : 0;
    sum += weight;
  }
  out.mean = sum / static_cast<double>(risk.size());
  return out;
}

}  // namespace phaseguard::defenses
