// Hellos of runs that the loop has still to open, in order. Owned by the loop's thread.
#pragma once

#include <cstddef>
#include <deque>
#include <utility>

#include "monitor/daemon/engine/engine.h"

namespace phaseguard::daemon {

class Opening {
 public:
  explicit Opening(std::size_t most_bytes = std::size_t{16} << 20) : most_bytes_(most_bytes) {}

  // One that waits already is not added again. False: too many wait.
  [[nodiscard]] bool add(const OpenRun& wanted) {
    for (const OpenRun& known : waiting_) {
      if (known.peer == wanted.peer && known.run == wanted.run) return true;
    }
    if (bytes_ + wanted.frame.size() > most_bytes_) return false;
    bytes_ += wanted.frame.size();
    waiting_.push_back(wanted);
    return true;
  }

  // Not when it is empty().
  OpenRun take() {
    OpenRun next = std::move(waiting_.front());
    waiting_.pop_front();
    bytes_ -= next.frame.size();
    return next;
  }

  [[nodiscard]] bool empty() const { return waiting_.empty(); }

 private:
  std::size_t most_bytes_;
  std::size_t bytes_ = 0;
  std::deque<OpenRun> waiting_;
};

}  // namespace phaseguard::daemon
