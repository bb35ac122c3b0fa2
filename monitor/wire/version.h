// In which minor version a message is recorded and published. C++17-clean, pure, any thread.
#pragma once

#include <variant>

#include "monitor/wire/messages.h"

namespace phaseguard::wire {

// Of a report whose keys all were there in 1.0. A report in the columns of a run file is of this
// version, so that a record reads back the same under a program that speaks a newer one.
inline constexpr Version kReportVersion{1, 0};

[[nodiscard]] inline Version version_of(const Body& body) {
  const auto* report = std::get_if<Report>(&body);
  return report != nullptr && report->part.empty() ? kReportVersion : kProtocolVersion;
}

}  // namespace phaseguard::wire
