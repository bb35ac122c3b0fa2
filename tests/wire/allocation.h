// Counts what the test program allocates, through a replaced operator new (allocation.cpp).
#pragma once

#include <cstddef>

namespace phaseguard::wire {

// Bytes handed out by operator new on this thread since construction: the sum, which bounds the
// peak.
class AllocationWatch {
 public:
  AllocationWatch();
  [[nodiscard]] std::size_t total() const;

 private:
  std::size_t start_;
};

}  // namespace phaseguard::wire
