// A pre-flight as text for a terminal, as JSON for a program, and as one HTML page for a reader
// (monitor/page/page.h). Pure; any thread.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "probe/preflight/step_zero.h"
#include "probe/preflight/summary.h"

namespace phaseguard::preflight {

struct Preflight {
  std::string title;  // "lab malicious, seed 1"
  Options options;
  Summary summary;
  std::vector<probe::SampleScore> samples;
  std::optional<StepZero> policy;
};

// At most `max_flagged` samples are listed one by one.
[[nodiscard]] std::string text_of(const Preflight& preflight, std::size_t max_flagged = 10);
[[nodiscard]] nlohmann::json json_of(const Preflight& preflight);  // all samples, all flags
[[nodiscard]] std::string page_of(const Preflight& preflight, std::size_t max_flagged = 200);

}  // namespace phaseguard::preflight
