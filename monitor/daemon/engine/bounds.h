// What keeps a run's memory bounded whatever its trainer sends, and whatever its disk does. Pure;
// used by the engine and by the loop.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <set>
#include <string>
#include <utility>

#include "monitor/base/types.h"
#include "monitor/policy/engine/machine.h"
#include "monitor/run/state.h"
#include "monitor/wire/messages.h"

namespace phaseguard::daemon {

// About what a message takes in memory while it waits for the disk.
[[nodiscard]] std::size_t footprint(const wire::Message& message);

// Takes the samples that no rule, detector or controller reads out of the report. How many.
std::size_t drop_unread(wire::Report& report, const policy::Machine& machine);

// Names that a trainer did not declare and that are remembered all the same.
inline constexpr std::size_t kMostUndeclared = 256;
// Series of one run: declared signals of all its attempts, and canaries of signals that have them.
inline constexpr std::size_t kMostSeries = 8192;

// How many a run would have that says this hello too.
[[nodiscard]] std::size_t series_with(const run::RunState& state, const wire::Hello& hello);

// What a viewer folds for itself goes: curves, and the oldest entries of lists.
void forget_old(run::RunState& state);

// So many lines of log a minute; what is more is counted.
class Allowance {
 public:
  explicit Allowance(std::int64_t a_minute) : most_(a_minute) {}
  [[nodiscard]] bool take(Nanos now);
  // Lines held back since the last call; asked for when one was allowed.
  [[nodiscard]] std::int64_t take_held_back() { return std::exchange(held_back_, 0); }

 private:
  std::int64_t most_;
  std::int64_t taken_ = 0;
  std::int64_t held_back_ = 0;
  Nanos until_;
};

// Frames that were not taken because nothing more can wait for the disk, told of for all trainers
// together: at once, and then every ten seconds.
class PassedOver {
 public:
  void add(const RunId& run) {
    ++frames_;
    runs_.insert(run);
  }
  // The line that is due; "": none. `waiting`: bytes that wait.
  [[nodiscard]] std::string line(std::size_t waiting, Nanos now);

 private:
  std::int64_t frames_ = 0;  // since the last line
  std::set<RunId> runs_;     // theirs
  Nanos next_;
};

// The newest refusals of hellos, one for each run and code: for `status`.
class RefusedHellos {
 public:
  void add(const RunId& run, const wire::Reject& reject, Nanos now);
  // A line for each, newest first, of one run or of all; "": none.
  [[nodiscard]] std::string text(const RunId& run, Nanos now) const;

 private:
  static constexpr std::size_t kMost = 8;  // so that the text fits a reply
  static constexpr std::size_t kMostReason = 350;
  struct Entry {
    RunId run;
    wire::Word<wire::RejectCode> code;
    std::string reason;
    std::int64_t times = 0;
    Nanos last;
  };
  std::deque<Entry> entries_;  // newest first
};

}  // namespace phaseguard::daemon
