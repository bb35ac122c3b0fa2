// What the checker asks of a trainer's knobs, from its declaration alone: values that lie within
// the declared range and protect more than the declared initial one, so that a checked run is
// never less protected than an unwatched one. The single value outside is there to be refused.
// Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "monitor/wire/messages.h"

namespace phaseguard::check {

// A control that a trainer must ignore as a whole, and why.
enum class Forgery : std::uint8_t { kOtherEpoch, kOldNumber, kPast, kUndeclaredKnob, kOutside };
inline constexpr std::size_t kForgeries = 5;

struct KnobPlan {
  wire::KnobDecl declared;
  double base = 0.0;               // in force from the welcome on
  double raised = 0.0;             // an operator's raise
  double lowered = 0.0;            // below the base for some steps, above the initial one
  double forged[kForgeries] = {};  // by Forgery
};

// Of the knobs that can be raised: not those that protect in no direction, or stand at their end.
[[nodiscard]] std::vector<KnobPlan> plan_for(const wire::Hello& hello);

// The policy under which the engine plays the daemon: each of these knobs at its base, no rule.
[[nodiscard]] std::string policy_text(const std::vector<KnobPlan>& plan);

// Within four steps of float32: a trainer may keep its values so.
[[nodiscard]] bool is_same(double a, double b);

// Of a knob's plan: as which forgery it is in force; nothing: as none.
[[nodiscard]] std::optional<Forgery> forgery_of(const KnobPlan& plan, double value);

}  // namespace phaseguard::check
