#include "monitor/run/protection.h"

#include <algorithm>
#include <cmath>

namespace phaseguard::run {

wire::Protects protects_of(const wire::Word<wire::Protects>& declared) {
  if (declared.empty()) return wire::Protects::kUp;
  return declared.known().value_or(wire::Protects::kNone);
}

bool protects_more(wire::Protects protects, double a, double b) {
  switch (protects) {
    case wire::Protects::kUp:
      return a > b;
    case wire::Protects::kDown:
      return a < b;
    case wire::Protects::kNone:
      break;
  }
  return false;
}

double more_protecting(wire::Protects protects, double a, double b) {
  return protects_more(protects, b, a) ? b : a;
}

bool is_lowering(wire::Protects protects, double from, double to) {
  if (protects == wire::Protects::kNone) return from != to;
  return protects_more(protects, from, to);
}

bool is_protecting(const wire::KnobDecl& knob, double value) {
  if (std::isnan(value)) return false;
  switch (protects_of(knob.protects)) {
    case wire::Protects::kUp:
      return value > std::max(0.0, knob.min);
    case wire::Protects::kDown:
      return value < knob.initial;
    case wire::Protects::kNone:
      break;
  }
  return value != knob.initial;
}

}  // namespace phaseguard::run
