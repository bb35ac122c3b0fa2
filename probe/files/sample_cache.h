// Scores of training samples on disk, keyed by sample hash, and the pass that fills it: what was
// scored once is never scored again, and a pass that was interrupted goes on where it stopped. One
// thread, one process per file. No LibTorch.
#pragma once

#include <atomic>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <string>
#include <unordered_map>
#include <vector>

#include "monitor/base/result.h"
#include "monitor/base/span.h"
#include "probe/files/samples.h"

namespace phaseguard::probe {

class SampleCache {
 public:
  // Opens or creates. A half-written last line is cut off (see repaired()). Errors: a cache of
  // another source, a damaged line before the last, a file that cannot be written.
  [[nodiscard]] static Result<SampleCache> open(const std::filesystem::path& file,
                                                const SampleSource& source);
  SampleCache(SampleCache&& other) noexcept;
  SampleCache& operator=(SampleCache&&) = delete;
  SampleCache(const SampleCache&) = delete;
  SampleCache& operator=(const SampleCache&) = delete;
  ~SampleCache();

  [[nodiscard]] const SampleScore* find(const std::string& id) const;  // null: not there
  [[nodiscard]] std::size_t size() const { return samples_.size(); }
  [[nodiscard]] bool repaired() const { return repaired_; }

  // One write, then fdatasync: after Ok the samples survive a crash.
  [[nodiscard]] Result<void> append(Span<const SampleScore> samples);

 private:
  SampleCache() = default;
  [[nodiscard]] Result<void> take(const std::string& content, const SampleSource& source);
  [[nodiscard]] Result<void> write(const std::string& bytes);

  std::filesystem::path file_;
  int fd_ = -1;
  std::string header_;
  std::unordered_map<std::string, SampleScore> samples_;
  bool repaired_ = false;
  std::size_t whole_bytes_ = 0;  // of the file, up to its last whole line
};

// Scores samples by their index in the data set, in the order asked for.
using BatchScorer =
    std::function<Result<std::vector<SampleScore>>(const std::vector<std::size_t>& indices)>;

struct PassOptions {
  std::size_t batch = 32;
  std::function<void(std::size_t done, std::size_t total)> progress;
  const std::atomic<bool>* stop = nullptr;  // polled between batches
};
struct PassOutcome {
  std::vector<SampleScore> samples;  // in order of `ids`; complete unless stopped
  std::size_t reused = 0;            // found in the cache
  std::size_t scored = 0;
  bool stopped = false;
};

// One pass over a data set: what the cache lacks is scored batch by batch and stored. `ids`: one a
// sample; the same id twice is the same sample and scored once. `cache` null: nothing is kept.
[[nodiscard]] Result<PassOutcome> score_all(const std::vector<std::string>& ids,
                                            const BatchScorer& scorer, SampleCache* cache,
                                            const PassOptions& options);

}  // namespace phaseguard::probe
