// The one-page report of recorded runs: self-contained HTML, plots as inline SVG, no script,
// nothing from a network. Builds text from values alone; report.cpp reads the files.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "monitor/run/state.h"

namespace phaseguard::ctl {

struct Rate {
  std::string name;
  std::int64_t k = 0;
  std::int64_t n = 0;  // 0: not measured
  double rate = 0.0;   // 0..1
  double lower = 0.0;  // Wilson 95 %
  double upper = 0.0;
};

// What one trained model does now, as a trainer wrote it.
struct Outcome {
  std::string title;
  bool defended = false;
  std::vector<Rate> rates;  // the same names in the same order for every outcome
};

struct ReportedRun {
  run::RunState state;
  std::string file_name;
  std::string verified;  // one line: what verify found
  bool is_verified = false;
  std::string screenshot_png;  // bytes; empty: none
};

[[nodiscard]] std::string report_page(const std::string& title,
                                      const std::vector<ReportedRun>& runs,
                                      const std::vector<Outcome>& outcomes);

}  // namespace phaseguard::ctl
