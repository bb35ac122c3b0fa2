// Whether a trainer's clock goes at the daemon's pace: seconds that its messages say went by,
// against those that went by here. Live frames only; nothing is decided by it. Pure.
#pragma once

#include <cstdint>
#include <string>

#include "monitor/base/types.h"

namespace phaseguard::daemon {

class Pace {
 public:
  // Frames that come now may have waited: what was seen so far says nothing.
  void begin_anew(Nanos now);
  // A frame sent at `t` seconds by its sender's clock.
  void add(double t, Nanos now);

  // What is wrong, for people; "": nothing is known to be.
  [[nodiscard]] const std::string& fault() const { return fault_; }

 private:
  static constexpr std::int64_t kSettleNs = 5'000'000'000;  // of back-fill
  static constexpr std::int64_t kSpanNs = 10'000'000'000;   // of one comparison
  static constexpr std::int64_t kFrames = 20;
  static constexpr double kFactor = 10.0;

  Nanos settled_;  // from when on frames count
  bool began_ = false;
  Nanos since_;
  double t_ = 0.0;  // of the sender at `since_`
  std::int64_t frames_ = 0;
  std::string fault_;
};

}  // namespace phaseguard::daemon
