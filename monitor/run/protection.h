// Which way a knob protects the run, and so what "larger", "raise" and "lowering" mean: one answer
// for fold, arbitration, guard, daemon, command line and dashboard. Pure, any thread. C++17-clean.
//
//   kl, up:          2 protects more than 0.1; going from 2 to 0.1 is a lowering
//   lr_scale, down:  0.1 protects more than 1; going from 0.1 to 1 is a lowering
//   none:            nothing is known to protect: every change is a lowering
#pragma once

#include "monitor/wire/messages.h"

namespace phaseguard::run {

// What the declaration says; not given: up. A word of a newer version: none, since lowering needs
// proof.
[[nodiscard]] wire::Protects protects_of(const wire::Word<wire::Protects>& declared);

// `a` protects strictly more than `b`. Of kNone, and of NaN: never.
[[nodiscard]] bool protects_more(wire::Protects protects, double a, double b);

// The more protecting of the two; `a` where neither is.
[[nodiscard]] double more_protecting(wire::Protects protects, double a, double b);

// A change from `from` to `to` takes protection away. Of kNone: any change does.
[[nodiscard]] bool is_lowering(wire::Protects protects, double from, double to);

// This value protects the run: above 0 (and above the knob's least value) of a knob that protects
// upwards, beyond the trainer's initial value of one that protects downwards, other than it of
// kNone. NaN: no.
[[nodiscard]] bool is_protecting(const wire::KnobDecl& knob, double value);

}  // namespace phaseguard::run
