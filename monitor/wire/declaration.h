// What a trainer declares: whether it can be meant, and what follows of it. Pure; any thread.
// C++17-clean.
#pragma once

#include <string>
#include <vector>

#include "monitor/wire/messages.h"

namespace phaseguard::wire {

// The first field that contradicts itself or another: what was expected and what was found. "": it
// can be meant.
[[nodiscard]] std::string contradiction_in(const Hello& hello);

// Before a recorded message goes to a viewer: who knows a session may claim its run.
void leave_out_session(Message& message);

// Whether the recorded hello says that its record is folded by this law.
[[nodiscard]] bool has_law(const Hello& hello, Law law);
// The laws of a record whose trainer says hello in this minor version: what a trainer of 1.0 cannot
// know of is not used.
[[nodiscard]] std::vector<Word<Law>> laws_for(const Version& version);

// The range in which values are GOOD, of a declared one. By Law::kEdges it is wider by 4 ulp of
// float32 at each bound: a Jensen-Shannon divergence of ln 2 computed in float32 is a legal one.
void widen(const Hello& hello, double& min, double& max);
[[nodiscard]] SignalDecl with_edges(const Hello& hello, SignalDecl declared);

}  // namespace phaseguard::wire
