// Alarms in force, of the run that is shown and of every other one. Pure.
#pragma once

#include <string>
#include <vector>

#include "monitor/base/types.h"
#include "monitor/run/health.h"
#include "monitor/run/state.h"
#include "monitor/wire/messages.h"

namespace phaseguard::dashboard {

class Model;

enum class Level { kNone, kInfo, kMedium, kHigh, kCritical };
[[nodiscard]] Level level_of(const wire::Word<wire::Severity>& severity);
enum class Stage;
[[nodiscard]] Level level_of(Stage stage);  // of the alarm that such a command is; kNone: of none

// An alarm in force. `number`: 1 critical, 2 high, 3 medium, as on the banner.
struct Alarm {
  Level level = Level::kMedium;
  int number = 3;
  std::string word;  // "CRITICAL" | "HIGH" | "MEDIUM"
  std::string text;
  RunId run;              // empty: of this view itself
  std::string about;      // what it is about; the same for the same alarm of another run
  double t = wire::kNaN;  // when it came, by the record; NaN: it does not say
};
// All that are in force, of the view itself and of every run; a daemon's run that has ended has
// none. Shelved ones too.
[[nodiscard]] std::vector<Alarm> all_alarms(const Model& model);
// Here and below without what is shelved (alarm_book.h). Of the view itself and of the run that is
// shown. Worst first, otherwise in an order that stays; information is not an alarm.
[[nodiscard]] std::vector<Alarm> alarms(const Model& model);

// The same alarm of one run or of several: one line.
struct AlarmLine {
  Alarm first;              // of the first of them
  std::vector<RunId> runs;  // in order of appearance; empty: of this view itself
};
// Of the view and of every run; a daemon's run that has ended counts only while it is shown. In the
// same order.
[[nodiscard]] std::vector<AlarmLine> plant_alarms(const Model& model);
// The same without the view itself and the run that is shown.
[[nodiscard]] std::vector<AlarmLine> alarms_elsewhere(const Model& model);
// "run B: ...", "64 runs: ... (run B)".
[[nodiscard]] std::string text_of(const AlarmLine& line);

// The gravest alarm of this run; kNone: it has none.
[[nodiscard]] Level worst_of(const Model& model, const RunId& run);

// Of the alarm that a silent trainer is; kNone: it speaks.
[[nodiscard]] Level level_of_silence(const run::Health& health);

// What the record, or a live daemon's Status, says of one run.
[[nodiscard]] std::vector<Alarm> recorded_alarms(const run::RunState& state, bool live);

// The severity a rule declares; information when it declares none: it raises no alarm.
[[nodiscard]] Level level_of_rule(const run::RunState& state, const std::string& rule);

// The gravest of the rules in force that count this detector; else information.
[[nodiscard]] Level level_of_detector(const run::RunState& state, const std::string& detector);

}  // namespace phaseguard::dashboard
