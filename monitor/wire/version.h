// In which minor version a message is recorded and published. C++17-clean, pure, any thread.
#pragma once

#include <variant>

#include "monitor/wire/messages.h"

namespace phaseguard::wire {

// The newest version that gave a report a key. A report in the columns of a run file is of this
// version, so that a record reads back the same under a program that speaks a newer one.
inline constexpr Version kReportVersion{1, 0};

[[nodiscard]] inline Version version_of(const Body& body) {
  return std::holds_alternative<Report>(body) ? kReportVersion : kProtocolVersion;
}

}  // namespace phaseguard::wire
