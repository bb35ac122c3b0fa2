// A rule's state in words: one sentence part for daemon, command line, dashboard and report. Pure.
#pragma once

#include <string>

#include "monitor/wire/messages.h"

namespace phaseguard::run {

// "warming up", "armed", "streak 1 of 2", "active", "latched", "disarmed until its condition
// clears", "inhibited until step 40", "orphaned: its signals are no longer declared". Of evidence
// without a phase (a recorded decision, a daemon that speaks 1.0): its state, "quiet" for one that
// is not in force. A word of a newer version is itself.
[[nodiscard]] std::string rule_text(const wire::RuleEvidence& rule);

}  // namespace phaseguard::run
