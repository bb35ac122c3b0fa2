#include "trainer-hook/judge/prescore.h"

#include <algorithm>
#include <cmath>
#include <exception>
#include <fstream>
#include <limits>
#include <mutex>
#include <system_error>
#include <thread>
#include <unordered_map>
#include <utility>

#include "monitor/base/file.h"
#include "monitor/base/text.h"

namespace phaseguard::judge {

namespace {

using Scores = std::unordered_map<std::string, double>;  // by sample hash, hex

// One distinct sample of the data set.
struct Task {
  std::string hash;
  std::size_t index = 0;  // of its first appearance
};

Result<void> add_line(std::string_view text, const PrescoreOptions& options, Scores& scores) {
  const auto line = parse_table_line(text);
  if (!line) return tl::unexpected<Error>(line.error());
  if (!line->score.scored()) return {};
  if (line->judge != options.judge || line->rubric != options.rubric) {
    return fail(Errc::kConflict,
                "holds scores of judge " + phaseguard::quoted(line->judge, 60) + " with rubric " +
                    phaseguard::quoted(line->rubric, 40) +
                    "; scores of two judges or rubrics do not mix: name another file, or begin "
                    "again with --fresh");
  }
  scores[line->sample] = line->score.score;
  return {};
}

// What an earlier run left. A last line without its end is a run that was killed, not damage.
Result<Scores> read_earlier(const PrescoreOptions& options) {
  Scores scores;
  std::error_code error;
  if (options.fresh || !std::filesystem::exists(options.out, error)) return scores;
  const auto earlier = read_file(options.out, "scores that are resumed");
  if (!earlier) return tl::unexpected(earlier.error());
  const std::string_view text = *earlier;
  std::size_t begin = 0, number = 1;
  for (std::size_t end = text.find('\n'); end != std::string::npos;
       begin = end + 1, end = text.find('\n', begin), ++number) {
    auto ok = add_line(text.substr(begin, end - begin), options, scores);
    if (!ok) {
      return fail(ok.error().code,
                  options.out.string() + ":" + std::to_string(number) + ": " + ok.error().message);
    }
  }
  return scores;
}

// The file with the earlier scores alone: no reason of an earlier failure, no half line. Replaced
// in one step, so that a crash here loses nothing.
Result<void> begin_file(const PrescoreOptions& options, const Scores& scores) {
  std::filesystem::path fresh = options.out;
  fresh += ".new";
  std::ofstream out(fresh, std::ios::binary | std::ios::trunc);
  for (const auto& [hash, score] : scores) {
    out << to_line({hash, scored(score, Outcome::kContract), 0, options.judge, options.rubric});
  }
  out.close();
  std::error_code error;
  if (out) std::filesystem::rename(fresh, options.out, error);
  if (!out || error) {
    return fail(Errc::kIo, options.out.string() + ": cannot be written; does its folder exist?");
  }
  return {};
}

bool is_endpoints_fault(Outcome outcome) {
  return outcome == Outcome::kUnreachable || outcome == Outcome::kTimeout ||
         outcome == Outcome::kServer || outcome == Outcome::kRejected ||
         outcome == Outcome::kBadReply;
}

// Shares the tasks among threads, writes what comes back, and knows when to give up.
class Run {
 public:
  Run(Source& source, const std::vector<TrainingSample>& samples, const PrescoreOptions& options,
      const std::function<void(const PrescoreProgress&)>& on_progress)
      : source_(source), samples_(samples), options_(options), on_progress_(on_progress) {}

  Result<void> work(const std::vector<Task>& tasks, Scores& scores, PrescoreSummary& summary) {
    out_.open(options_.out, std::ios::binary | std::ios::app);
    progress_.total = static_cast<std::int64_t>(tasks.size());
    const auto threads = std::min<std::size_t>(
        static_cast<std::size_t>(std::clamp(options_.workers, 1, 64)), tasks.size());
    std::vector<std::thread> workers;
    for (std::size_t i = 0; i < threads; ++i) {
      workers.emplace_back([&] { ask(tasks, scores, summary); });
    }
    for (std::thread& worker : workers) worker.join();
    return stopped_;
  }

 private:
  void ask(const std::vector<Task>& tasks, Scores& scores, PrescoreSummary& summary) {
    std::unique_lock<std::mutex> lock(mutex_);
    while (stopped_ && next_ < tasks.size()) {
      const Task& task = tasks[next_++];
      lock.unlock();
      const SampleScore score = source_.score(samples_[task.index]);
      lock.lock();
      if (!stopped_) return;  // what comes back from a cancelled source says nothing
      keep(task, score, scores, summary);
    }
  }

  void keep(const Task& task, const SampleScore& score, Scores& scores, PrescoreSummary& summary) {
    const std::size_t line = samples_[task.index].line;
    out_ << to_line({task.hash, score, line, options_.judge, options_.rubric}) << std::flush;
    if (!out_) {
      return stop(Errc::kIo, options_.out.string() + ": writing failed; is the disk full?");
    }
    ++progress_.done;
    summary.cached += score.cached ? 1 : 0;
    if (score.scored()) {
      scores[task.hash] = score.score;
      answered_ = true;
      in_a_row_ = 0;
    } else {
      ++progress_.unscored;
      ++summary.reasons[name_of(score.outcome)];
      if (summary.first_unscored.empty()) {
        summary.first_unscored =
            "line " + std::to_string(line) + ": " + name_of(score.outcome) + ": " + score.why;
      }
      consider(score);
    }
    if (on_progress_) on_progress_(progress_);
  }

  void consider(const SampleScore& score) {
    const std::string rest = "; what is scored is kept, the same command goes on from there";
    if (score.outcome == Outcome::kAccess) {
      return stop(Errc::kRefused, "the judge's endpoint refused access: " + score.why + rest);
    }
    if (!is_endpoints_fault(score.outcome)) {
      answered_ = true;  // the contract broken, or the like: somebody is there
      in_a_row_ = 0;
      return;
    }
    ++in_a_row_;
    if (score.outcome == Outcome::kUnreachable && !answered_) {
      return stop(Errc::kIo, "the judge's endpoint cannot be reached: " + score.why +
                                 "; is the server running, and the URL right?");
    }
    if (in_a_row_ >= options_.give_up_after) {
      stop(Errc::kIo, "given up after " + std::to_string(in_a_row_) +
                          " samples in a row without an answer: " + score.why + rest);
    }
  }

  void stop(Errc code, std::string message) {
    stopped_ = fail(code, std::move(message));
    source_.cancel();
  }

  Source& source_;
  const std::vector<TrainingSample>& samples_;
  const PrescoreOptions& options_;
  const std::function<void(const PrescoreProgress&)>& on_progress_;

  std::mutex mutex_;  // guards all below, and what ask() is handed
  std::ofstream out_;
  std::size_t next_ = 0;
  PrescoreProgress progress_;
  Result<void> stopped_;   // an error: the run is over
  bool answered_ = false;  // the judge's end has answered at least once
  int in_a_row_ = 0;
};

void total_up(const std::vector<std::string>& hashes, const Scores& scores,
              PrescoreSummary& summary) {
  double sum = 0.0;
  for (const std::string& hash : hashes) {
    const auto it = scores.find(hash);
    if (it == scores.end()) {
      ++summary.unscored;
      continue;
    }
    ++summary.scored;
    sum += it->second;
    ++summary.histogram[static_cast<std::size_t>(std::lround(it->second)) - 1];
  }
  summary.mean_score = summary.scored == 0 ? std::numeric_limits<double>::quiet_NaN()
                                           : sum / static_cast<double>(summary.scored);
}

}  // namespace

Result<PrescoreSummary> prescore(Source& source, const std::vector<TrainingSample>& samples,
                                 const PrescoreOptions& options,
                                 const std::function<void(const PrescoreProgress&)>& on_progress) {
  auto scores = read_earlier(options);
  if (!scores) return tl::unexpected<Error>(scores.error());
  if (auto ok = begin_file(options, *scores); !ok) return tl::unexpected<Error>(ok.error());
  PrescoreSummary summary;
  summary.samples = static_cast<std::int64_t>(samples.size());
  std::vector<Task> tasks;
  std::vector<std::string> hashes;
  std::unordered_map<std::string, bool> seen;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    hashes.push_back(hex(sample_hash(samples[i])));
    if (!seen.emplace(hashes.back(), true).second) continue;
    ++summary.distinct;
    if (scores->count(hashes.back()) > 0) {
      ++summary.resumed;
    } else {
      tasks.push_back({hashes.back(), i});
    }
  }
  try {
    Run run(source, samples, options, on_progress);
    if (auto ok = run.work(tasks, *scores, summary); !ok) return tl::unexpected<Error>(ok.error());
  } catch (const std::exception& error) {
    return fail(Errc::kIo, std::string("scoring could not go on: ") + error.what());
  }
  total_up(hashes, *scores, summary);
  return summary;
}

}  // namespace phaseguard::judge
