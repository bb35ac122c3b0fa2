// A live run's status as JSON and as text for a terminal. Pure.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "monitor/wire/messages.h"

namespace phaseguard::ctl {

// Every field of the status with `run` and `step`; a number that is not defined is null.
[[nodiscard]] nlohmann::json status_json(const wire::Header& header, const wire::Status& status);

// A dozen lines: link, policy, knobs in their three lives, rules, detectors, signals, alarms.
[[nodiscard]] std::string status_text(const wire::Header& header, const wire::Status& status);

// One line: "lab-7  step 213/337  kl 2 applied since 11 (rule:defend)  link active 0.1 s".
[[nodiscard]] std::string status_line(const wire::Header& header, const wire::Status& status);

// What statuses tell of the rules that the one before did not: "rule defend: streak 1 of 2". The
// first status of a run tells of each of its rules.
class RuleNews {
 public:
  [[nodiscard]] std::vector<std::string> take(const wire::Header& header,
                                              const wire::Status& status);

 private:
  std::map<std::pair<std::string, std::string>, std::string> told_;  // by run and rule
};

}  // namespace phaseguard::ctl
