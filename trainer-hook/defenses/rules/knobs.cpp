#include "trainer-hook/defenses/rules/knobs.h"

#include <algorithm>

#include "monitor/base/text.h"

namespace phaseguard::defenses {

namespace {

wire::KnobDecl plain(const char* name, double max, double initial) {
  wire::KnobDecl knob;
  knob.name = std::string(name);
  knob.unit = "1";
  knob.max = max;
  knob.initial = initial;
  return knob;
}

}  // namespace

wire::KnobDecl kl_knob(const KlDeclaration& kl) {
  wire::KnobDecl knob = plain(kl.name.c_str(), kl.max, kl.initial);
  knob.site = kl.site;
  knob.sites = kl.sites;
  knob.direction = kl.direction;
  knob.mask = kl.mask;
  knob.normaliser = wire::Normaliser::kTokenMeanStep;
  knob.form = kl.form;
  knob.reference = kl.reference;
  knob.per_sample = kl.per_sample;
  knob.lambda_star = kl.lambda_star;
  return knob;
}

wire::KnobDecl ldifs_knob(const std::string& reference, double max, double initial) {
  wire::KnobDecl knob = plain(kLdifsKnob, max, initial);
  knob.form = wire::Form::kAdditive;
  knob.reference = reference;
  return knob;
}

wire::KnobDecl steering_knob(double max, double initial) {
  return plain(kSteeringKnob, max, initial);
}

wire::KnobDecl share_knob(const char* name, double initial) { return plain(name, 1.0, initial); }

std::string text_of(const Applied& applied) {
  return applied.knob + " " + number_text(applied.applied) + " (requested " +
         number_text(applied.requested) + ", measured " + number_text(applied.measured) + ")";
}

void AppliedLog::add(const Applied& applied) {
  auto line = std::find_if(lines_.begin(), lines_.end(),
                           [&](const Line& l) { return l.knob == applied.knob; });
  if (line == lines_.end()) {
    lines_.emplace_back();
    line = lines_.end() - 1;
    line->knob = applied.knob;
  }
  const auto n = static_cast<double>(++line->steps);
  line->steps_without += applied.requested != 0.0 && applied.applied == 0.0 ? 1 : 0;
  line->mean_requested += (applied.requested - line->mean_requested) / n;
  line->mean_applied += (applied.applied - line->mean_applied) / n;
  line->last_applied = applied.applied;
  line->last_measured = applied.measured;
}

}  // namespace phaseguard::defenses
