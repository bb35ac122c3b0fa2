// A button that must be held: pure, time is an argument.
#pragma once

#include <string>

namespace phaseguard::dashboard {

inline constexpr double kHoldS = 2.0;

class Hold {
 public:
  // One frame of this button. True once, when it has been held without a break for kHoldS; it then
  // has to be let go before it counts again. A frame counts for a quarter of a second at most: a
  // window that stood still for longer does not know what the hand did meanwhile.
  bool advance(const std::string& button, bool held, double frame_s);
  // How far this button is, 0 to 1.
  [[nodiscard]] double fraction(const std::string& button) const;

 private:
  std::string button_;
  double held_s_ = 0.0;
  bool done_ = false;
};

}  // namespace phaseguard::dashboard
