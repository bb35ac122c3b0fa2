#include "monitor/policy/engine/evidence.h"

#include <algorithm>
#include <cmath>

#include "monitor/base/text.h"
#include "monitor/policy/engine/arbiter.h"
#include "monitor/policy/engine/knobs.h"
#include "monitor/policy/engine/rule.h"
#include "monitor/policy/laws/law_row.h"
#include "monitor/policy/phrases.h"

namespace phaseguard::policy {

namespace {

wire::RuleState state_of(const RuleState& run) {
  if (run.mode == RuleMode::kLatched) return wire::RuleState::kLatched;
  if (run.inhibited.until.value >= 0) return wire::RuleState::kInhibited;
  return run.mode == RuleMode::kActive ? wire::RuleState::kActive : wire::RuleState::kQuiet;
}

std::string state_text(const RuleState& run) { return std::string(wire::text_of(state_of(run))); }

wire::Cause cause_of(const MachineState& state, const KnobState& knob) {
  switch (knob.cause) {
    case MovedBy::kBase:
      break;
    case MovedBy::kOperator:
      return {wire::CauseKind::kOperator, knob.cause_operator};
    case MovedBy::kAdopted:
      return {wire::CauseKind::kAdopted, knob.cause_operator};
    case MovedBy::kRule:
      return {wire::CauseKind::kRule,
              state.document.rules[static_cast<std::size_t>(knob.cause_rule)].name};
  }
  return wire::CauseKind::kBase;
}

std::string times(std::int64_t count, std::int64_t needed) {
  return " (" + std::to_string(count) + "/" + std::to_string(needed) + ")";
}

std::string vote_text(const MachineState& state, std::size_t index) {
  const DetectorSpec& spec = state.document.detectors[index];
  const DetectorState& detector = state.detectors[index];
  const LawRow& row = row_of(spec);
  const bool streak = row.has_streak;
  if (row.clock != nullptr) return spec.name + row.clock->vote_text(spec, detector.statistic);
  if (detector.quality != Quality::kGood && (streak || detector.faults >= kFaultsToVote)) {
    const std::string count = streak ? times(detector.streak, spec.consecutive)
                                     : " " + std::to_string(detector.faults) + " times in a row";
    return spec.name + " " + name_of(detector.quality) + count;
  }
  std::string text = spec.name + " " + rounded(detector.statistic);
  // Else learned from data, or from the noise that the trainer declares.
  const bool is_written =
      !std::isnan(threshold_of(spec, LawState{})) && !spec.noise_sds && !spec.limit_sds;
  const auto line_text = is_written ? number_text : rounded;
  if (detector.held && detector.streak < spec.consecutive) {
    return text + " not yet <= " + line_text(*spec.clear) +
           times(detector.clear_streak, spec.clear_consecutive);
  }
  text += " " + std::string(row.relation) + " " + line_text(threshold_of(spec, detector.law));
  return streak ? text + times(detector.streak, spec.consecutive) : text;
}

// Why a term counts in its rule's condition.
std::string term_text(const MachineState& state, const Term& term, bool is_not) {
  if (term.is_rule) {
    return "rule " + state.document.rules[term.index].name + " is " +
           state_text(state.rules[term.index]);
  }
  if (!is_not) return vote_text(state, term.index);
  return state.document.detectors[term.index].name + " " +
         rounded(state.detectors[term.index].statistic) + " is quiet";
}

}  // namespace

std::vector<wire::DetectorEvidence> evidence_of_detectors(const MachineState& state) {
  std::vector<wire::DetectorEvidence> all;
  for (std::size_t i = 0; i < state.detectors.size(); ++i) {
    const DetectorSpec& spec = state.document.detectors[i];
    const DetectorState& detector = state.detectors[i];
    wire::DetectorEvidence evidence;
    evidence.detector = spec.name;
    evidence.signal = to_text(spec.source);
    evidence.step = detector.step;
    evidence.quality = detector.quality;
    evidence.value = detector.value;
    evidence.statistic = detector.statistic;
    evidence.threshold = threshold_of(spec, detector.law);
    evidence.streak = detector.streak;
    evidence.needed = spec.consecutive;
    evidence.n = detector.n;
    evidence.warmup = spec.warmup;
    evidence.voting = is_voting(spec, detector);
    all.push_back(std::move(evidence));
  }
  return all;
}

std::vector<wire::RuleEvidence> evidence_of_rules(const MachineState& state) {
  std::vector<wire::RuleEvidence> all;
  for (std::size_t i = 0; i < state.rules.size(); ++i) {
    const RuleSpec& rule = state.document.rules[i];
    const RuleState& run = state.rules[i];
    wire::RuleEvidence evidence;
    evidence.rule = rule.name;
    evidence.state = state_of(run);
    evidence.votes = count_votes(state, rule);
    evidence.needed = rule.needed;
    evidence.of = votes_of(rule);
    evidence.earliest_step = state.rule_index[i].earliest;
    evidence.fired_step = run.fired;
    evidence.at_floor = run.at_floor;
    all.push_back(std::move(evidence));
  }
  return all;
}

std::vector<wire::KnobSetting> settings_of(const MachineState& state) {
  std::vector<wire::KnobSetting> settings;
  for (std::size_t i = 0; i < state.knobs.size(); ++i) {
    const KnobState& knob = state.knobs[i];
    settings.push_back({knob_spec(state, i).name, knob.value, knob.items, cause_of(state, knob),
                        knob.decision, knob.site});
  }
  return settings;
}

// The newest batch that gave what rules in force want of the knob; -1: none of it is of one batch.
std::int64_t batch_of(const MachineState& state, std::size_t index) {
  const KnobState& knob = state.knobs[index];
  std::int64_t batch = -1;
  for (std::size_t r = 0; r < state.rules.size(); ++r) {
    const bool is_cause =
        knob.cause == MovedBy::kRule && knob.cause_rule == static_cast<std::int64_t>(r);
    const bool parts = !knob.items.empty() || !std::isnan(knob.unscored);
    const bool counts = is_cause || (parts && state.rules[r].mode != RuleMode::kQuiet);
    if (!counts) continue;
    const std::vector<KnobAction>& sets = state.document.rules[r].sets;
    for (std::size_t a = 0; a < sets.size(); ++a) {
      if (sets[a].knob == index) batch = std::max(batch, state.rules[r].controllers[a].batch);
    }
  }
  return batch;
}

std::vector<wire::KnobSetting> settings_to_tell(const MachineState& state) {
  std::vector<wire::KnobSetting> settings = settings_of(state);
  for (std::size_t i = 0; i < settings.size(); ++i) {
    settings[i].batch = batch_of(state, i);
    if (settings[i].batch >= 0) settings[i].unscored = state.knobs[i].unscored;
    const Override& by_hand = state.knobs[i].override_;
    if (!by_hand.active || !by_hand.lowering || by_hand.expires.value < 0) continue;
    Wanted next = automatic(state, i);
    KnobState then;
    then.cause = next.cause;
    then.cause_rule = next.rule;
    then.cause_operator = std::move(next.adopted);
    settings[i].expires_step = by_hand.expires;
    settings[i].then = {next.value, cause_of(state, then), state.knobs[i].site};
  }
  return settings;
}

std::vector<wire::Inhibited> inhibitions_of(const MachineState& state) {
  std::vector<wire::Inhibited> all;
  for (std::size_t i = 0; i < state.rules.size(); ++i) {
    const Inhibition& inhibited = state.rules[i].inhibited;
    if (inhibited.until.value >= 0) all.push_back({state.document.rules[i].name, inhibited.until});
  }
  return all;
}

std::string firing_text(const MachineState& state, std::size_t rule) {
  const RuleSpec& spec = state.document.rules[rule];
  const RuleState& run = state.rules[rule];
  std::string text = spec.name + " fired at step " + std::to_string(run.fired.value);
  if (run.at_floor) text += ", the earliest it could";
  const bool is_not = spec.gate == Gate::kNot;
  std::string votes;
  for (const Term& term : spec.of) {
    const bool named = term.is_rule ? (state.rules[term.index].mode == RuleMode::kQuiet) == is_not
                                    : is_voting(state.document.detectors[term.index],
                                                state.detectors[term.index]) != is_not;
    if (!named) continue;
    votes += (votes.empty() ? ": " : ", ") + term_text(state, term, is_not);
  }
  return text + votes;
}

std::string change_text(const std::vector<wire::KnobSetting>& before,
                        const std::vector<wire::KnobSetting>& after) {
  std::string text;
  for (std::size_t i = 0; i < after.size(); ++i) {
    if (after[i].value != before[i].value) {
      text += (text.empty() ? "" : ", ") + after[i].knob + " " + number_text(after[i].value);
    }
    if (after[i].site == before[i].site) continue;
    text += (text.empty() ? "" : ", ") + after[i].knob + " on site " +
            (after[i].site.empty() ? "as declared" : after[i].site.text());
  }
  return text;
}

std::string closing_text(const MachineState& state) {
  std::string text;
  for (std::size_t i = 0; i < state.rules.size(); ++i) {
    const RuleState& run = state.rules[i];
    if (run.order == 0) continue;
    text += (text.empty() ? "" : ", ") + state.document.rules[i].name +
            (run.fired.value < 0 ? " was adopted from the trainer"
                                 : " fired at step " + std::to_string(run.fired.value)) +
            " and is " + state_text(run);
  }
  return text.empty() ? "no rule fired" : text;
}

}  // namespace phaseguard::policy
