// What a Machine knows, as plain data: all of it is in a snapshot. Private to the policy room.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "monitor/base/types.h"
#include "monitor/policy/detector.h"
#include "monitor/policy/document.h"
#include "monitor/policy/machine.h"
#include "monitor/wire/messages.h"

namespace phaseguard::policy {

// One declared signal, or one item of it that a detector watches (canary/js/<canary id>).
struct SignalTrack {
  std::string name;
  std::string declared;  // name in the declaration
  std::string unit;
  std::int64_t item = -1;  // index into Sample::items; -1: Sample::value
  bool runs_over_canaries = false;
  double min = 0.0;  // GOOD range
  double max = 0.0;
  std::int64_t every_steps = 0;  // 0: no fixed cadence, never inferred to be MISSING
  bool watched = false;          // by a detector
  Step last{-1};                 // newest measurement, inferred ones included; -1: none yet
  Step covered{0};               // as `last`, or where the attempt began: gaps start here
  std::int64_t faults = 0;       // BAD or MISSING in a row
};

struct Override {
  bool active = false;
  bool lowering = false;  // below what the policy would have set when it was accepted
  double value = 0.0;
  std::string operator_name;
  std::string reason;
  Step expires{-1};  // -1: until released
};

struct KnobState {
  double min = 0.0;  // limits: the policy's and the declared ones together
  double max = 0.0;
  double value = 0.0;   // decided
  double target = 0.0;  // where slewed moves go
  std::string cause = "base";
  std::int64_t decision = 0;
  Step slewed_to{0};  // step up to which the slew allowance is used
  Override override_;
};

enum class RuleMode : std::uint8_t { kQuiet = 0, kActive = 1, kLatched = 2 };

struct RuleState {
  RuleMode mode = RuleMode::kQuiet;
  bool armed = true;  // false: reset while its condition held; fires again after it has not held
  Step fired{-1};
  bool at_floor = false;
  std::int64_t order = 0;            // of firing within the run, from 1; 0: has not fired
  std::vector<std::uint8_t> voters;  // by place in `of`: voted since it became active
};

struct IssuedRequest {
  std::int64_t id = 0;
  std::string type;
  bool settled = false;  // its outcome has been seen
};

struct HandledCommand {
  std::string id;
  Verdict verdict;
};

struct MachineState {
  Document document;
  std::vector<SignalTrack> tracks;
  std::vector<std::int64_t> track_of;  // by detector: index into tracks
  std::int64_t n_canaries = 0;
  std::int64_t attempt = 0;
  std::int64_t segment = 0;
  Step start_step;  // of the attempt or segment
  Step step;        // newest seen in it
  std::int64_t decisions = 0;
  std::int64_t firings = 0;
  std::int64_t version = 0;
  std::int64_t steady_version = 0;  // at the last change that was not a slewed move
  std::vector<DetectorState> detectors;
  std::vector<RuleState> rules;
  std::vector<KnobState> knobs;
  std::vector<IssuedRequest> requests;
  std::vector<HandledCommand> commands;  // newest last, at most kMaxCommands
};

inline constexpr std::size_t kMaxCommands = 4096;
inline constexpr std::int64_t kFaultsToAlarm = 3;  // BAD or MISSING in a row

}  // namespace phaseguard::policy
