// The reporter's two clocks: leases and deadlines by the monotonic one, annotations by the wall's.
#pragma once

#include <chrono>
#include <cstdint>

#include "monitor/base/types.h"

namespace phaseguard::reporter {

[[nodiscard]] inline std::int64_t monotonic_ns() {
  using std::chrono::nanoseconds;
  return std::chrono::duration_cast<nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

[[nodiscard]] inline Now now_of_both() {
  const auto wall = std::chrono::system_clock::now().time_since_epoch();
  return Now{std::chrono::duration<double>(wall).count(), Nanos{monotonic_ns()}};
}

}  // namespace phaseguard::reporter
