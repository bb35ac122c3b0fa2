// The plots of a backtest's page. Pure text building.
#pragma once

#include <string>
#include <vector>

#include "monitor/ctl/backtest/backtest.h"

namespace phaseguard::ctl {

// One row per policy and class: a mark where each run's policy acted, those that never did at the
// right; a dashed line at the earliest possible step. Malicious runs are discs, harmless ones
// rings.
[[nodiscard]] std::string acting_steps_svg(const Backtest& all);

// One row per policy and class: the mean of lambda x steps as a bar, each run as a mark.
[[nodiscard]] std::string spent_svg(const Backtest& all);

// The ROC curve of a detector's peaks, with its AUC. Text instead when it has none.
[[nodiscard]] std::string roc_svg(const DetectorScore& detector);

// Corners of the ROC curve, (false-alarm rate, detection rate) from (0,0) to (1,1): one per
// distinct peak, alarms being peaks at or above it.
struct RocPoint {
  double alarms = 0.0;
  double hits = 0.0;
};
[[nodiscard]] std::vector<RocPoint> roc_curve(const std::vector<double>& malicious,
                                              const std::vector<double>& harmless);

}  // namespace phaseguard::ctl
