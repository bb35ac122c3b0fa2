// What an operator must see without a click, as a function of a run's state and the time. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "monitor/run/state.h"

namespace phaseguard::run {

// A signal that is due by its declared cadence and did not come.
struct StaleSignal {
  std::string name;
  Step last_step{-1};
  std::int64_t overdue_steps = 0;
};

// How near a detector's statistic is to its threshold: 1 at the line, more beyond it.
struct Nearness {
  std::string detector;
  std::string signal;
  double statistic = wire::kNaN;
  double threshold = wire::kNaN;
  double fraction = 0.0;
  bool voting = false;
};

struct KnobWord {
  std::string name;
  bool on = false;          // the decided value protects the run (protection.h)
  bool protecting = false;  // the applied one does
  double decided = wire::kNaN;
  double applied = wire::kNaN;
  bool confirmed = false;
  Step step{-1};    // first step at which the applied value was in force
  wire::Cause who;  // of the decided value
  // "on 2, applied since step 11 (rule:defend)", "off", "2 decided at step 10, not confirmed"
  std::string text;
};

struct Health {
  // None: not known, because the daemon is silent or says a word of a newer version.
  std::optional<wire::LinkState> link;
  std::string link_text;           // for a person: the word, or "unknown"
  double age_s = wire::kNaN;       // since the trainer's last frame; NaN: none yet
  double feed_age_s = wire::kNaN;  // since the daemon's last Status; NaN: not a live view
  std::vector<StaleSignal> stale;
  // Of the alerts in force: live from Status, else from the record.
  std::optional<wire::Alert> worst;
  std::optional<Nearness> nearest;
  std::vector<KnobWord> knobs;  // by name
  bool protected_ = false;      // some applied value protects the run
};

// critical 3, high 2, medium 1, info and words of a newer version 0.
[[nodiscard]] int severity_rank(const wire::Word<wire::Severity>& severity);

// `now.wall_s` on the clock of the recorded times.
[[nodiscard]] Health health(const RunState& state, Now now);

}  // namespace phaseguard::run
