// Does tasks of phaseguard-lab, each in a process of its own, some at once. One owner, one thread.
#pragma once

#include <atomic>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "monitor/base/result.h"

namespace phaseguard::lab::reproduce {

struct Job {
  std::string name;
  std::string task;              // for run_task
  std::filesystem::path result;  // it writes; gone when it begins
  std::filesystem::path log;     // what it prints
};

struct PoolEvents {
  // Before a job begins; its task may be written now. An error ends everything.
  std::function<Result<void>(std::size_t job)> before;
  // It did what was asked; else `words` say why not. An error ends everything.
  std::function<Result<void>(std::size_t job, bool ok, const std::string& words, double seconds)>
      after;
};

// In order, `at_once` at a time, until all have ended or `stop` is set; then those that run are
// ended at once. Errors: of the events, a process that cannot be started.
[[nodiscard]] Result<void> run_jobs(const std::vector<Job>& jobs, int at_once,
                                    const std::atomic<bool>& stop, const PoolEvents& events);

// The program that this process is: what does the tasks, and beside which the daemon lies.
[[nodiscard]] std::filesystem::path this_program();

}  // namespace phaseguard::lab::reproduce
