#include "monitor/check/plan.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "monitor/base/text.h"
#include "monitor/run/protection.h"

namespace phaseguard::check {

namespace {

// Shares of the way from the initial value to the protecting end: small, since a penalty at a tenth
// of its range may already be strong.
constexpr double kLowered = 0.05;
constexpr double kBase = 0.10;
constexpr double kForged[kForgeries] = {0.11, 0.12, 0.13, 0.14, 1.01};
constexpr double kRaised = 0.15;
constexpr double kUlps = 4.0 * std::numeric_limits<float>::epsilon();

}  // namespace

std::vector<KnobPlan> plan_for(const wire::Hello& hello) {
  std::vector<KnobPlan> plan;
  for (const wire::KnobDecl& declared : hello.knobs) {
    const wire::Protects protects = run::protects_of(declared.protects);
    const double end = protects == wire::Protects::kUp ? declared.max : declared.min;
    const double way = end - declared.initial;
    const bool has_room = std::fabs(way) > 1e3 * kUlps * std::fabs(end);
    if (protects == wire::Protects::kNone || !std::isfinite(way) || !has_room) continue;
    KnobPlan one;
    one.declared = declared;
    one.base = declared.initial + kBase * way;
    one.raised = declared.initial + kRaised * way;
    one.lowered = declared.initial + kLowered * way;
    for (std::size_t i = 0; i < kForgeries; ++i)
      one.forged[i] = declared.initial + kForged[i] * way;
    plan.push_back(std::move(one));
  }
  return plan;
}

std::string policy_text(const std::vector<KnobPlan>& plan) {
  std::string text = "version = 1\nname = \"conformance\"\nmode = \"enforce\"\n";
  for (const KnobPlan& knob : plan) {
    const wire::KnobDecl& declared = knob.declared;
    text += "\n[knob." + quoted(declared.name) + "]\nbase = " + number_text(knob.base) +
            "\nmin = " + number_text(declared.min) + "\nmax = " + number_text(declared.max) + "\n";
  }
  return text + "\n[on]\nlink_loss = \"hold\"\n";
}

bool is_same(double a, double b) {
  return std::fabs(a - b) <= kUlps * std::max(std::fabs(a), std::fabs(b));
}

std::optional<Forgery> forgery_of(const KnobPlan& plan, double value) {
  for (std::size_t i = 0; i < kForgeries; ++i) {
    if (is_same(value, plan.forged[i])) return static_cast<Forgery>(i);
  }
  return std::nullopt;
}

}  // namespace phaseguard::check
