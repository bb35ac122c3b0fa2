#include "monitor/dashboard/model/control/hold.h"

#include <algorithm>

namespace phaseguard::dashboard {

bool Hold::advance(const std::string& button, bool held, double frame_s) {
  constexpr double kFrameS = 0.25;
  if (!held) {
    if (button == button_) *this = {};
    return false;
  }
  if (button != button_) *this = {};
  const bool begins = button_.empty();
  button_ = button;
  if (begins || done_) return false;
  held_s_ += std::clamp(frame_s, 0.0, kFrameS);
  done_ = held_s_ >= kHoldS;
  return done_;
}

double Hold::fraction(const std::string& button) const {
  return button == button_ ? std::min(held_s_ / kHoldS, 1.0) : 0.0;
}

}  // namespace phaseguard::dashboard
