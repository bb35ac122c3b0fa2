// An evaluation as JSON (schema "phaseguard-evaluation/1") and as a table for a terminal. Pure, any
// thread, no LibTorch. C++17-clean.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "trainer-hook/evaluate/classify.h"
#include "trainer-hook/evaluate/criteria.h"

namespace phaseguard::evaluate {

// One run's answers under one judge.
struct EvaluatedRun {
  std::string name;
  std::string judge;  // rates of different judges are not comparable
  AnswerRates answers;
  AnswerRates in_domain{};  // to prompts of the training task: in-domain harm
  std::vector<std::pair<std::string, stats::Rate>> exact;  // exact match by metric, by name

  [[nodiscard]] bool judged() const { return answers.judged() + in_domain.judged() > 0; }
};

// JSON with each rate, its interval, n, clusters and design effect; null where there is no rate.
[[nodiscard]] std::string to_json(const std::vector<EvaluatedRun>& runs);
// Columns: run, n, unscored, misaligned, incoherent (each with interval), judge, exact match where
// a run has one; and below it what a reader must know of the intervals.
[[nodiscard]] std::string to_table(const std::vector<EvaluatedRun>& runs);

// The criteria held against runs: each line, value, pass, recovery or retention, and the whole.
[[nodiscard]] std::string to_json(const Criteria& criteria, const Outcome& outcome);
[[nodiscard]] std::string to_table(const Criteria& criteria, const Outcome& outcome);

}  // namespace phaseguard::evaluate
