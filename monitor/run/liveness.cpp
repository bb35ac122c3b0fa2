#include "monitor/run/liveness.h"

#include <cmath>

namespace phaseguard::run {

namespace {

wire::LinkState after_ms(double silence, const Patience& patience) {
  if (silence > static_cast<double>(patience.lost_ms)) return wire::LinkState::kLost;
  return silence > static_cast<double>(patience.silent_ms) ? wire::LinkState::kSilent
                                                           : wire::LinkState::kActive;
}

}  // namespace

wire::LinkState liveness(Nanos silence, const Patience& patience) {
  return after_ms(static_cast<double>(silence.value) / 1e6, patience);
}

wire::LinkState liveness(double silence_s, const Patience& patience) {
  return std::isnan(silence_s) ? wire::LinkState::kAbsent : after_ms(silence_s * 1e3, patience);
}

}  // namespace phaseguard::run
