#include "trainer-hook/evaluate/rate_book.h"

#include <map>
#include <utility>

#include "monitor/stats/clustered.h"

namespace phaseguard::evaluate {

void RateBook::add(const Origin& origin, bool hit) {
  entries_.push_back({origin, hit});
  worlds_.insert(origin.world);
  seeds_.insert(origin.seed);
  prompts_named_ = prompts_named_ || !origin.prompt.empty();
}

Result<std::optional<stats::Rate>> RateBook::rate(double confidence) const {
  if (entries_.empty()) return std::optional<stats::Rate>();
  const bool by_world = worlds_.size() > 1, by_seed = seeds_.size() > 1;
  const std::string unit = by_world ? "world" : by_seed ? "seed" : prompts_named_ ? "prompt" : "";
  // An answer whose prompt nobody named is a cluster of its own.
  std::map<std::pair<std::string, std::size_t>, stats::Tally> tallies;
  stats::Tally all;
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    const auto& [origin, hit] = entries_[i];
    const std::string& key = by_world ? origin.world : by_seed ? origin.seed : origin.prompt;
    const bool own = !by_world && !by_seed && key.empty();
    for (stats::Tally* one : {&tallies[{key, own ? i + 1 : 0}], &all}) {
      one->k += hit ? 1 : 0;
      ++one->n;
    }
  }
  std::vector<stats::Tally> clusters;
  for (const auto& [key, one] : tallies) clusters.push_back(one);
  auto made = unit.empty() ? stats::wilson(all.k, all.n, confidence)
                           : stats::clustered(clusters, unit, confidence);
  if (!made) return tl::unexpected<Error>(made.error());
  return std::optional<stats::Rate>(std::move(*made));
}

}  // namespace phaseguard::evaluate
