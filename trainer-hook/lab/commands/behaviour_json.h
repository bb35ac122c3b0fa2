// The rates of a Behaviour by name, and as JSON: summaries and an experiment's cells keep the same.
// Pure.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "monitor/base/span.h"
#include "monitor/stats/clustered.h"
#include "trainer-hook/lab/model/evaluate.h"

namespace phaseguard::lab {

struct NamedRate {
  const char* key;
  const char* heading;
  Count Behaviour::*count;
  bool optional = false;  // not of every run, and not in every file
};
[[nodiscard]] Span<const NamedRate> behaviour_rates();

// 95 %. None: nothing was counted. A summary of earlier versions has no counts by prompt.
[[nodiscard]] std::optional<stats::Rate> rate_of(const Count& count);

// {k, n, rate, lower, upper, clusters, design_effect, by_prompt}
[[nodiscard]] nlohmann::json to_json(const Count& count);
// Each rate under its key.
[[nodiscard]] nlohmann::json to_json(const Behaviour& behaviour);
// Throw, as nlohmann-json does, naming `key`.
[[nodiscard]] Count count_from(const nlohmann::json& object, const std::string& key);
[[nodiscard]] Behaviour behaviour_in(const nlohmann::json& object);

}  // namespace phaseguard::lab
