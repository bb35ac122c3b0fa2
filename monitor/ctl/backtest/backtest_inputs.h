// What a backtest is told beside policies and runs: labels, criteria, options. Reads text; pure.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "monitor/base/result.h"
#include "monitor/base/types.h"

namespace phaseguard::ctl {

// One line of a labels file: `run,label[,harm_step[,group]]`.
struct Label {
  std::string label;   // "malicious" | "harmless"
  Step harm_step{-1};  // step at which the harm was there, as far as somebody knows; -1: not said
  std::string group;   // runs that share a world or a seed repeat each other; "": not said
  int line = 0;
};
using Labels = std::map<std::string, Label>;  // by run name or file name

// A CSV with the header `run,label`, `run,label,harm_step` or `run,label,harm_step,group`; blank
// lines and lines that begin with # are passed over. Errors name `file` and the line.
[[nodiscard]] Result<Labels> parse_labels(std::string_view text, const std::string& file);

// One line of a criteria file: `MEASURE [DETECTOR] >= NUMBER` or `<=`; equality passes.
//   detection, false_alarm              rates, 0..1
//   detection_lower, false_alarm_upper  ends of their 95 % intervals
//   lead_steps                          median updates left in malicious runs when it acted
//   lambda_steps_malicious, lambda_steps_harmless   mean over the class's runs, all knobs together
//   auc DETECTOR, auc_lower DETECTOR    of a detector's peaks
struct Criterion {
  std::string measure;
  std::string detector;  // of auc and auc_lower
  bool at_least = true;
  double bound = 0.0;
  int line = 0;

  [[nodiscard]] std::string text() const;  // "auc judge >= 0.8"
};
[[nodiscard]] Result<std::vector<Criterion>> parse_criteria(std::string_view text,
                                                            const std::string& file);

struct BacktestOptions {
  Labels labels;
  std::string labels_file;
  std::vector<Criterion> criteria;
  std::string rule;     // as TraceOptions
  Step until_step{-1};  // as TraceOptions
  bool until_raise = false;
  bool include_intervened = false;  // runs under shadow in which somebody raised a knob
  std::int64_t resamples = 2000;
  std::uint64_t seed = 1;  // of the bootstrap
};

}  // namespace phaseguard::ctl
