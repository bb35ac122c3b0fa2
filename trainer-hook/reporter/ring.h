// A bounded ring between one producing and one consuming thread: lock-free, wait-free on both
// sides, allocated once. The training thread pushes, the reporter's I/O thread pops. Slots are
// reused, so what a slot holds is moved in and out.
#pragma once

#include <atomic>
#include <cstddef>
#include <utility>
#include <vector>

namespace phaseguard::reporter {

// The padding keeps the two sides off each other's cache line.
template <class T>
class SpscRing {  // NOLINT(clang-analyzer-optin.performance.Padding)
 public:
  // `slots` is rounded up to a power of two between 2 and 65536.
  explicit SpscRing(std::size_t slots) : slots_(round_up(slots)), mask_(slots_.size() - 1) {}

  // Producer. `fill(slot)` writes into the free slot. False and `fill` not called: the ring is
  // full.
  template <class Fill>
  bool push(Fill&& fill) {
    const std::size_t tail = tail_.load(std::memory_order_relaxed);
    if (tail - cached_head_ > mask_) {
      cached_head_ = head_.load(std::memory_order_acquire);
      if (tail - cached_head_ > mask_) return false;
    }
    std::forward<Fill>(fill)(slots_[tail & mask_]);
    tail_.store(tail + 1, std::memory_order_release);
    return true;
  }

  // Consumer. `use(slot)` may move out of the slot. False: nothing there.
  template <class Use>
  bool pop(Use&& use) {
    const std::size_t head = head_.load(std::memory_order_relaxed);
    if (head == cached_tail_) {
      cached_tail_ = tail_.load(std::memory_order_acquire);
      if (head == cached_tail_) return false;
    }
    std::forward<Use>(use)(slots_[head & mask_]);
    head_.store(head + 1, std::memory_order_release);
    return true;
  }

  [[nodiscard]] std::size_t capacity() const { return slots_.size(); }

 private:
  static std::size_t round_up(std::size_t wanted) {
    std::size_t size = 2;
    while (size < wanted && size < 65536) size *= 2;
    return size;
  }

  std::vector<T> slots_;
  std::size_t mask_;
  // Each side's index and its last view of the other's on a cache line of its own.
  alignas(64) std::atomic<std::size_t> tail_{0};
  std::size_t cached_head_ = 0;
  alignas(64) std::atomic<std::size_t> head_{0};
  std::size_t cached_tail_ = 0;
};

}  // namespace phaseguard::reporter
