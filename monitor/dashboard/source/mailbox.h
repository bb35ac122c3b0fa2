// The one place where the receiving and the drawing thread of the dashboard meet.
#pragma once

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "monitor/dashboard/source/source.h"

namespace phaseguard::dashboard {

// What the drawing thread is given at once, so that a frame stays short: about as much work as so
// many values (work_of).
inline constexpr std::size_t kHelping = 1000;
inline constexpr std::size_t kMostWaiting = 8;  // helpings
[[nodiscard]] std::size_t work_of(const wire::Message& message);

class Mailbox {
 public:
  // Cuts it into helpings; all but the last say that more is to come. True: nothing was waiting
  // before.
  bool put(Batch batch);
  // The oldest, one helping.
  [[nodiscard]] std::vector<Batch> take();
  // Until few helpings wait: a slow drawing thread slows the reading of a file, not the memory.
  // Returns when `stop`, a std::stop_token, is told to as well.
  template <class Stop>
  void wait_for_room(const Stop& stop) {
    std::unique_lock lock(mutex_);
    taken_.wait(lock, stop, [this] { return batches_.size() < kMostWaiting; });
  }
  void order(std::vector<wire::Message> commands) {
    const std::lock_guard lock(mutex_);
    for (auto& command : commands) commands_.push_back(std::move(command));
  }
  [[nodiscard]] std::vector<wire::Message> orders() {
    const std::lock_guard lock(mutex_);
    return std::exchange(commands_, {});
  }
  // What a batch asked for by `borrows`; nothing: nobody knows the run.
  void lend(std::shared_ptr<const run::RunState> state) {
    const std::lock_guard lock(mutex_);
    lent_ = std::move(state);
    is_lent_ = true;
    taken_.notify_one();
  }
  // Waits for it; nothing when `stop` is told to as well.
  template <class Stop>
  [[nodiscard]] std::shared_ptr<const run::RunState> borrow(const Stop& stop) {
    std::unique_lock lock(mutex_);
    taken_.wait(lock, stop, [this] { return is_lent_; });
    is_lent_ = false;
    return std::exchange(lent_, nullptr);
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
  std::condition_variable_any taken_;
  std::optional<RunId> wanted_;
  std::shared_ptr<const run::RunState> lent_;
  bool is_lent_ = false;
  std::deque<Batch> batches_;
  std::vector<wire::Message> commands_;
};

}  // namespace phaseguard::dashboard
