// What a viewer keeps of alarms from one window to the next: who has seen one, who has put it aside
// and until when. Each is of one record of one run at one place, so that it says nothing of another
// run of that name, nor of another attempt. Pure: the shell reads and writes it.
#pragma once

#include <string>
#include <vector>

#include "monitor/base/types.h"
#include "monitor/dashboard/model/alarm_book.h"

namespace phaseguard::run {
struct RunState;
}

namespace phaseguard::dashboard {

struct KeptAlarm {
  std::string place;             // of the daemon or the files, SourceState::place
  std::string run;               // as it is called here
  std::string record;            // record_of()
  std::string about;             // AlarmId::about
  Level level = Level::kMedium;  // that was seen: a graver one is new
  double came_s = wire::kNaN;    // by the record; NaN: it does not say
  std::string by;
  bool shelved = false;  // else seen
  Shelf shelf;
  double shelf_ends_s = 0.0;  // wall clock
};

// What one window keeps: when it last wrote it, and now.
struct KeptChange {
  std::vector<KeptAlarm> before;
  std::vector<KeptAlarm> now;
};
// What the file holds after this window has written: what is in it, in which every alarm that this
// window has changed is as it is here, since that is the newest word on it; what other windows
// wrote stays. A shelf that has ended goes.
[[nodiscard]] std::vector<KeptAlarm> merged(const std::vector<KeptAlarm>& in_file,
                                            const KeptChange& change, double wall_s);

// Which record this is of, and which attempt: when it began, the attempt, and its trainer's token.
[[nodiscard]] std::string record_of(const run::RunState& state);

// What is to be kept now: what the book has of the runs that are here, and what was remembered of
// others. Not kept: what is not of a run, commands of this window, and that an alarm was seen of
// which the record does not say when it came, since it may have ended and come again.
[[nodiscard]] std::vector<KeptAlarm> kept_alarms(const Model& model, Now now);

// What is remembered of this alarm: its place in `kept`; nullptr: nothing.
[[nodiscard]] const KeptAlarm* remembered(const std::vector<KeptAlarm>& kept,
                                          const std::string& place, const run::RunState& state,
                                          const Alarm& alarm);

// Whether it may still say something: its shelf has not ended, and no other record of its run is
// here.
[[nodiscard]] bool is_alive(const KeptAlarm& kept, const Model& model, Now now);

}  // namespace phaseguard::dashboard
