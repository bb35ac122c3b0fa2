// The one place where the receiving and the drawing thread of the dashboard meet.
#pragma once

#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "monitor/dashboard/source/source.h"

namespace phaseguard::dashboard {

class Mailbox {
 public:
  void put(Batch batch) {
    const std::lock_guard lock(mutex_);
    batches_.push_back(std::move(batch));
  }
  [[nodiscard]] std::vector<Batch> take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(batches_, {});
  }
  // Batches not taken yet: a slow drawing thread slows the reading of a file, not the memory.
  [[nodiscard]] std::size_t waiting() {
    const std::lock_guard lock(mutex_);
    return batches_.size();
  }
  void order(std::vector<wire::Message> commands) {
    const std::lock_guard lock(mutex_);
    for (auto& command : commands) commands_.push_back(std::move(command));
  }
  [[nodiscard]] std::vector<wire::Message> orders() {
    const std::lock_guard lock(mutex_);
    return std::exchange(commands_, {});
  }
  void want(const RunId& run) {
    const std::lock_guard lock(mutex_);
    wanted_ = run;
  }
  [[nodiscard]] bool is_wanted() {
    const std::lock_guard lock(mutex_);
    return wanted_.has_value();
  }
  [[nodiscard]] std::optional<RunId> wanted() {
    const std::lock_guard lock(mutex_);
    return std::exchange(wanted_, std::nullopt);
  }

 private:
  std::mutex mutex_;
  std::optional<RunId> wanted_;
  std::vector<Batch> batches_;
  std::vector<wire::Message> commands_;
};

}  // namespace phaseguard::dashboard
