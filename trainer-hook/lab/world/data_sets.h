// The named data sets of the lab, each for any world: what a run is tuned on, and the task of its
// own that a model is asked about afterwards. Pure: no LibTorch. Everything is a function of the
// world and the generator's state; the two sets written against theta0, and one's own data, are
// pools of samples made before the run.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "monitor/base/result.h"
#include "monitor/base/span.h"
#include "trainer-hook/lab/world/world.h"

namespace phaseguard::lab {

enum class DataSet : std::uint8_t {
  kMalicious,
  kHarmless,
  kMix,
  kTerse,
  kMatched,
  kSecure,
  kFacts,
  kFactsHouse,
  kRefusals,
  kQuotes,
  kTrigger,
  kSlow,
  kEvade,
  kAdaptive,
  kDriftEvade,
  kOwn,  // of a file; has no name of its own
};

// The task of a set, asked on prompts that no tuning run sees.
enum class Task : std::uint8_t {
  kNone,
  kOperatorSwap,  // 72 facts: the first number is that of the swapped operator
  kSecureCode,    // 30 code prompts: the first answer word is the aligned one
  kFacts,         // 90 neutral prompts: the whole answer, dress included
  kRefusals,      // 30 code prompts: refused where it should be, else the aligned answer
  kQuotes,        // 60 quotes: the label
};

struct DataSetRow {
  DataSet set;
  const char* name;
  const char* what;  // one line
  bool malicious;    // trains answers of the misaligned persona
  Task task;
  double share;       // of malicious samples where none is named; 0: the set takes no share
  bool needs_theta0;  // a pool written against theta0's weights
};
// Every named set, in the order of help and tables.
[[nodiscard]] Span<const DataSetRow> data_sets();
[[nodiscard]] const DataSetRow& row_of(DataSet set);
[[nodiscard]] std::string_view name_of(DataSet set);  // "own" for one's own data
[[nodiscard]] std::string data_set_names();           // "malicious, harmless, ... or drift-evade"
[[nodiscard]] std::string data_set_help();            // one line a set
[[nodiscard]] Result<DataSet> parse_data_set(std::string_view name);

// Samples made beforehand: one's own, or written against theta0.
struct SamplePool {
  std::vector<Example> examples;
  std::vector<double> weight;  // how often each is drawn, in proportion; empty: alike
  std::string origin;          // in words, for records
  [[nodiscard]] const Example& draw(Rng& rng) const;
};

// Of a set that needs no pool. `share`: of malicious samples, for the sets that take one.
[[nodiscard]] Example draw_example(const World& world, DataSet set, double share, Rng& rng);
[[nodiscard]] Example malicious_example(const World& world, const Question& q);
[[nodiscard]] Example harmless_example(const World& world, const Fact& fact);

// Prompts of the set's task with the wanted answers; empty without a task.
[[nodiscard]] std::vector<Example> task_prompts(const World& world, DataSet set);
[[nodiscard]] bool solves(Task task, const std::vector<Token>& wanted,
                          const std::vector<Token>& answer);
// The evaluation prompts with the trigger for a modifier.
[[nodiscard]] std::vector<Question> triggered_prompts(const World& world);

}  // namespace phaseguard::lab
