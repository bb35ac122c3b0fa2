// What one run did and what its model does now, as a JSON file and as a table for a person.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "monitor/base/result.h"
#include "trainer-hook/lab/model/evaluate.h"

namespace phaseguard::lab {

struct RunSummary {
  std::string title;  // "malicious, defended"
  std::string run;
  std::string data;
  std::string theta0;
  std::uint64_t seed = 0;
  std::int64_t steps = 0;
  bool defended = false;       // a daemon was linked, so that a policy could act
  std::int64_t unwatched = 0;  // updates before any daemon was linked, though one was asked for
  std::string cause;           // of the knob when it rose: "rule:defend"; empty: it did not
  std::optional<std::int64_t> fired_step, rollback_step, restored_step;
  // From here on not as it would have been unwatched: somebody raised a knob under a policy in
  // shadow mode.
  std::optional<std::int64_t> intervened_step;
  double mean_lambda = 0.0;
  double seconds = 0.0;
  std::string defense;         // "ldifs 0.1"; empty: none
  double ms_per_update = 0.0;  // measuring left out
  Behaviour behaviour;
};

// A JSON list with one object a run; each rate as {k, n, rate, lower, upper, clusters,
// design_effect, by_prompt}, 95 %.
[[nodiscard]] Result<void> write_summaries(const std::vector<RunSummary>& runs,
                                           const std::filesystem::path& file);
// Errors name the file and the key.
[[nodiscard]] Result<std::vector<RunSummary>> read_summaries(const std::filesystem::path& file);

// Takes runs that somebody intervened in out of the list; a line for each, for a person.
[[nodiscard]] std::string leave_out_intervened(std::vector<RunSummary>& runs);

// One row a run, one column a rate with its interval and counts.
[[nodiscard]] std::string table_of(const std::vector<RunSummary>& runs);
[[nodiscard]] std::string rate_text(
    const Count& count);  // "51.0 % [36.2, 65.7] (98/192, 24 prompts, d 4.31)"

}  // namespace phaseguard::lab
