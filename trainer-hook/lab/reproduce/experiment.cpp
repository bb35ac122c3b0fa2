#include "trainer-hook/lab/reproduce/experiment.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>

#include "monitor/base/file.h"
#include "monitor/base/json.h"
#include "monitor/base/printable.h"
#include "monitor/base/table_text.h"
#include "trainer-hook/lab/reproduce/cell_run.h"
#include "trainer-hook/lab/reproduce/daemon_process.h"
#include "trainer-hook/lab/reproduce/pool.h"

namespace phaseguard::lab::reproduce {

namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;
using Kind = Treatment::Kind;

constexpr int kMostDiscarded = 5;  // in a row: then it is not the luck of a world

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

int cores() { return std::max(1, static_cast<int>(std::thread::hardware_concurrency())); }

// "45 s", "12 min", "2 h 5 min"
std::string duration_text(double seconds) {
  if (seconds < 90.0) return std::to_string(std::lround(seconds)) + " s";
  const long minutes = std::lround(seconds / 60.0);
  if (minutes < 90) return std::to_string(minutes) + " min";
  return std::to_string(minutes / 60) + " h " + std::to_string(minutes % 60) + " min";
}

// One line that is written over on a terminal, a line a cell elsewhere.
class Progress {
 public:
  Progress(std::size_t total, std::size_t done, int at_once)
      : total_(total), done_(done), at_once_(at_once) {}

  void count(const std::string& words, double seconds) {
    ++done_;
    ++here_;
    busy_ += seconds;
    const auto left = static_cast<double>(total_ - done_);
    const double mean = busy_ / static_cast<double>(here_);
    const bool over = isatty(STDERR_FILENO) != 0 && done_ < total_;
    const std::string line = "[" + std::to_string(done_) + "/" + std::to_string(total_) + "] " +
                             words + ", " + short_number(seconds, 2) + " s; " +
                             duration_text(left * mean / at_once_) + " left";
    if (isatty(STDERR_FILENO) == 0) return print_line(stderr, "%s", line.c_str());
    std::fprintf(stderr, "\r\033[K%s%s", plain(line, 160).c_str(), over ? "" : "\n");
    std::fflush(stderr);
  }

 private:
  std::size_t total_, done_, here_ = 0;
  int at_once_;
  double busy_ = 0.0;
};

std::string words_of(const Cell& cell, const Outcome& outcome) {
  std::string out = key_of(cell);
  if (!outcome.refused.empty()) return out + ": refused by the daemon";
  out += ": misaligned " + percent(outcome.behaviour.misaligned.rate());
  if (const auto step = acted_step(outcome)) out += ", acts at step " + std::to_string(*step);
  return out;
}

class Experiment {
 public:
  Experiment(const ReproduceCommand& command, const std::atomic<bool>& stop)
      : command_(command),
        stop_(stop),
        folder_(command.out),
        at_once_(command.jobs > 0 ? command.jobs : cores()) {}

  Result<std::optional<Results>> run() {
    const auto start = Clock::now();
    if (const auto ok = prepare(); !ok) return tl::unexpected(ok.error());
    if (const auto ok = find_worlds(); !ok) return tl::unexpected(ok.error());
    if (!stop_.load()) {
      if (const auto ok = do_cells(); !ok) return tl::unexpected(ok.error());
    }
    if (stop_.load()) {
      print_line(stderr,
                 "phaseguard-lab: interrupted: %zu of %zu cells are done and kept in %s; the same "
                 "command goes on from there",
                 journal_->done().size(), plan_.size(), folder_.c_str());
      return std::optional<Results>();
    }
    collect();
    results_.seconds = seconds_since(start);
    return std::optional<Results>(std::move(results_));
  }

 private:
  Result<void> prepare() {
    auto policies = load_policies();
    if (!policies) return tl::unexpected(policies.error());
    policies_ = std::move(*policies);
    auto plan = make_plan(command_.plan, policies_);
    if (!plan) return tl::unexpected(plan.error());
    plan_ = std::move(*plan);
    auto numbers = world_numbers(command_.plan, policies_);
    if (!numbers) return tl::unexpected(numbers.error());
    numbers_ = std::move(*numbers);
    std::error_code error;
    folder_ = fs::absolute(folder_, error);
    for (const char* part : {"", "theta0", "policies", "work", "runs"}) {
      fs::create_directories(folder_ / part, error);
      if (error)
        return fail(Errc::kIo, "--out " + command_.out +
                                   ": expected a folder that can be "
                                   "written, " +
                                   (folder_ / part).string() + ": " + error.message());
    }
    results_.plan = command_.plan;
    results_.origin = {PHASEGUARD_VERSION, digest_of(plan_, command_.plan), policies_.sha256};
    auto journal = Journal::open(folder_ / "cells.jsonl", results_.origin);
    if (!journal) return tl::unexpected(journal.error());
    journal_.emplace(std::move(*journal));
    if (!journal_->note().empty())
      print_line(stderr, "phaseguard-lab: %s", journal_->note().c_str());
    return {};
  }

  // theta0 of each slot, made where it is not there; who fails its gate is passed over, aloud.
  Result<void> find_worlds() {
    const int wanted = 1 + std::max_element(plan_.begin(), plan_.end(), [](auto& a, auto& b) {
                             return a.slot < b.slot;
                           })->slot;
    std::size_t next = 0;
    int failed = 0;
    while (static_cast<int>(results_.worlds.size()) < wanted && !stop_.load()) {
      const std::size_t missing = static_cast<std::size_t>(wanted) - results_.worlds.size();
      if (next + missing > numbers_.size()) {
        return fail(Errc::kRefused,
                    "expected " + counted(wanted, "world") + " that pass, found " +
                        std::to_string(results_.worlds.size()) + " of the " + std::to_string(next) +
                        " tried, and only " +
                        counted(static_cast<std::int64_t>(numbers_.size()), "number") +
                        " to try; say a smaller --worlds");
      }
      const std::vector<int> tried(numbers_.begin() + static_cast<std::ptrdiff_t>(next),
                                   numbers_.begin() + static_cast<std::ptrdiff_t>(next + missing));
      if (auto ok = make_worlds(tried); !ok) return ok;
      if (stop_.load()) return {};
      next += missing;
      for (const int number : tried) {
        auto found = find_world(number, command_.plan.refuses, folder_ / "theta0");
        if (!found) return tl::unexpected(found.error());
        if (!*found)
          return fail(Errc::kIo,
                      "theta0 of world " + std::to_string(number) + " was made and is not there");
        failed = (*found)->passed ? 0 : failed + 1;
        take(std::move(**found));
      }
      if (failed >= kMostDiscarded) {
        return fail(Errc::kRefused, "expected worlds that pass their gates, the last " +
                                        std::to_string(failed) +
                                        " did not; pretrain for longer (--pretrain-steps)");
      }
    }
    return {};
  }

  void take(WorldFiles found) {
    if (found.passed) {
      results_.worlds.push_back(std::move(found));
      return;
    }
    print_line(stderr, "phaseguard-lab: world %d is discarded, its theta0 misses a gate: %s",
               found.world, found.gates.c_str());
    results_.discarded.push_back(std::move(found));
  }

  Result<void> make_worlds(const std::vector<int>& numbers) {
    std::vector<Job> jobs;
    for (const int world : numbers) {
      auto found = find_world(world, command_.plan.refuses, folder_ / "theta0");
      if (!found) return tl::unexpected(found.error());
      if (*found) continue;
      const std::string name = "theta0-world" + std::to_string(world);
      const nlohmann::json task{{"world", world},
                                {"folder", (folder_ / "theta0").string()},
                                {"refuses", command_.plan.refuses},
                                {"steps", command_.plan.pretrain_steps}};
      jobs.push_back({name, task.dump(), work(name, ".json"), work(name, ".log")});
    }
    if (jobs.empty()) return {};
    print_line(stderr, "phaseguard-lab: %s to be pretrained, a few minutes each",
               counted(static_cast<std::int64_t>(jobs.size()), "world").c_str());
    Progress progress(jobs.size(), 0, at_once_);
    PoolEvents events;
    events.before = [](std::size_t) { return Result<void>(); };
    events.after = [&](std::size_t job, bool ok, const std::string& words, double seconds) {
      if (!ok) return Result<void>(fail(Errc::kIo, jobs[job].name + ": " + words));
      progress.count(jobs[job].name, seconds);
      return Result<void>();
    };
    return run_jobs(jobs, at_once_, stop_, events);
  }

  Result<void> do_cells() {
    std::vector<Cell> open;
    for (Cell& cell : plan_) {
      cell.world = results_.worlds[static_cast<std::size_t>(cell.slot)].world;
      if (!journal_->has(key_of(cell))) open.push_back(cell);
    }
    if (open.empty()) return {};
    std::vector<Job> jobs;
    for (const Cell& cell : open) {
      if (const auto ok = prepare_policy(cell); !ok) return ok;
      const std::string name = key_of(cell);
      jobs.push_back({name, "", work(name, ".json"), work(name, ".log")});
    }
    Progress progress(plan_.size(), plan_.size() - open.size(), at_once_);
    PoolEvents events;
    events.before = [&](std::size_t job) {
      auto ok = look_after_daemon(open[job]);
      if (ok) jobs[job].task = task_of(open[job]);
      return ok;
    };
    events.after = [&](std::size_t job, bool ok, const std::string& words, double seconds) {
      return keep(open[job], jobs[job], ok ? "" : words, seconds, progress);
    };
    auto ok = run_jobs(jobs, at_once_, stop_, events);
    if (daemon_) daemon_->stop();
    return ok;
  }

  [[nodiscard]] fs::path work(const std::string& name, const char* ending) const {
    return folder_ / "work" / (name + ending);
  }

  [[nodiscard]] bool is_of_daemon(const Cell& cell) const {
    return cell.treatment.kind == Kind::kPolicy && cell.engine == EngineAt::kDaemon;
  }
  [[nodiscard]] fs::path run_file_of(const Cell& cell) const {
    return folder_ / "runs" / (key_of(cell) + ".phaseguard");
  }

  // Writes the policy; the record of a cell that was not finished is not its record.
  Result<void> prepare_policy(const Cell& cell) {
    if (cell.treatment.kind != Kind::kPolicy) return {};
    auto file = write_policy(policies_, cell.treatment, folder_ / "policies");
    if (!file) return tl::unexpected(file.error());
    if (!is_of_daemon(cell)) return {};
    std::error_code ignored;
    for (const char* ending : {"", "-wal", "-shm"})
      fs::remove(run_file_of(cell).string() + ending, ignored);
    const auto known = std::find(daemon_policies_.begin(), daemon_policies_.end(), *file);
    if (known == daemon_policies_.end()) daemon_policies_.push_back(std::move(*file));
    return {};
  }

  [[nodiscard]] std::string task_of(const Cell& cell) const {
    const WorldFiles& world = results_.worlds[static_cast<std::size_t>(cell.slot)];
    Place place{world.theta0.string(), world.base.string(), "", "", ""};
    if (cell.treatment.kind == Kind::kPolicy)
      place.policy = (folder_ / "policies" / file_name_of(cell.treatment)).string();
    if (is_of_daemon(cell)) {
      place.endpoint = daemon_->endpoint();
      place.run_file = run_file_of(cell).string();
    }
    return nlohmann::json{{"cell", to_json(cell)}, {"place", to_json(place)}}.dump();
  }

  // Started when the first cell needs it, and anew when it has gone away: the cells that it left
  // are decided by their hook's guard, and marked.
  Result<void> look_after_daemon(const Cell& cell) {
    if (!is_of_daemon(cell)) return {};
    if (daemon_) {
      const auto ended = daemon_->ended();
      if (!ended) return {};
      print_line(
          stderr,
          "phaseguard-lab: warning: the daemon went away (%s) and is started anew; the cells "
          "in work are decided by their own guard and marked",
          ended->c_str());
      daemon_.reset();
    }
    auto started = DaemonProcess::start(folder_ / "runs", daemon_policies_);
    if (!started) return tl::unexpected(started.error());
    daemon_.emplace(std::move(*started));
    return {};
  }

  Result<void> keep(const Cell& cell, const Job& job, const std::string& trouble, double seconds,
                    Progress& progress) {
    if (!trouble.empty()) {
      if (stop_.load()) return {};
      results_.failed.push_back(job.name + ": " + trouble);
      progress.count(job.name + ": FAILED: " + trouble, seconds);
      return {};
    }
    const auto text = read_file(job.result, "the outcome of a cell");
    if (!text) return tl::unexpected(text.error());
    const auto parsed = parse_json(*text);
    if (!parsed) return tl::unexpected(parsed.error());
    const auto outcome = outcome_from(*parsed);
    if (!outcome) return tl::unexpected(outcome.error());
    if (auto ok = journal_->append(cell, *outcome); !ok) return ok;
    progress.count(words_of(cell, *outcome), seconds);
    return {};
  }

  void collect() {
    for (const Cell& cell : plan_) {
      for (const auto& done : journal_->done()) {
        if (key_of(done.first) == key_of(cell)) results_.cells.push_back(done);
      }
    }
  }

  const ReproduceCommand& command_;
  const std::atomic<bool>& stop_;
  fs::path folder_;
  int at_once_;
  Policies policies_;
  std::vector<Cell> plan_;
  std::vector<int> numbers_;  // of worlds, in the order in which they are tried
  std::optional<Journal> journal_;
  std::vector<fs::path> daemon_policies_;
  std::optional<DaemonProcess> daemon_;
  Results results_;
};

}  // namespace

Result<std::optional<Results>> run_experiment(const ReproduceCommand& command,
                                              const std::atomic<bool>& stop) {
  return Experiment(command, stop).run();
}

}  // namespace phaseguard::lab::reproduce
