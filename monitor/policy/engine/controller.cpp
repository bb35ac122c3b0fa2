#include "monitor/policy/engine/controller.h"

#include <algorithm>
#include <cmath>

#include "monitor/base/text.h"
#include "monitor/policy/engine/tracks/tracker.h"
#include "monitor/policy/laws/lambda_laws.h"
#include "monitor/run/protection.h"

namespace phaseguard::policy {

namespace {

// One controller on its way through an event.
struct Run {
  MachineState& state;
  const RuleState& rule;
  const KnobState& knob;
  ControllerState& run;
  BatchEvent batch;

  [[nodiscard]] bool in_force() const { return rule.mode != RuleMode::kQuiet; }
  [[nodiscard]] bool by_hand() const { return knob.cause == MovedBy::kOperator; }
  // True: there is a new measurement, and it is the one in `track`.
  [[nodiscard]] bool measured() {
    if (run.track < 0) return false;
    const std::int64_t now = track().measured;
    const bool is_new = now != run.seen;
    run.seen = now;
    return is_new;
  }
  [[nodiscard]] const SignalTrack& track() const {
    return state.tracks[static_cast<std::size_t>(run.track)];
  }
  void set(double output) {
    run.output = std::clamp(output, knob.min, knob.max);
    run.batch = run.track < 0 ? -1 : batch.id;  // a ramp follows time alone
    run.bad = run.told = false;
  }
  [[nodiscard]] double base() const {
    return state.document.knobs[static_cast<std::size_t>(&knob - state.knobs.data())].base;
  }
  [[nodiscard]] double in_range(double value) const {
    return std::clamp(value, knob.min, knob.max);
  }
  // Of a batch that gave its output: what every other one gets. `highest`: by the law.
  void hold_for_others(Unscored unscored, double highest);
  // The input tells nothing of this batch, or nothing that can be used.
  void leave_unscored();

  void operator()(const ConstantController&) {}
  void operator()(const RampController& law);
  void operator()(const LadderController& law);
  void operator()(const RiskLinearController& law);
  void operator()(const RiskClampController& law);
  void operator()(const PerSampleController& law);
  void operator()(const AdaptiveKlController& law);

  // What one sample of a scored batch gets that has no score itself.
  [[nodiscard]] double unscored_item(const PerSampleController& law, double mean) const {
    if (!state.by_batch || law.unscored == Unscored::kHold) return mean;
    return law.unscored == Unscored::kBase ? base() : law.max;
  }
};

void Run::hold_for_others(Unscored unscored, double highest) {
  run.unscored = wire::kNaN;
  if (!state.by_batch) return;
  if (unscored == Unscored::kBase) run.unscored = in_range(base());
  if (unscored == Unscored::kLaw) run.unscored = in_range(highest);
  if (unscored != Unscored::kHold || run.items.empty()) return;
  run.unscored = run.items.front();
  for (const double item : run.items)
    run.unscored = run::more_protecting(knob.protects, run.unscored, item);
}

void Run::leave_unscored() {
  if (state.by_batch && batch.id >= 0 && batch.id == run.batch && !run.bad)
    return;  // scored before
  run.items.clear();
  if (!state.by_batch || std::isnan(run.unscored)) return;
  run.output = run.unscored;
  run.batch = batch.id;
}

void Run::operator()(const RampController& law) {
  if (!in_force()) return;
  if (by_hand()) {
    run.from = knob.value;
    run.start = state.step;
  }
  const std::int64_t passed = std::max<std::int64_t>(state.step.value - run.start.value, 0);
  if (passed >= law.steps) {
    set(law.to);
    return;
  }
  set(run.from +
      (law.to - run.from) * (static_cast<double>(passed) / static_cast<double>(law.steps)));
}

void Run::operator()(const LadderController& law) {
  const bool is_new = measured();
  if (!is_new && batch.is_new) leave_unscored();
  if (!is_new) return;
  const double x = track().value;
  if (track().quality != Quality::kGood) {
    run.bad = true;
    leave_unscored();
    return;
  }
  std::int64_t up = -1;
  for (const Rung& rung : law.rungs) {
    if (x > rung.above) ++up;  // thresholds rise
  }
  const auto threshold = [&](std::int64_t rung) {
    return law.rungs[static_cast<std::size_t>(rung)].above;
  };
  while (run.rung > up && x <= threshold(run.rung) - law.hysteresis) --run.rung;
  run.rung = std::max(run.rung, up);
  set(run.rung < 0 ? base() : law.rungs[static_cast<std::size_t>(run.rung)].value);
  if (batch.id >= 0) hold_for_others(law.unscored, law.rungs.back().value);
}

void Run::operator()(const RiskLinearController& law) {
  const bool is_new = measured();
  if (!is_new && batch.is_new) leave_unscored();
  if (!is_new) return;
  if (track().quality != Quality::kGood || !is_risk(track().value)) {
    run.bad = true;
    leave_unscored();
    return;
  }
  const auto weight_of = [&](double beta) {
    return law.output == RiskOutput::kBeta ? beta / (1.0 - beta) : beta;
  };
  run.smoothed = smooth_risk(run.smoothed, track().value, law.smoothing);
  const double weight = law.noise_floor
                            ? dead_zone(run.smoothed, *law.noise_floor, law.min, law.max)
                            : risk_linear(run.smoothed, law.min, law.max);
  set(weight_of(weight));
  if (batch.id >= 0) hold_for_others(law.unscored, weight_of(law.max));
}

void Run::operator()(const RiskClampController& law) {
  const bool is_new = measured();
  if (!is_new && batch.is_new) leave_unscored();
  if (!is_new) return;
  const double x = track().value;
  const ConvexWeights weights = risk_clamp(law.scale == RiskScale::kRisk ? 1.0 + 4.0 * x : x);
  if (track().quality != Quality::kGood || std::isnan(weights.beta)) {
    run.bad = true;
    leave_unscored();
    return;
  }
  set(weights.beta / weights.alpha);
  const ConvexWeights highest = risk_clamp(5.0);
  if (batch.id >= 0) hold_for_others(law.unscored, highest.beta / highest.alpha);
}

// NaN: not scored.
double weight_of(const PerSampleController& law, double risk) {
  if (law.above) {
    if (!std::isfinite(risk)) return wire::kNaN;
    return risk > *law.above ? law.max : 0.0;
  }
  if (!is_risk(risk)) return wire::kNaN;
  return law.noise_floor ? dead_zone(risk, *law.noise_floor, 0.0, law.max)
                         : risk_linear(risk, 0.0, law.max);
}

void Run::operator()(const PerSampleController& law) {
  if (!measured()) {
    if (batch.is_new) leave_unscored();
    return;
  }
  const std::vector<double>& risks = track().items;
  run.items.clear();
  double sum = 0.0;
  std::size_t scored = 0;
  for (const double risk : risks) {
    const double weight = weight_of(law, risk);
    run.items.push_back(weight);
    if (std::isnan(weight)) continue;
    sum += weight;
    ++scored;
  }
  if (scored == 0 || 2 * scored < risks.size()) {
    run.bad = true;
    leave_unscored();
    return;
  }
  const double mean = unscored_item(law, sum / static_cast<double>(scored));
  double total = 0.0;
  for (double& item : run.items) {
    item = std::clamp(std::isnan(item) ? mean : item, knob.min, knob.max);
    total += item;
  }
  set(total / static_cast<double>(run.items.size()));
  hold_for_others(law.unscored, law.max);
  if (state.by_batch && batch.id < 0)
    leave_unscored();  // nobody can give these to the batch they are of
}

void Run::operator()(const AdaptiveKlController& law) {
  const bool is_new = measured();
  if (!in_force()) {
    run.bad = false;
    return;
  }
  if (by_hand()) {
    run.output = std::clamp(knob.value, law.floor, law.ceiling);
    run.batch = -1;  // the operator gave it
  }
  if (!is_new) return;
  if (track().quality != Quality::kGood) {
    run.bad = true;
    return;
  }
  const AdaptiveKl plain{law.target, law.horizon, law.floor, law.ceiling, law.init};
  const double before = std::isnan(run.output) ? adaptive_kl_start(plain) : run.output;
  // The noise of a sampled estimate: no divergence is below 0, and this is no reason to unload.
  if (state.by_batch && !by_hand() && track().value < 0.0) {
    run.output = std::clamp(before, knob.min, knob.max);
    run.bad = true;
    return;
  }
  const auto n = static_cast<double>(law.per_update);
  set(by_hand() ? before : adaptive_kl(plain, before, track().value, n));
  if (by_hand()) run.batch = -1;
}

void tell(const MachineState& state, std::size_t rule, const KnobAction& action,
          ControllerState& run, std::vector<wire::Alert>& alerts) {
  if (!run.bad || run.told || state.rules[rule].mode == RuleMode::kQuiet) return;
  run.told = true;
  const SourceSpec& source = *source_of(action.controller);  // what is bad is its input
  const std::string& knob = state.document.knobs[action.knob].name;
  const std::string& name = state.document.rules[rule].name;
  const std::string held = std::isnan(run.output)
                               ? "leaves " + knob + " as it is"
                               : "holds " + knob + " at " + number_text(run.output);
  alerts.push_back({wire::Severity::kMedium,
                    {wire::AlertKind::kController, name + "/" + knob},
                    name + " " + held + ": " + to_text(source) + " cannot be used at step " +
                        std::to_string(state.step.value)});
}

template <class Function>
void for_each(MachineState& state, Function function) {
  for (std::size_t r = 0; r < state.rules.size(); ++r) {
    const RuleSpec& rule = state.document.rules[r];
    for (std::size_t a = 0; a < rule.sets.size(); ++a) {
      function(r, rule.sets[a], state.rules[r].controllers[a]);
    }
  }
}

}  // namespace

void resolve_controllers(MachineState& state, const wire::Hello& hello) {
  for_each(state, [&](std::size_t, const KnobAction& action, ControllerState& run) {
    const SourceSpec* source = source_of(action.controller);
    const bool items = std::holds_alternative<PerSampleController>(action.controller);
    run.track = source == nullptr ? -1 : resolve_source(state, hello, *source, items);
  });
}

void restart_controllers(MachineState& state, Step start, bool carried) {
  for_each(state, [&](std::size_t, const KnobAction& action, ControllerState& run) {
    const std::int64_t passed = std::max<std::int64_t>(state.step.value - run.start.value, 0);
    if (const auto* ramp = std::get_if<RampController>(&action.controller)) {
      // It goes on from where it is, over the steps that are left, whatever the step is called now.
      run.start = Step{start.value - std::min(passed, ramp->steps)};
    }
    run.seen = run.track < 0 ? 0 : state.tracks[static_cast<std::size_t>(run.track)].measured;
    run.bad = run.told = false;
    run.items.clear();  // of a batch before it
    if (run.batch >= 0 && !std::isnan(run.unscored)) run.output = run.unscored;
    run.batch = -1;
    if (!carried) run.smoothed = wire::kNaN;
  });
}

void start_controllers(MachineState& state, std::size_t index) {
  const RuleSpec& rule = state.document.rules[index];
  for (std::size_t a = 0; a < rule.sets.size(); ++a) {
    ControllerState& run = state.rules[index].controllers[a];
    if (std::holds_alternative<RampController>(rule.sets[a].controller)) {
      run.from = state.knobs[rule.sets[a].knob].value;
      run.start = state.step;
    } else if (std::holds_alternative<AdaptiveKlController>(rule.sets[a].controller)) {
      run.output = wire::kNaN;
      run.batch = -1;
    }
    run.told = false;
  }
}

void run_controllers(MachineState& state, BatchEvent batch, std::vector<wire::Alert>& alerts) {
  for_each(state, [&](std::size_t rule, const KnobAction& action, ControllerState& run) {
    if (std::holds_alternative<ConstantController>(action.controller)) return;
    std::visit(Run{state, state.rules[rule], state.knobs[action.knob], run, batch},
               action.controller);
    tell(state, rule, action, run, alerts);
  });
}

}  // namespace phaseguard::policy
