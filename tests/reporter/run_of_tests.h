// The run that the reporter's tests declare, and the daemon's messages they answer it with.
#pragma once

#include <string>

#include "monitor/base/sha256.h"
#include "monitor/wire/messages.h"
#include "tests/support/declared.h"
#include "trainer-hook/reporter/reporter.h"

namespace phaseguard::reporter {

using test::kPolicy;

inline Options test_options() {
  Options options;
  options.run = *RunId::parse("run-1");
  return options;
}

inline wire::Hello test_hello() {
  wire::Hello hello;
  hello.session = "token";
  hello.total_steps = 100;
  hello.cadence_steps = 5;
  hello.model_id = "tiny";
  hello.reference_id = "theta0";
  wire::KnobDecl kl = test::kl_knob();
  kl.initial = 0.1;
  kl.site = wire::Site::kBatch;
  kl.direction = wire::Direction::kModelRef;
  kl.mask = wire::Mask::kAnswer;
  kl.normaliser = wire::Normaliser::kTokenMeanStep;
  kl.form = wire::Form::kAdditive;
  kl.reference = "theta0";
  kl.per_sample = true;
  hello.knobs.push_back(kl);
  for (const char* name :
       {"train/loss", "train/ce", "train/kl", "train/grad_norm", "train/learning_rate"}) {
    wire::SignalDecl signal;
    signal.name = name;
    hello.signals.push_back(signal);
  }
  wire::SignalDecl judge = test::judge_signal();
  judge.items = wire::Items::kSample;
  hello.signals.push_back(judge);
  hello.requests = {wire::RequestType::kRollback, wire::RequestType::kCheckpoint,
                    wire::RequestType::kPause, wire::RequestType::kStop};
  return hello;
}

// Short leases, so that a loss is seen within a test.
inline wire::Welcome test_welcome() {
  wire::Welcome welcome;
  welcome.epoch = 1;
  welcome.heartbeat_ms = 50;
  welcome.stale_ms = 200;
  welcome.lease_ms = 600;
  welcome.policy_text = kPolicy;
  welcome.policy_digest = hex(sha256(kPolicy));
  welcome.mode = wire::Mode::kEnforce;
  welcome.on_loss = wire::OnLoss::kLocal;
  welcome.ack = Seq{1};
  return welcome;
}

// For tests in real time that are not about a loss: a busy machine must not cause one.
inline wire::Welcome patient_welcome() {
  wire::Welcome welcome = test_welcome();
  welcome.stale_ms = 60'000;
  welcome.lease_ms = 120'000;
  return welcome;
}

inline wire::Control test_control(double kl, std::int64_t ack, std::int64_t epoch) {
  wire::Control control;
  control.epoch = epoch;
  control.mode = wire::Mode::kEnforce;
  control.ack = Seq{ack};
  control.knobs.push_back({"kl", kl, {}, wire::CauseKind::kBase, 1, {}});
  return control;
}

// batch != 0: as decide() sends it, with `samples` equal risks.
inline wire::Report test_report(double judge, std::int64_t batch, std::size_t samples) {
  wire::Report report;
  report.origin = wire::Report::Origin::kBatch;
  report.batch = batch;
  report.wants_control = batch != 0;
  wire::Sample sample;
  sample.signal = "judge/score";
  sample.value = judge;
  sample.items.assign(samples, judge);
  report.samples.push_back(sample);
  return report;
}

}  // namespace phaseguard::reporter
