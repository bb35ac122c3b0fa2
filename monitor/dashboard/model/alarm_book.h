// What this viewer knows of alarms beyond the run's own word: who has seen one, who has put it
// aside and until when, which came first, and those that have ended. The states are those of
// ISA-18.2. Nothing here is sent anywhere. Pure: time is an argument. What of it outlives the
// window: alarm_memory.h.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "monitor/base/types.h"
#include "monitor/dashboard/model/alarms.h"

namespace phaseguard::dashboard {

enum class AlarmState {
  kUnacknowledged,  // in force, nobody has seen it
  kAcknowledged,    // in force, seen
  kReturned,        // not in force any more, and nobody had seen it
  kShelved          // in force, put aside for a while
};
[[nodiscard]] const char* name_of(AlarmState state);  // "new", "seen", ...

struct AlarmId {
  RunId run;          // empty: of the view itself
  std::string about;  // as Alarm::about
  bool operator<(const AlarmId& other) const {
    return run != other.run ? run < other.run : about < other.about;
  }
  bool operator==(const AlarmId& other) const { return run == other.run && about == other.about; }
};
[[nodiscard]] AlarmId id_of(const Alarm& alarm);

// Puts aside, with a reason: for so long, or until this step of its run, and then for 8 h at most.
struct Shelf {
  std::string reason;
  double for_s = 0.0;
  Step until_step{-1};  // -1: by time alone
};
inline constexpr double kLongestShelfS = 8.0 * 3600.0;

struct AlarmEntry {
  Alarm alarm;  // as it was last
  AlarmState state = AlarmState::kUnacknowledged;
  double came_s = 0.0;  // wall clock of the record, or of this host where the record says nothing
  std::int64_t times = 1;  // that it came while it stood here
  std::int64_t burst = 0;  // those that came together have the same
  bool first = false;      // of its burst
  std::string by;          // who has seen it or put it aside
  Shelf shelf;
  Nanos shelf_ends;
  double shelf_ends_s = 0.0;  // the same by the wall clock, which outlives this process
};

struct EndedAlarm {
  Alarm alarm;
  double came_s = 0.0;
  double ended_s = 0.0;
  std::string by;  // who had seen it or put it aside
};

class AlarmBook {
 public:
  // All that are in force now, of every run that has not ended, and the steps of these runs.
  void update(const std::vector<Alarm>& in_force, const std::map<RunId, Step>& steps, Now now);
  void acknowledge(const std::vector<AlarmId>& which, const std::string& by, Now now);
  // False: without a reason or an end nothing is put aside.
  bool shelve(const std::vector<AlarmId>& which, const Shelf& shelf, const std::string& by,
              Now now);
  void unshelve(const std::vector<AlarmId>& which);
  // One that nobody has seen in this window had been seen, or been put aside until then by the wall
  // clock, in one before it.
  void recall_seen(const AlarmId& id, const std::string& by);
  void recall_shelved(const AlarmId& id, const Shelf& shelf, const std::string& by, double ends_s,
                      Now now);

  // In the order in which they came.
  [[nodiscard]] const std::vector<AlarmEntry>& entries() const { return entries_; }
  [[nodiscard]] const AlarmEntry* find(const AlarmId& id) const;
  [[nodiscard]] bool is_shelved(const AlarmId& id) const;
  // Oldest first; the oldest go.
  [[nodiscard]] const std::deque<EndedAlarm>& history() const { return history_; }
  [[nodiscard]] std::int64_t count(AlarmState state) const;
  // How many came together with it, itself included.
  [[nodiscard]] std::int64_t together(const AlarmEntry& entry) const;

 private:
  void take(const Alarm& alarm, double came_s);
  void end(const AlarmEntry& entry, Now now);
  [[nodiscard]] bool stays(AlarmEntry& entry, const std::map<AlarmId, const Alarm*>& in_force,
                           Now now);
  AlarmEntry* entry_of(const AlarmId& id);

  std::vector<AlarmEntry> entries_;
  std::deque<EndedAlarm> history_;
  std::int64_t bursts_ = 0;
  double last_came_s_ = 0.0;
};

class Model;

// One line of the list: the same alarm in the same state, of one run or of several.
struct AlarmRow {
  Alarm first;
  AlarmState state = AlarmState::kUnacknowledged;
  std::vector<AlarmId> ids;
  std::string text;  // "run a: defend fired ...", "64 runs: ... (run a)"
  std::string note;  // "new, first of 3 that came together", "shelved by ann until step 400: ..."
  double came_s = 0.0;
};
// Worst first, of a level those that nobody has seen, otherwise as they came. `filter`: words of
// what is shown (has_words). `shelved`: these alone, or all others.
[[nodiscard]] std::vector<AlarmRow> alarm_rows(const Model& model, bool shelved,
                                               const std::string& filter);
// What is over and nobody has seen, worst first: of the view itself and of the run
// that is shown, or of all others.
[[nodiscard]] std::vector<AlarmRow> unseen_rows(const Model& model, bool of_shown);
// Newest first.
[[nodiscard]] std::vector<AlarmRow> ended_rows(const Model& model, const std::string& filter);
// "2 new, 1 shelved"; "no alarm".
[[nodiscard]] std::string counts_text(const Model& model);

}  // namespace phaseguard::dashboard
