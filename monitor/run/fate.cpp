#include "monitor/run/fate.h"

#include <algorithm>

namespace phaseguard::run {

namespace {

const Entry<wire::Decision>* decision_of(const RunState& state, Seq command) {
  for (const auto& entry : state.decisions.entries) {
    if (entry.body.because == command) return &entry;
  }
  return nullptr;
}

bool same(const wire::KnobSetting& a, const wire::KnobSetting& b) {
  return a.value == b.value && a.items == b.items && a.site == b.site;
}

// The first knob that the decision moved; null: none.
const wire::KnobSetting* moved_by(const wire::Decision& decision) {
  for (std::size_t i = 0; i < decision.knobs.size() && i < decision.before.size(); ++i) {
    if (!same(decision.before[i], decision.knobs[i])) return &decision.knobs[i];
  }
  return nullptr;
}

// A trainer that does not report state versions.
Fate by_decision(const RunState& state, const wire::KnobSetting& moved, Seq decided) {
  const auto knob = state.knobs.find(moved.knob);
  if (knob == state.knobs.end() || knob->second.reported_seq <= decided) return Fate::kPending;
  if (knob->second.applied_decision >= moved.decision) return Fate::kApplied;
  return knob->second.applied_decision == 0 ? Fate::kUnreported : Fate::kPending;
}

}  // namespace

CommandFate fate_of(const RunState& state, Seq command) {
  CommandFate out;
  const bool known = std::any_of(state.commands.entries.begin(), state.commands.entries.end(),
                                 [&](const auto& entry) { return entry.seq == command; });
  if (!known) return out;
  out.fate = Fate::kDone;
  const Entry<wire::Decision>* decided = decision_of(state, command);
  if (decided == nullptr) return out;
  out.version = decided->body.state_version;
  const wire::KnobSetting* moved = moved_by(decided->body);
  if (moved == nullptr) return out;
  out.knob = moved->knob;
  out.value = moved->value;
  if (decided->body.mode == wire::Mode::kShadow) {
    out.fate = Fate::kShadow;
  } else if (!state.segments.empty() && state.segments.back().segment == 0 &&
             state.segments.back().seq > decided->seq) {
    out.fate = Fate::kSuperseded;
  } else if (state.applied_version >= 0) {
    out.fate = state.applied_version >= out.version ? Fate::kApplied : Fate::kPending;
  } else {
    out.fate = by_decision(state, *moved, decided->seq);
  }
  if (out.fate == Fate::kApplied) {
    const auto knob = state.knobs.find(out.knob);
    if (knob != state.knobs.end()) out.step = knob->second.applied_step;
  }
  return out;
}

}  // namespace phaseguard::run
