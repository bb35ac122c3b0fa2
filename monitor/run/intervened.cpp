#include "monitor/run/intervened.h"

#include <algorithm>

namespace phaseguard::run {

bool is_intervention(const wire::AppliedKnob& applied, double initial) {
  const bool by_hand =
      applied.cause.is(wire::CauseKind::kOperator) || applied.cause.is(wire::CauseKind::kAdopted);
  return by_hand && applied.value != initial;
}

void Intervened::take(const wire::Message& recorded) {
  if (step_ >= Step{0}) return;
  if (const auto* policy = std::get_if<wire::PolicyLoaded>(&recorded.body))
    shadow_ = policy->mode == wire::Mode::kShadow;
  if (const auto* hello = std::get_if<wire::Hello>(&recorded.body)) declared_ = hello->knobs;
  const auto* applied = std::get_if<wire::Applied>(&recorded.body);
  if (applied == nullptr || !shadow_) return;
  for (const wire::KnobDecl& knob : declared_) {
    const bool here = std::any_of(
        applied->knobs.begin(), applied->knobs.end(), [&](const wire::AppliedKnob& setting) {
          return setting.name == knob.name && is_intervention(setting, knob.initial);
        });
    if (here) step_ = std::max(recorded.header.step, Step{0});
  }
}

std::string intervened_text(Step step) {
  return "intervened at step " + std::to_string(step.value) +
         " under a policy in shadow mode, so that it is not what it would have been unwatched; "
         "--include-intervened takes it in";
}

}  // namespace phaseguard::run
