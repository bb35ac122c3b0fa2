#include "monitor/dashboard/model/control/force.h"

#include <cmath>

#include "monitor/base/text.h"
#include "monitor/run/protection.h"

namespace phaseguard::dashboard {
bool is_blank(const std::string& text) {
  return text.find_first_not_of(" \t") == std::string::npos;
}

namespace {

// What only a value that protects less needs; "": nothing is missing.
std::string obstacle_to_lower(const Model& model, const Subject& subject,
                              const Proposal& proposal) {
  const KnobView& knob = subject.knob;
  const bool is_held = !std::isnan(knob.trip_value) &&
                       run::is_lowering(knob.protects, knob.trip_value, proposal.value);
  if (is_held) {
    return "a latched rule, or what was adopted from the trainer, holds it at " +
           number_text(knob.trip_value) + ": reset that first";
  }
  std::string silent = model.lowering_obstacle(subject.run);
  if (!silent.empty()) return silent;
  if (is_blank(proposal.reason) || proposal.expires_after_steps == 0) {
    return "this protects less than the " + number_text(knob.in_force) +
           " now in force: give a reason and an expiry";
  }
  return "";
}

}  // namespace

std::string obstacle_to_force(const Model& model, const Subject& subject,
                              const Proposal& proposal) {
  const KnobView& knob = subject.knob;
  const double value = proposal.value;
  const bool lowers = run::is_lowering(knob.protects, knob.in_force, value);
  std::string changed = obstacle_to(model, subject);
  if (changed.empty()) changed = model.force_obstacle(subject.run, knob.name);
  if (!changed.empty()) return changed;
  if (!std::isfinite(value) || value < knob.min || value > knob.max) {
    return "values from " + number_text(knob.min) + " to " + number_text(knob.max) +
           " are allowed (" + knob.limits + ")";
  }
  if (!lowers) changed = obstacle_to_raise(model, subject, value);
  if (!changed.empty()) return changed;
  if (proposal.expires_after_steps < 0) return "the expiry must be at least one step";
  return lowers ? obstacle_to_lower(model, subject, proposal) : "";
}

std::string effect_text(const KnobView& knob, double value) {
  if (run::protects_more(knob.protects, value, knob.in_force)) {
    return "This protects more: the task is learned more slowly or not at all.";
  }
  if (run::is_lowering(knob.protects, knob.in_force, value)) {
    return "This protects less than what is in force now.";
  }
  return "This is what is in force now.";
}

}  // namespace phaseguard::dashboard
