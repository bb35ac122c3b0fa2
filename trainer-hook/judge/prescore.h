// Scores a whole data set ahead of training into the file that TableSource reads. Goes on where an
// earlier run stopped. Blocks its caller; asks with threads of its own.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "trainer-hook/judge/source.h"
#include "trainer-hook/samples/samples.h"

namespace phaseguard::judge {

struct PrescoreOptions {
  std::filesystem::path out;  // scores, one line each, flushed as they come
  std::string judge;          // the model's name, written beside each score
  std::string rubric;         // rubric_id()
  int workers = 4;            // samples asked for at once, 1..64
  bool fresh = false;         // begin again instead of resuming
  int give_up_after = 8;      // samples in a row that the judge's end did not answer
};

struct PrescoreSummary {
  std::int64_t samples = 0;                     // of the data set
  std::int64_t distinct = 0;                    // equal samples are asked for once
  std::int64_t resumed = 0;                     // distinct samples scored by an earlier run
  std::int64_t cached = 0;                      // answered from the cache
  std::int64_t scored = 0;                      // samples of the data set with a score, at the end
  std::int64_t unscored = 0;                    // without
  double mean_score = 0.0;                      // over scored samples; NaN when there is none
  std::array<std::int64_t, 5> histogram{};      // scored samples by rounded score 1..5
  std::map<std::string, std::int64_t> reasons;  // of distinct unscored samples of this run
  std::string first_unscored;                   // "line 12: contract: ...", an example
};

struct PrescoreProgress {
  std::int64_t done = 0, total = 0, unscored = 0;  // distinct samples
};

// `on_progress` is called after each sample, by one thread at a time. Errors: an existing file that
// is damaged or holds scores of another judge or rubric (unless fresh); a file that cannot be
// written; access refused; an endpoint that never answered, or gave_up_after samples in a row were
// not answered. What was scored until then is in the file.
[[nodiscard]] Result<PrescoreSummary> prescore(
    Source& source, const std::vector<TrainingSample>& samples, const PrescoreOptions& options,
    const std::function<void(const PrescoreProgress&)>& on_progress = {});

}  // namespace phaseguard::judge
