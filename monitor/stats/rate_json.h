// A rate as JSON, the same keys in every report. Only rooms that link nlohmann-json include this.
// Pure; any thread.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>

#include "monitor/stats/wilson.h"

namespace phaseguard::stats {

// null for none: nothing was counted.
[[nodiscard]] inline nlohmann::json rate_json(const std::optional<Rate>& rate) {
  if (!rate) return nullptr;
  return {{"k", rate->k},
          {"n", rate->n},
          {"rate", rate->rate},
          {"lower", rate->lower},
          {"upper", rate->upper}};
}

}  // namespace phaseguard::stats
