#include "monitor/daemon/engine/pace.h"

#include <cmath>

#include "monitor/base/text.h"

namespace phaseguard::daemon {

void Pace::begin_anew(Nanos now) {
  settled_ = Nanos{now.value + kSettleNs};
  began_ = false;
}

void Pace::add(double t, Nanos now) {
  if (now < settled_ || !std::isfinite(t)) return;
  if (!began_) {
    began_ = true;
    since_ = now;
    t_ = t;
    frames_ = 0;
  }
  ++frames_;
  if (frames_ <= kFrames || now.value - since_.value < kSpanNs) return;
  const double here = static_cast<double>(now.value - since_.value) * 1e-9;
  const double there = t - t_;
  const bool differs = there > kFactor * here || there * kFactor < here;
  fault_ =
      differs
          ? "the trainer's clock does not go at the pace of this machine's: " + number_text(there) +
                " s by its messages while " + number_text(here) + " s went by here; send seconds"
          : "";
  began_ = false;
}

}  // namespace phaseguard::daemon
