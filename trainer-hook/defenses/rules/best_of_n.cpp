#include "trainer-hook/defenses/rules/best_of_n.h"

#include <cmath>
#include <limits>
#include <string>

namespace phaseguard::defenses {

namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

double sum_of(const std::vector<double>& answer) {
  double sum = answer.empty() ? kNaN : 0.0;
  for (const double value : answer) sum += value <= 0.0 ? value : kNaN;
  return sum;
}

// Index of the largest, the first of equals; BAD entries are passed over. `values` has a GOOD one.
std::size_t largest(const std::vector<double>& values) {
  std::size_t best = values.size();
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (std::isnan(values[i])) continue;
    if (best == values.size() || values[i] > values[best]) best = i;
  }
  return best;
}

}  // namespace

Result<BestOfN> best_of_n(const std::vector<std::vector<double>>& token_logprobs) {
  BestOfN out;
  for (const auto& answer : token_logprobs) {
    const double sum = sum_of(answer);
    out.sum.push_back(sum);
    out.mean.push_back(sum / static_cast<double>(answer.size()));
    out.n_bad += std::isnan(sum) ? 1 : 0;
  }
  if (static_cast<std::size_t>(out.n_bad) == token_logprobs.size()) {
    return fail(Errc::kInvalidArgument,
                "best of n: expected an answer whose log-probabilities are all <= 0, found none "
                "among " +
                    std::to_string(token_logprobs.size()) + " answers");
  }
  out.chosen = largest(out.sum);
  out.chosen_by_mean = largest(out.mean);
  return out;
}

}  // namespace phaseguard::defenses
