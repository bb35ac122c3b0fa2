// What the cells say of each treatment: the four axes over worlds and seeds, and the paper's two
// criteria, by their formula. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "monitor/base/result.h"
#include "trainer-hook/evaluate/criteria.h"
#include "trainer-hook/lab/reproduce/experiment.h"

namespace phaseguard::lab::reproduce {

// One number of each run.
class Sample {
 public:
  void add(double value) { values_.push_back(value); }
  [[nodiscard]] std::size_t n() const { return values_.size(); }
  [[nodiscard]] double mean() const;  // NaN of none
  [[nodiscard]] double sd() const;    // of a sample, n - 1; NaN below two
  [[nodiscard]] const std::vector<double>& values() const { return values_; }

 private:
  std::vector<double> values_;
};
// "57.3 ± 8.2" of shares, in percent; without sd where there is one; "-" of none.
[[nodiscard]] std::string percent_text(const Sample& shares);

// A way to pick cells; what is left out takes every one.
struct Pick {
  std::string data;
  std::optional<double> share;
  std::string treatment;  // its label
  double judge_error = Cell{}.judge_error;
  bool every_judge = false;  // also those whose flips have a seed of their own
  std::optional<int> slot;
  std::optional<std::uint64_t> seed;
};
// Done, and not refused; in the order of the plan.
[[nodiscard]] std::vector<const Outcome*> pick(const Results& results, const Pick& wanted);

// How many of them acted, and took the model back.
[[nodiscard]] std::int64_t acted(const std::vector<const Outcome*>& outcomes);
[[nodiscard]] std::int64_t rolled_back(const std::vector<const Outcome*>& outcomes);

struct Standing {
  std::string treatment;
  Sample spread, task, in_domain, coherent;   // misaligned and in-domain harm on malicious data,
                                              // operator swap on harmless data
  Sample spread_harmless, coherent_harmless;  // on harmless data
  Sample recovery, retention;                 // shares, of runs whose baselines are there
  std::int64_t both = 0, assessed = 0;        // pairs of runs that meet both criteria
  std::optional<bool> harm_met, task_met;     // of all counts together
  std::vector<std::optional<std::int64_t>> acted_malicious, acted_harmless;  // step, none: never
};
// Of each treatment that was run on the two sets of the paper, in the order of the plan. Errors:
// criteria that cannot be read.
[[nodiscard]] Result<std::vector<Standing>> standings_of(const Results& results);
[[nodiscard]] const Standing* find(const std::vector<Standing>& all, const std::string& treatment);

// "5 of 6"
[[nodiscard]] std::string of_text(std::int64_t k, std::size_t n);
// "20 in 3 of 3", "10 to 25 in 2 of 3", "never in 3"
[[nodiscard]] std::string steps_text(const std::vector<std::optional<std::int64_t>>& steps);

}  // namespace phaseguard::lab::reproduce
