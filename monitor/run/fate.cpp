#include "monitor/run/fate.h"

#include <algorithm>

#include "monitor/base/table_text.h"

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

bool is_superseded(const RunState& state, Seq decided) {
  return !state.segments.empty() && state.segments.back().segment == 0 &&
         state.segments.back().seq > decided;
}

void add_step(const RunState& state, CommandFate& out) {
  const auto knob = state.knobs.find(out.knob);
  if (out.fate == Fate::kApplied && knob != state.knobs.end()) out.step = knob->second.applied_step;
}

// The trainer is not told: it does not let operators raise the knob, or it reported since without
// saying what it obeys.
bool is_untold(const RunState& state, const KnobState& knob, Seq decided) {
  return (state.hello && !knob.declaration.forcible) || knob.reported_seq > decided;
}

// A decision says what the policy would do; what a command moves is in force beside it.
CommandFate fate_in_shadow(const RunState& state, const wire::Command& command,
                           const Entry<wire::Decision>& decided) {
  CommandFate out;
  out.version = decided.body.state_version;
  const wire::KnobSetting* moved = moved_by(decided.body);
  const bool is_raise = command.action == wire::Action::kForce;
  const bool is_of_knob =
      !command.knob.empty() && (is_raise || command.action == wire::Action::kRelease ||
                                command.action == wire::Action::kReset);
  if (!is_of_knob) {
    out.fate = moved == nullptr ? Fate::kDone : Fate::kShadow;
    if (moved != nullptr) out.knob = moved->knob;
    if (moved != nullptr) out.value = moved->value;
    return out;
  }
  out.knob = command.knob;
  const auto knob = state.knobs.find(command.knob);
  const bool known = knob != state.knobs.end();
  if (is_raise) {
    out.value = command.value;
  } else if (known) {
    out.value = knob->second.applied_value;
  }
  out.fate = Fate::kPending;
  if (is_superseded(state, decided.seq)) {
    out.fate = Fate::kSuperseded;
  } else if (state.applied_version >= out.version) {
    out.fate = Fate::kApplied;
  } else if (state.applied_version < 0 && known && is_untold(state, knob->second, decided.seq)) {
    out.fate = Fate::kShadow;
  }
  add_step(state, out);
  return out;
}

}  // namespace

CommandFate fate_of(const RunState& state, Seq command) {
  CommandFate out;
  const auto known = std::find_if(state.commands.entries.begin(), state.commands.entries.end(),
                                  [&](const auto& entry) { return entry.seq == command; });
  if (known == state.commands.entries.end()) return out;
  out.fate = Fate::kDone;
  const Entry<wire::Decision>* decided = decision_of(state, command);
  if (decided == nullptr) return out;
  if (decided->body.mode == wire::Mode::kShadow)
    return fate_in_shadow(state, known->body, *decided);
  out.version = decided->body.state_version;
  const wire::KnobSetting* moved = moved_by(decided->body);
  if (moved == nullptr) return out;
  out.knob = moved->knob;
  out.value = moved->value;
  if (is_superseded(state, decided->seq)) {
    out.fate = Fate::kSuperseded;
  } else if (state.applied_version >= 0) {
    out.fate = state.applied_version >= out.version ? Fate::kApplied : Fate::kPending;
  } else {
    out.fate = by_decision(state, *moved, decided->seq);
  }
  add_step(state, out);
  return out;
}

std::string fates_text(const std::vector<wire::FateCount>& fates, std::int64_t incomplete) {
  std::string out;
  for (const wire::FateCount& of : fates) {
    if (of.fate == wire::ReportFate::kDecided) continue;
    std::string word = of.fate.text();
    std::replace(word.begin(), word.end(), '_', ' ');
    out += (out.empty() ? "" : ", ") + std::to_string(of.values) + " " + word;
  }
  if (incomplete <= 0) return out;
  return out + (out.empty() ? "" : ", ") + counted(incomplete, "step") + " incomplete";
}

}  // namespace phaseguard::run
