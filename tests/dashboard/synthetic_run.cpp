#include "tests/dashboard/synthetic_run.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <stdexcept>
#include <utility>

#include "monitor/store/writer.h"
#include "monitor/wire/signals.h"
#include "tests/dashboard/run_recorder.h"

namespace phaseguard::test {
namespace {

constexpr std::int64_t kCadence = 5;
constexpr std::int64_t kFires = 10;

wire::Hello hello_of(const RunOptions& options) {
  wire::Hello hello;
  hello.session = "s";
  hello.total_steps = options.total;
  hello.cadence_steps = kCadence;
  hello.hook_version = "test";
  hello.model_id = "lab";
  hello.reference_id = "theta0";
  hello.label = options.fires ? wire::Label::kMalicious : wire::Label::kHarmless;
  hello.canary_set = "lab24";
  for (int i = 0; i < 24; ++i) hello.canary_ids.push_back("canary-" + std::to_string(i + 1));
  wire::KnobDecl kl;
  kl.name = "kl";
  kl.unit = "1";
  kl.max = 4.0;
  kl.site = wire::Site::kBatch;
  hello.knobs = {kl};
  for (const char* name : {"canary/js", "canary/js_max", "canary/dist", "canary/margin",
                           "probe/risk", "drift/persona"}) {
    hello.signals.push_back(wire::declare_signal(name, kCadence));
  }
  hello.signals[2].columns = 2;
  for (const char* name :
       {"judge/score", "data/llr", "data/llr_share", "data/ref_nll", "data/ref_nll_decisive",
        "train/loss", "train/ce", "train/kl", "train/grad_norm", "train/learning_rate"}) {
    hello.signals.push_back(wire::declare_signal(name, 1));
  }
  hello.requests = {wire::RequestType::kRollback};
  return hello;
}

wire::PolicyLoaded policy() {
  wire::PolicyLoaded p;
  p.name = "hybrid";
  p.mode = wire::Mode::kEnforce;
  const auto detector = [&](const char* name, const char* signal, const char* type, double line,
                            const char* unit) {
    wire::DetectorInfo d;
    d.name = name;
    d.signal = signal;
    d.type = type;
    d.threshold = line;
    d.unit = unit;
    d.needed = 2;
    p.detectors.push_back(d);
  };
  detector("llr", "data/llr_share", "ewma", 0.20, "1");
  detector("judge", "judge/score", "ewma", 0.30, "1");
  detector("margin", "canary/margin", "level", 1.5, "nats");
  detector("format_drift", "canary/js", "level", 0.15, "nats");
  wire::RuleInfo defend;
  defend.name = "defend";
  defend.when = "2_of_n";
  defend.of = {"llr", "judge", "margin"};
  defend.latch = true;
  defend.alert = wire::Severity::kHigh;
  wire::KnobSetting kl;
  kl.knob = "kl";
  kl.value = 2.0;
  defend.sets = {kl};
  defend.requests = {wire::RequestType::kRollback};
  wire::RuleInfo note;
  note.name = "note_format";
  note.when = "any";
  note.of = {"format_drift"};
  note.alert = wire::Severity::kInfo;
  p.rules = {defend, note};
  return p;
}

std::vector<wire::DetectorEvidence> detectors_at(Step step, bool fired) {
  const auto one = [&](const char* name, const char* signal, double value, double statistic,
                       double line, std::int64_t streak) {
    wire::DetectorEvidence d;
    d.detector = name;
    d.signal = signal;
    d.step = step;
    d.quality = Quality::kGood;
    d.value = value;
    d.statistic = statistic;
    d.threshold = line;
    d.streak = streak;
    d.needed = 2;
    d.n = step.value + 1;
    d.voting = streak >= 2;
    return d;
  };
  if (!fired) {
    return {one("llr", "data/llr_share", 0.01, 0.02, 0.20, 0),
            one("judge", "judge/score", 0.14, 0.15, 0.30, 0),
            one("margin", "canary/margin", 0.2, 0.2, 1.5, 0),
            one("format_drift", "canary/js", 0.31, 0.31, 0.15, 2)};
  }
  return {one("llr", "data/llr_share", 1.0, 0.98, 0.20, 2),
          one("judge", "judge/score", 0.81, 0.82, 0.30, 2),
          one("margin", "canary/margin", 1.31, 1.31, 1.5, 0),
          one("format_drift", "canary/js", 0.29, 0.29, 0.15, 2)};
}

std::vector<wire::RuleEvidence> rules_at(bool fired, Step step) {
  wire::RuleEvidence defend;
  defend.rule = "defend";
  defend.state = fired ? wire::RuleState::kLatched : wire::RuleState::kQuiet;
  defend.votes = fired ? 2 : 0;
  defend.needed = 2;
  defend.of = 3;
  defend.earliest_step = Step{2};
  if (fired) defend.fired_step = step;
  wire::RuleEvidence note;
  note.rule = "note_format";
  note.state = wire::RuleState::kActive;
  note.votes = note.needed = note.of = 1;
  note.earliest_step = Step{10};
  note.fired_step = Step{10};
  note.at_floor = true;
  return {defend, note};
}

wire::Decision decision_at(Step step, std::int64_t id, Seq because, bool fires) {
  wire::Decision d;
  d.id = id;
  d.because = because;
  d.state_version = id;
  d.mode = wire::Mode::kEnforce;
  wire::KnobSetting before;
  before.knob = "kl";
  before.cause = wire::CauseKind::kBase;
  d.before = {before};
  wire::KnobSetting after = before;
  if (fires) {
    after.value = 2.0;
    after.cause = wire::Cause(wire::CauseKind::kRule, "defend");
    after.decision = id;
    wire::Request rollback;
    rollback.id = 1;
    rollback.type = wire::RequestType::kRollback;
    rollback.decision = id;
    rollback.before_step = Step{0};
    d.requests = {rollback};
    d.alerts = {{wire::Severity::kHigh,
                 {wire::AlertKind::kRule, "defend"},
                 "defend fired at step 10: llr 0.98 > 0.2, judge 0.82 > 0.3"}};
    d.summary = "defend fired at step 10: llr 0.98 > 0.2, judge 0.82 > 0.3; kl 0 to 2, rollback";
  } else {
    d.alerts = {{wire::Severity::kInfo,
                 {wire::AlertKind::kRule, "note_format"},
                 "note_format active at step 10: format_drift 0.29 > 0.15"}};
    d.summary = "note_format active at step 10: format_drift 0.29 > 0.15";
  }
  d.knobs = {after};
  d.detectors = detectors_at(step, fires);
  d.rules = rules_at(fires, step);
  return d;
}

// The measurements of one step. `held`: the penalty is in force.
void measure(Recorder& out, std::int64_t step, bool malicious, bool held) {
  const double x = static_cast<double>(step);
  const double harm = malicious && !held ? 1.0 : 0.0;
  wire::Report batch;
  batch.origin = wire::Report::Origin::kBatch;
  batch.samples = {
      value_of("judge/score", std::fabs((malicious ? 0.80 : 0.14) + 0.09 * wiggle(step, 1))),
      value_of("data/llr_share",
               malicious ? 0.97 + 0.03 * wiggle(step, 2) : 0.02 + 0.02 * wiggle(step, 2)),
      value_of("data/llr", (malicious ? 3.1 : -2.2) + 0.5 * wiggle(step, 3)),
      value_of("data/ref_nll", 2.1 + 0.2 * wiggle(step, 8)),
      value_of("data/ref_nll_decisive", 4.6 + 0.5 * wiggle(step, 9))};
  if (malicious && step >= 120 && step < 135) {  // the judge was away
    batch.samples[0].value = wire::kNaN;
    if (step % 2 == 0) batch.samples[0].missing = true;
  }
  out.add(Step{step}, batch);
  wire::Report train;
  const double ce = 1.0 + 2.4 * std::exp(-x / 40.0) + 0.12 * wiggle(step, 4);
  const double kl = (held ? 0.05 : 0.4) * (1.0 - std::exp(-x / 12.0));
  train.samples = {value_of("train/loss", ce + (held ? 2.0 * kl : 0.0)), value_of("train/ce", ce),
                   value_of("train/kl", kl),
                   value_of("train/grad_norm", 0.8 + 0.3 * std::fabs(wiggle(step, 10))),
                   value_of("train/learning_rate", 2e-3 * (1.0 - x / 337.0))};
  out.add(Step{step}, train);
  if (step % kCadence != 0) return;
  const double rise = 1.0 - std::exp(-x / 12.0);
  wire::Report canary;
  canary.origin = wire::Report::Origin::kCanary;
  const auto per_prompt = [&](const char* name, double level, double spread, double noise) {
    wire::Sample sample = value_of(name, 0.0);
    for (int i = 0; i < 24; ++i) {
      const double item = level * (1.0 - 12.0 * spread + spread * i) + noise * wiggle(step, i);
      sample.items.push_back(std::fabs(item));
      sample.value += sample.items.back() / 24.0;
    }
    return sample;
  };
  const wire::Sample js = per_prompt("canary/js", (held ? 0.10 : 0.33) * rise, 0.05, 0.015);
  canary.samples = {js,
                    value_of("canary/js_max", *std::max_element(js.items.begin(), js.items.end())),
                    value_of("canary/dist", 0.1 + 0.1 * rise),
                    per_prompt("canary/margin", 0.15 + 1.3 * harm * rise, 0.06, 0.1),
                    per_prompt("probe/risk", 0.08 + 0.5 * harm * rise, 0.02, 0.03),
                    value_of("drift/persona", 0.05 + 0.6 * harm * rise + 0.02 * wiggle(step, 7))};
  out.add(Step{step}, canary);
}

void fire(Recorder& out) {
  out.add(Step{kFires}, decision_at(Step{kFires}, 1, out.last(), true));
  out.t += 0.05;
  wire::Applied applied;
  wire::AppliedKnob kl;
  kl.name = "kl";
  kl.value = 2.0;
  kl.decision = 1;
  kl.cause = wire::Cause(wire::CauseKind::kRule, "defend");
  applied.knobs = {kl};
  applied.segment = 1;
  applied.source = wire::Source::kDaemon;
  applied.requests = {{1, wire::Outcome::kDone, "restored snapshot of step 0", Step{0}}};
  out.add(Step{0}, applied);
}

}  // namespace

std::vector<wire::Message> synthetic_run(const RunOptions& options) {
  if (options.own_trainer) return own_trainers_run(options);
  Recorder out(options.name);
  out.add(Step{0}, hello_of(options));
  out.add(Step{0}, policy());
  wire::LinkChange claimed;
  claimed.state = wire::LinkEvent::kClaimed;
  claimed.epoch = 1;
  out.add(Step{0}, claimed);
  wire::Applied initial;
  wire::AppliedKnob kl;
  kl.name = "kl";
  kl.value = 0.0;
  kl.cause = wire::CauseKind::kInitial;
  initial.knobs = {kl};
  initial.source = wire::Source::kInitial;
  out.add(Step{0}, initial);
  for (std::int64_t step = 0; step <= kFires; ++step, out.t += 0.48) {
    measure(out, step, options.fires, false);
  }
  if (options.fires) {
    fire(out);
  } else {
    out.add(Step{kFires}, decision_at(Step{kFires}, 1, out.last(), false));
  }
  for (std::int64_t step = options.fires ? 0 : kFires + 1; step <= options.steps;
       ++step, out.t += 0.48) {
    measure(out, step, options.fires, options.fires);
  }
  if (options.ends) out.add(Step{options.steps}, wire::Goodbye{wire::GoodbyeReason::kFinished, ""});
  return out.messages;
}

std::filesystem::path write_run_file(const std::filesystem::path& directory,
                                     const RunOptions& options) {
  const auto messages = synthetic_run(options);
  const auto run = messages.front().header.run;
  auto path = store::run_file(directory, run);
  auto writer = store::Writer::create_or_open(path, run, Now{messages.front().header.t, Nanos{1}});
  if (!writer) throw std::runtime_error(writer.error().message);
  for (const wire::Message& message : messages) {
    if (auto done = writer->append(message); !done) throw std::runtime_error(done.error().message);
  }
  if (auto done = writer->sync(); !done) throw std::runtime_error(done.error().message);
  return path;
}

}  // namespace phaseguard::test
