// How the daemon writes its log: time, level, and one line of printable text, whatever was put into
// it. So nobody who sends a name can begin a line, and those who log need not think of it.
#pragma once

#include <spdlog/formatter.h>

#include <memory>

namespace phaseguard::daemon {

// For a sink: "2026-01-31T12:00:00.123 warning ..." with the level in colour on a terminal, the
// message as printable() shows it (monitor/base/printable.h).
[[nodiscard]] std::unique_ptr<spdlog::formatter> log_formatter();

}  // namespace phaseguard::daemon
