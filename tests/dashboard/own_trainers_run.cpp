#include <cmath>

#include "tests/dashboard/run_recorder.h"

namespace phaseguard::test {
namespace {

constexpr std::int64_t kFires = 60;

wire::SignalDecl signal(const char* name, const char* unit, double min, double max) {
  wire::SignalDecl out;
  out.name = name;
  out.unit = unit;
  out.min = min;
  out.max = max;
  out.every_steps = 1;
  return out;
}

wire::Hello hello_of(const RunOptions& options) {
  wire::Hello hello;
  hello.session = "s";
  hello.total_steps = options.total;
  hello.hook_version = "test";
  hello.model_id = "somebody's own";
  wire::KnobDecl scale;
  scale.name = "lr_scale";
  scale.unit = "1";
  scale.max = 1.0;
  scale.initial = 1.0;
  scale.protects = wire::Protects::kDown;
  wire::KnobDecl ldifs;
  ldifs.name = "ldifs";
  ldifs.unit = "1";
  ldifs.max = 0.5;
  hello.knobs = {scale, ldifs};
  hello.signals = {signal("train/loss", "nats", 0, 20), signal("train/accuracy", "1", 0, 1),
                   signal("mine/score", "points", 0, 10), signal("mine/queue", "jobs", 0, 1e6),
                   signal("gpu/temperature", "degC", 0, 120)};
  hello.signals.back().every_steps = 10;
  return hello;
}

wire::DetectorInfo detector(const char* name, const char* signal, const char* type, double line,
                            const char* unit) {
  wire::DetectorInfo out;
  out.name = name;
  out.signal = signal;
  out.type = type;
  out.threshold = line;
  out.unit = unit;
  out.needed = 3;
  return out;
}

wire::PolicyLoaded policy() {
  wire::PolicyLoaded p;
  p.name = "own";
  p.mode = wire::Mode::kEnforce;
  p.detectors = {detector("too_good", "mine/score", "level", 6.5, "points"),
                 detector("diverges", "train/loss", "ewma", 4.0, "nats"),
                 detector("climbs", "train/loss", "rate", 0.05, "nats/step")};
  wire::RuleInfo slow;
  slow.name = "slow_down";
  slow.when = "any";
  slow.of = {"too_good", "diverges"};
  slow.alert = wire::Severity::kHigh;
  wire::KnobSetting scale;
  scale.knob = "lr_scale";
  scale.value = 0.2;
  slow.sets = {scale};
  p.rules = {slow};
  return p;
}

wire::DetectorEvidence evidence(const wire::DetectorInfo& info, double value, bool votes) {
  wire::DetectorEvidence out;
  out.detector = info.name;
  out.signal = info.signal;
  out.step = Step{kFires};
  out.quality = Quality::kGood;
  out.value = out.statistic = value;
  out.threshold = info.threshold;
  out.needed = info.needed;
  out.streak = votes ? info.needed : 0;
  out.n = kFires;
  out.voting = votes;
  return out;
}

wire::Decision decision(Seq because) {
  const wire::PolicyLoaded p = policy();
  wire::Decision out;
  out.id = 1;
  out.because = because;
  out.state_version = 1;
  out.mode = p.mode;
  wire::KnobSetting scale;
  scale.knob = "lr_scale";
  scale.value = 1.0;
  scale.cause = wire::CauseKind::kBase;
  out.before = {scale};
  scale.value = 0.2;
  scale.cause = wire::Cause(wire::CauseKind::kRule, "slow_down");
  scale.decision = 1;
  out.knobs = {scale};
  out.alerts = {{wire::Severity::kHigh,
                 {wire::AlertKind::kRule, "slow_down"},
                 "slow_down fired at step 60: too_good 6.7 > 6.5"}};
  out.detectors = {evidence(p.detectors[0], 6.7, true), evidence(p.detectors[1], 1.9, false),
                   evidence(p.detectors[2], -0.01, false)};
  wire::RuleEvidence rule;
  rule.rule = "slow_down";
  rule.state = wire::RuleState::kActive;
  rule.votes = rule.needed = 1;
  rule.of = 2;
  rule.earliest_step = Step{3};
  rule.fired_step = Step{kFires};
  out.rules = {rule};
  out.summary = "slow_down fired at step 60: too_good 6.7 > 6.5; lr_scale 1 to 0.2";
  return out;
}

wire::Applied applied(double lr_scale, const wire::Cause& cause, std::int64_t id) {
  wire::Applied out;
  wire::AppliedKnob scale;
  scale.name = "lr_scale";
  scale.value = lr_scale;
  scale.cause = cause;
  scale.decision = id;
  wire::AppliedKnob ldifs;
  ldifs.name = "ldifs";
  ldifs.value = 0.0;
  ldifs.cause = wire::CauseKind::kInitial;
  out.knobs = {scale, ldifs};
  out.source = id > 0 ? wire::Source::kDaemon : wire::Source::kInitial;
  return out;
}

}  // namespace

std::vector<wire::Message> own_trainers_run(const RunOptions& options) {
  Recorder out(options.name);
  out.add(Step{0}, hello_of(options));
  out.add(Step{0}, policy());
  out.add(Step{0}, applied(1.0, wire::CauseKind::kInitial, 0));
  for (std::int64_t step = 0; step <= options.steps; ++step, out.t += 0.48) {
    const double x = static_cast<double>(step);
    const double calm = step > kFires ? 3.0 * (1.0 - std::exp((kFires - x) / 15.0)) : 0.0;
    wire::Report report;
    report.samples = {
        value_of("train/loss", 1.1 + 2.2 * std::exp(-x / 35.0) + 0.1 * wiggle(step, 1)),
        value_of("train/accuracy", 0.85 - 0.6 * std::exp(-x / 50.0) + 0.02 * wiggle(step, 2)),
        value_of("mine/score", 6.9 - 5.0 * std::exp(-x / 22.0) - calm + 0.25 * wiggle(step, 3)),
        value_of("mine/queue", std::round(40.0 + 15.0 * wiggle(step, 4)))};
    if (step >= 150 && step < 160) report.samples[2].value = wire::kNaN;
    if (step % 10 == 0) report.samples.push_back(value_of("gpu/temperature", 61.0 + x * 0.02));
    out.add(Step{step}, report);
    if (!options.fires || step != kFires) continue;
    out.add(Step{step}, decision(out.last()));
    out.add(Step{step + 1}, applied(0.2, wire::Cause(wire::CauseKind::kRule, "slow_down"), 1));
  }
  if (options.ends) out.add(Step{options.steps}, wire::Goodbye{wire::GoodbyeReason::kFinished, ""});
  return out.messages;
}

}  // namespace phaseguard::test
