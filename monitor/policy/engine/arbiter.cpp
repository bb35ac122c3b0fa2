#include "monitor/policy/engine/arbiter.h"

#include <algorithm>
#include <cmath>

#include "monitor/base/text.h"
#include "monitor/policy/engine/evidence.h"
#include "monitor/policy/engine/held/held.h"
#include "monitor/policy/engine/knobs.h"
#include "monitor/run/protection.h"

namespace phaseguard::policy {

namespace {

// One slewed or immediate move. Non-finite arithmetic cannot come in: limits are finite.
double moved(const MachineState& state, std::size_t index, const Wanted& to, Step step) {
  const KnobSpec& spec = knob_spec(state, index);
  const KnobState& knob = state.knobs[index];
  const bool raises = run::protects_more(knob.protects, to.value, knob.value);
  // Before the first update there is nothing that a jump could disturb.
  if (state.by_batch && raises && step <= state.start_step) return to.value;
  if (!spec.slew_per_step || !to.items.empty() || (raises && to.at_once)) return to.value;
  const bool up = to.value > knob.value;
  const std::int64_t steps = std::max<std::int64_t>(step.value - knob.slewed_to.value, 0);
  const double allowance = *spec.slew_per_step * static_cast<double>(steps);
  const double gap = up ? to.value - knob.value : knob.value - to.value;
  if (gap <= allowance) return to.value;
  return up ? knob.value + allowance : knob.value - allowance;
}

// Its output is of one batch, and holds for no other.
bool is_of_batch(const ControllerState& run) { return run.batch >= 0 && !std::isnan(run.unscored); }

// Whom a value is for: the batch whose report was scored, or any other.
enum class For { kScored, kOthers };

// One rule's output for the knob.
struct Offer {
  double value = 0.0;
  const std::vector<double>* items = nullptr;  // null: none
  std::size_t rule = 0;
  bool constant = false;
  bool trips = false;  // its rule is latched
};

// Nothing: the action is for another knob, or its controller has no output yet.
bool find_offer(const MachineState& state, std::size_t rule, std::size_t action, std::size_t knob,
                For whom, Offer& out) {
  const KnobAction& spec = state.document.rules[rule].sets[action];
  if (spec.knob != knob) return false;
  if (const auto* constant = std::get_if<ConstantController>(&spec.controller)) {
    if (std::isnan(constant->value)) return false;  // in units that are not declared any more
    out = {constant->value, nullptr, rule, true};
    return true;
  }
  const ControllerState& run = state.rules[rule].controllers[action];
  if (std::isnan(run.output)) return false;
  const bool others = whom == For::kOthers && is_of_batch(run);
  out = {others ? run.unscored : run.output, others || run.items.empty() ? nullptr : &run.items,
         rule, false, state.by_batch && state.rules[rule].mode == RuleMode::kLatched};
  return true;
}

// Of rules that are active and latched (`least` kActive) or latched (kLatched).
template <class Function>
void for_each_offer(const MachineState& state, std::size_t knob, RuleMode least, For whom,
                    Function function) {
  for (std::size_t r = 0; r < state.rules.size(); ++r) {
    if (state.rules[r].mode < least) continue;
    for (std::size_t a = 0; a < state.document.rules[r].sets.size(); ++a) {
      Offer offer;
      if (find_offer(state, r, a, knob, whom, offer)) function(offer);
    }
  }
}

void take(Wanted& best, const Offer& offer) {
  best.value = offer.value;
  if (offer.items != nullptr) {
    best.items = *offer.items;
  } else {
    best.items.clear();
  }
  best.cause = MovedBy::kRule;
  best.rule = static_cast<std::int64_t>(offer.rule);
  best.at_once = offer.constant || offer.trips;  // a trip's rise waits for nothing
  best.moves = !offer.constant;
}

double mean_of(const std::vector<double>& items) {
  double sum = 0.0;
  for (const double item : items) sum += item;
  return sum / static_cast<double>(items.size());
}

// Each sample's value protects at least as `floor` does.
void raise_items(wire::Protects protects, Wanted& best, double floor) {
  bool above = false;
  for (double& item : best.items) {
    above = above || run::protects_more(protects, item, floor);
    item = run::more_protecting(protects, item, floor);
  }
  if (above) {
    best.value = mean_of(best.items);
  } else {
    best.items.clear();
    best.value = run::more_protecting(protects, best.value, floor);
  }
}

// A latched rule's output as a floor under `best`.
void raise(wire::Protects protects, Wanted& best, const Offer& floor) {
  if (floor.items != nullptr && (best.items.empty() || best.items.size() == floor.items->size())) {
    Wanted raised;
    take(raised, floor);
    for (std::size_t i = 0; i < raised.items.size(); ++i) {
      raised.items[i] = run::more_protecting(protects, raised.items[i],
                                             best.items.empty() ? best.value : best.items[i]);
    }
    raised.value = mean_of(raised.items);
    if (run::protects_more(protects, raised.value, best.value)) best = std::move(raised);
  } else if (run::protects_more(protects, floor.value, best.value)) {
    Wanted raised;
    take(raised, floor);
    raised.items = std::move(best.items);
    if (!raised.items.empty()) raise_items(protects, raised, floor.value);
    best = std::move(raised);
  } else if (!best.items.empty()) {
    raise_items(protects, best, floor.value);
  }
}

std::int64_t priority_of(const MachineState& state, std::int64_t rule) {
  return state.document.rules[static_cast<std::size_t>(rule)].priority;
}

// "" unless a rule in force switches the knob's site.
const wire::Word<wire::Site>& site_of(const MachineState& state, std::size_t knob) {
  static const wire::Word<wire::Site> kNone;
  const wire::Word<wire::Site>* best = &kNone;
  std::int64_t best_priority = 0;
  bool best_latched = false;
  for (std::size_t r = 0; r < state.rules.size(); ++r) {
    if (state.rules[r].mode == RuleMode::kQuiet) continue;
    const std::int64_t priority = state.document.rules[r].priority;
    const bool latched = state.rules[r].mode == RuleMode::kLatched;
    for (const SiteAction& action : state.document.rules[r].sites) {
      if (action.knob != knob) continue;
      const bool better = best == &kNone || priority > best_priority ||
                          (priority == best_priority && latched && !best_latched);
      if (!better) continue;
      best = &action.site;
      best_priority = priority;
      best_latched = latched;
    }
  }
  const wire::Held* floor = best == &kNone ? floor_of(state, knob) : nullptr;
  return floor ? floor->site : *best;
}

// What was adopted from the trainer is a floor too.
void hold_adopted(const MachineState& state, std::size_t knob, Wanted& best) {
  const wire::Held* floor = floor_of(state, knob);
  if (floor == nullptr) return;
  const wire::Protects protects = state.knobs[knob].protects;
  const bool raises = run::protects_more(protects, floor->value, best.value);
  if (!best.items.empty()) {
    raise_items(protects, best, floor->value);
  } else if (raises) {
    best.value = floor->value;
  }
  if (!raises) return;
  best.cause = MovedBy::kAdopted;
  best.rule = -1;
  best.adopted = floor->name;
  best.at_once = true;
  best.moves = false;
}

Wanted tripped(const MachineState& state, std::size_t knob, For whom) {
  Wanted best;
  for_each_offer(state, knob, RuleMode::kLatched, whom, [&](const Offer& floor) {
    if (best.rule < 0) {
      take(best, floor);
    } else {
      raise(state.knobs[knob].protects, best, floor);
    }
  });
  return best;
}

// Latched rules hold what is wanted: as a floor, or where nothing protects, at the first one's.
void hold_latched(const MachineState& state, std::size_t knob, For whom, Wanted& best) {
  const wire::Protects protects = state.knobs[knob].protects;
  if (protects == wire::Protects::kNone) {
    Wanted trip = tripped(state, knob, whom);
    if (trip.cause == MovedBy::kRule) best = std::move(trip);
    return;
  }
  for_each_offer(state, knob, RuleMode::kLatched, whom,
                 [&](const Offer& floor) { raise(protects, best, floor); });
  hold_adopted(state, knob, best);
}

bool is_same_cause(const KnobState& knob, const Wanted& to) {
  if (knob.cause != to.cause || knob.cause_rule != to.rule) return false;
  if (to.cause == MovedBy::kAdopted) return knob.cause_operator == to.adopted;
  return to.cause != MovedBy::kOperator || knob.cause_operator == knob.override_.operator_name;
}

Wanted automatic(const MachineState& state, std::size_t knob, For whom) {
  const wire::Protects protects = state.knobs[knob].protects;
  Wanted best;
  best.value = knob_spec(state, knob).base;
  for_each_offer(state, knob, RuleMode::kActive, whom, [&](const Offer& offer) {
    const std::int64_t priority = priority_of(state, static_cast<std::int64_t>(offer.rule));
    const bool better = best.rule < 0 || priority > priority_of(state, best.rule) ||
                        (priority == priority_of(state, best.rule) &&
                         run::protects_more(protects, offer.value, best.value));
    if (better) take(best, offer);
  });
  hold_latched(state, knob, whom, best);
  return best;
}

Wanted wanted(const MachineState& state, std::size_t knob, For whom) {
  const Override& by_hand = state.knobs[knob].override_;
  const wire::Protects protects = state.knobs[knob].protects;
  Wanted rules = automatic(state, knob, whom);
  if (!by_hand.active) return rules;
  Wanted operators;
  operators.value = by_hand.value;
  operators.cause = MovedBy::kOperator;
  operators.at_once = true;
  if (!by_hand.lowering && protects != wire::Protects::kNone) {
    const bool wins = !run::protects_more(protects, rules.value, by_hand.value);
    if (!rules.items.empty()) {
      operators.items = rules.items;
      raise_items(protects, operators, by_hand.value);
      if (!wins) raise_items(protects, rules, by_hand.value);
    }
    return wins ? operators : rules;
  }
  if (!run::is_lowering(protects, rules.value, by_hand.value)) return rules;
  hold_latched(state, knob, whom, operators);
  return operators;
}

bool any_of_batch(const MachineState& state, std::size_t knob) {
  for (std::size_t r = 0; r < state.rules.size(); ++r) {
    const std::vector<KnobAction>& sets = state.document.rules[r].sets;
    for (std::size_t a = 0; a < sets.size(); ++a) {
      if (sets[a].knob == knob && is_of_batch(state.rules[r].controllers[a])) return true;
    }
  }
  return false;
}

}  // namespace

Wanted automatic(const MachineState& state, std::size_t knob) {
  return automatic(state, knob, For::kScored);
}

Wanted tripped(const MachineState& state, std::size_t knob) {
  return tripped(state, knob, For::kScored);
}

Wanted wanted(const MachineState& state, std::size_t knob) {
  Wanted best = wanted(state, knob, For::kScored);
  if (!any_of_batch(state, knob)) return best;
  // Who wins may differ: another rule can protect more than what this one gives an unscored batch.
  const double others = wanted(state, knob, For::kOthers).value;
  if (!best.items.empty() || others != best.value) best.unscored = others;
  return best;
}

Moves move_knobs(MachineState& state, Step step, std::int64_t decision,
                 std::vector<wire::KnobSetting>& before) {
  Moves moves;
  for (std::size_t i = 0; i < state.knobs.size(); ++i) {
    KnobState& knob = state.knobs[i];
    Wanted to = wanted(state, i);
    const wire::Word<wire::Site>& site = site_of(state, i);
    const double value = moved(state, i, to, step);
    const bool same_cause = is_same_cause(knob, to);
    const bool same_others =
        to.unscored == knob.unscored || (std::isnan(to.unscored) && std::isnan(knob.unscored));
    const bool same_target = to.value == knob.target && to.items == knob.items && same_others;
    const bool steady = !same_cause || site != knob.site || (!same_target && !to.moves);
    knob.slewed_to = step;
    if (!steady && same_target && value == knob.value) continue;
    if (!moves.any) before = settings_of(state);
    moves.any = true;
    moves.steady = moves.steady || steady;
    knob.decision = decision;
    knob.value = value;
    knob.target = to.value;
    knob.items = std::move(to.items);
    knob.unscored = to.unscored;
    knob.site = site;
    knob.cause = to.cause;
    knob.cause_rule = to.rule;
    knob.cause_operator =
        to.cause == MovedBy::kOperator ? knob.override_.operator_name : std::move(to.adopted);
  }
  return moves;
}

std::vector<std::string> expire_overrides(MachineState& state) {
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < state.knobs.size(); ++i) {
    Override& by_hand = state.knobs[i].override_;
    if (!by_hand.active || by_hand.expires.value < 0 || state.step < by_hand.expires) continue;
    texts.push_back(by_hand.operator_name + "'s " + number_text(by_hand.value) + " for " +
                    knob_spec(state, i).name + " expired at step " +
                    std::to_string(state.step.value));
    by_hand = Override{};
  }
  return texts;
}

std::vector<std::string> expire_inhibitions(MachineState& state) {
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < state.rules.size(); ++i) {
    Inhibition& inhibited = state.rules[i].inhibited;
    if (inhibited.until.value < 0 || state.step < inhibited.until) continue;
    texts.push_back(inhibited.operator_name + "'s inhibition of " + state.document.rules[i].name +
                    " expired at step " + std::to_string(state.step.value));
    inhibited = Inhibition{};
  }
  return texts;
}

}  // namespace phaseguard::policy
