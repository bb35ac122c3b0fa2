// Where scores come from. A source scores one sample at a time and may be slow; the service
// (service.h) calls it from several threads, so that training never waits on it.
//
// Threads: score() and cancel() may be called from any thread, at once. Nothing here throws.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "trainer-hook/judge/score.h"
#include "trainer-hook/samples/samples.h"

namespace phaseguard::judge {

class Source {
 public:
  Source() = default;
  virtual ~Source() = default;
  Source(const Source&) = delete;
  Source& operator=(const Source&) = delete;

  [[nodiscard]] virtual SampleScore score(const TrainingSample& sample) noexcept = 0;
  // Makes calls that are under way, and all later ones, return soon. Final.
  virtual void cancel() noexcept {}
};

// A function of the user's own: 1..5. What it throws, and what leaves the scale, is kCallback. It
// must be safe to call from as many threads as the service has workers.
using Callback = std::function<double(const TrainingSample&)>;
[[nodiscard]] std::unique_ptr<Source> callback_source(Callback callback);

// One line of a file of precomputed scores: {"sample": "<sample_hash, 64 hex>", "score": 1..5 or
// null, "reason": "...", "line": n, "judge": "<model>", "rubric": "<id>"}; only "sample" and
// "score" are needed.
struct TableLine {
  std::string sample;
  SampleScore score;  // unscored with the reason, when "score" is null
  std::size_t line = 0;
  std::string judge, rubric;
};
[[nodiscard]] std::string to_line(const TableLine& line);  // with the newline
[[nodiscard]] Result<TableLine> parse_table_line(std::string_view json);

// A data set's scores, computed before training (`phaseguard judge score`). A sample that was
// never scored is kNotInTable.
class TableSource : public Source {
 public:
  // Errors, with file and line: a line that is no such object, a sample with two different scores,
  // scores of two judges or rubrics, no score at all. A null followed by a score is the score: a
  // resumed run writes that.
  [[nodiscard]] static Result<std::unique_ptr<TableSource>> load(const std::filesystem::path& file);
  [[nodiscard]] static Result<std::unique_ptr<TableSource>> parse(std::string_view jsonl,
                                                                  std::string_view source);

  [[nodiscard]] SampleScore score(const TrainingSample& sample) noexcept override;
  // 1..5 of the sample with this hash in hex; none: it was never scored.
  [[nodiscard]] std::optional<double> score_of(const std::string& hash) const;
  [[nodiscard]] std::size_t size() const { return scores_.size(); }  // samples with a score
  [[nodiscard]] const std::string& judge() const { return judge_; }  // "": the file does not say
  [[nodiscard]] const std::string& rubric() const { return rubric_; }

 private:
  std::unordered_map<std::string, double> scores_;  // by sample hash, hex
  std::string judge_, rubric_;
};

}  // namespace phaseguard::judge
