// What a trainer holds: the part of what is in force that nothing but a person, an expiry or good
// evidence may take away. It travels both ways, so that a daemon that lost its record is told of it
// (docs/PROTOCOL.md, "Held and adopted"). C++17-clean, pure.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "monitor/base/types.h"
#include "monitor/wire/words.h"

namespace phaseguard::wire {

// One held value of one knob. The cause is the id of a command, or the place of the trainer's event
// that decided it: `attempt` and, in that attempt's own numbers, `number`.
struct Held {
  Word<HeldKind> kind;
  std::string name;  // of the rule or of the operator
  std::string knob;  // "": the rule moves none
  double value = std::numeric_limits<double>::quiet_NaN();
  Word<Site> site;
  Step expires_step{-1};  // of an operator's; -1: until released
  std::string command;
  std::int64_t attempt = -1;
  std::int64_t number = -1;
  Word<Adoption> outcome;  // said by the daemon
  std::string detail;      // kKept: why
};

// Of the same cause, for the same knob: values and outcomes are not looked at.
[[nodiscard]] inline bool same_entry(const Held& a, const Held& b) {
  return a.kind == b.kind && a.name == b.name && a.knob == b.knob && a.command == b.command &&
         a.attempt == b.attempt && a.number == b.number;
}

// A rule that an operator keeps from firing.
struct Inhibited {
  std::string rule;
  Step until_step{-1};  // first step at which it may fire again
};

// Recorded by a daemon whose record lacks causes of what the trainer holds, or that finds the
// trainer with another record or further on than its own.
struct Adopted {
  std::vector<Held> held;  // every entry of the hello, each with its outcome
  std::string record;      // identity of the record the trainer knew; "": it knew none
  Seq position{-1};        // in this very record, which the trainer has seen and it does not hold
};

}  // namespace phaseguard::wire
