// The newest value of one writing thread for one reading thread, through one atomic word: three
// buffers, of which the word names the one in the middle and whether it is new. Both sides are
// wait-free; the reader's buffer stays its own until it asks again, so that what it read once
// cannot change under it.
#pragma once

#include <atomic>
#include <cstdint>

namespace phaseguard::reporter {

// The padding keeps the two sides off each other's cache line.
template <class T>
class Latch {  // NOLINT(clang-analyzer-optin.performance.Padding)
 public:
  // Writer: makes `value` the newest.
  void write(const T& value) {
    buffers_[back_] = value;
    back_ = middle_.exchange(back_ | kFresh, std::memory_order_acq_rel) & kIndex;
  }

  // Reader: the newest value; the reference holds until the next call.
  [[nodiscard]] const T& read() {
    if (middle_.load(std::memory_order_relaxed) & kFresh) {
      front_ = middle_.exchange(front_, std::memory_order_acq_rel) & kIndex;
    }
    return buffers_[front_];
  }

 private:
  static constexpr std::uint32_t kIndex = 3;
  static constexpr std::uint32_t kFresh = 4;

  T buffers_[3];
  alignas(64) std::atomic<std::uint32_t> middle_{1};
  alignas(64) std::uint32_t back_ = 2;   // the writer's
  alignas(64) std::uint32_t front_ = 0;  // the reader's
};

}  // namespace phaseguard::reporter
