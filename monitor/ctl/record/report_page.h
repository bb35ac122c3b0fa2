// The one-page report of recorded runs (monitor/page/page.h). Builds text from values alone;
// report.cpp reads the files.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "monitor/run/state.h"
#include "monitor/stats/wilson.h"

namespace phaseguard::ctl {

struct NamedRate {
  std::string name;
  std::optional<stats::Rate> rate;  // none: not measured
};

// What one trained model does now, as a trainer wrote it.
struct Outcome {
  std::string title;
  bool defended = false;
  std::vector<NamedRate> rates;  // the same names in the same order for every outcome
};

struct ReportedRun {
  run::RunState state;
  std::string file_name;
  std::string verified;  // one line: what verify found
  bool is_verified = false;
  std::vector<wire::RuleEvidence> rules;  // at the end of the record, with their phases
  std::string screenshot_png;             // bytes; empty: none
};

[[nodiscard]] std::string report_page(const std::string& title,
                                      const std::vector<ReportedRun>& runs,
                                      const std::vector<Outcome>& outcomes);

}  // namespace phaseguard::ctl
