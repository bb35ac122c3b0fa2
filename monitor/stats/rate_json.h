// A rate as JSON, the same keys in every report. Only rooms that link nlohmann-json include this.
// Pure; any thread.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>

#include "monitor/stats/wilson.h"

namespace phaseguard::stats {

// null for none: nothing was counted. Clusters and design effect where there are clusters.
[[nodiscard]] inline nlohmann::json rate_json(const std::optional<Rate>& rate) {
  if (!rate) return nullptr;
  nlohmann::json out = {{"k", rate->k},
                        {"n", rate->n},
                        {"rate", rate->rate},
                        {"lower", rate->lower},
                        {"upper", rate->upper}};
  if (!rate->clusters) return out;
  out["clusters"] = rate->clusters->count;
  out["cluster_unit"] = rate->clusters->unit;
  out["design_effect"] = nullptr;
  if (rate->clusters->design_effect) out["design_effect"] = *rate->clusters->design_effect;
  return out;
}

}  // namespace phaseguard::stats
