#include "trainer-hook/lab/reproduce/pool.h"

#include <chrono>
#include <thread>
#include <utility>

#include "monitor/base/file.h"
#include "monitor/base/text.h"
#include "monitor/check/command.h"

namespace phaseguard::lab::reproduce {

namespace {

using Clock = std::chrono::steady_clock;
constexpr auto kTurn = std::chrono::milliseconds(10);

struct Running {
  std::size_t job;
  check::Command command;
  Clock::time_point since;
};

Result<Running> begin(const std::vector<Job>& jobs, std::size_t index) {
  const Job& job = jobs[index];
  std::error_code ignored;
  std::filesystem::remove(job.result, ignored);
  std::filesystem::remove(job.log, ignored);
  auto command = check::Command::start(
      {this_program().string(), "reproduce-task", job.task, job.result.string()}, "", "",
      job.log.string());
  if (!command) return tl::unexpected(command.error());
  return Running{index, std::move(*command), Clock::now()};
}

// What a job that failed said last.
std::string last_words(const Job& job, const std::string& ended) {
  const auto text = read_file(job.log, "a log");
  std::string line = text ? *text : "";
  while (!line.empty() && line.back() == '\n') line.pop_back();
  line.erase(0, line.rfind('\n') + 1);
  return line.empty() ? ended : line + " (" + ended + ")";
}

Result<void> end(const std::vector<Job>& jobs, Running& running, const std::string& ended,
                 const PoolEvents& events) {
  const double seconds = std::chrono::duration<double>(Clock::now() - running.since).count();
  const bool ok = ended == "exit code 0";
  const Job& job = jobs[running.job];
  auto result = events.after(running.job, ok, ok ? "" : last_words(job, ended), seconds);
  std::error_code ignored;
  std::filesystem::remove(job.result, ignored);
  if (ok) std::filesystem::remove(job.log, ignored);
  return result;
}

}  // namespace

Result<void> run_jobs(const std::vector<Job>& jobs, int at_once, const std::atomic<bool>& stop,
                      const PoolEvents& events) {
  std::vector<Running> running;
  std::size_t next = 0;
  while (!stop.load() && (next < jobs.size() || !running.empty())) {
    while (next < jobs.size() && running.size() < static_cast<std::size_t>(at_once)) {
      if (auto ok = events.before(next); !ok) return ok;
      auto begun = begin(jobs, next++);
      if (!begun) return tl::unexpected(begun.error());
      running.push_back(std::move(*begun));
    }
    std::vector<Running> still;
    for (Running& one : running) {
      const auto ended = one.command.ended();
      if (!ended) {
        still.push_back(std::move(one));
      } else if (auto ok = end(jobs, one, *ended, events); !ok) {
        return ok;
      }
    }
    running = std::move(still);
    std::this_thread::sleep_for(kTurn);
  }
  return {};
}

std::filesystem::path this_program() {
  std::error_code ignored;
  return std::filesystem::read_symlink("/proc/self/exe", ignored);
}

}  // namespace phaseguard::lab::reproduce
