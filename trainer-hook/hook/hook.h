// The hook of a C++ (LibTorch) trainer: latches lambda once per optimiser step, keeps snapshots of
// what is trained, does rollbacks at step boundaries as new segments, and reports signals. Owned
// and called by the training thread alone.
//
// Order of calls in one step, `s` = completed optimiser updates before it:
//   1. plan = hook.begin_step(Step{s})      requests are done here; lambda is latched for all
//   micro-batches
//      (or: hook.decide_batch(report, Step{s}, wait) first, then begin_step: this batch's risks, or
//      what the canaries show after s updates, decide the lambda of the update that follows)
//   2. loss = hook.add_penalty(ce, kl)      kl from trainer-hook/defenses; 0 adds nothing, not even
//   a rounding
//   3. optimiser step
//   4. hook.end_step(Step{s + 1}, values)
//   5. at the measuring cadence: hook.report_canaries(Step{s + 1}, samples): takes a snapshot as
//   well
// Nothing here throws into training; a failed snapshot or restore is reported as the outcome
// "failed".
#pragma once

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "monitor/base/result.h"
#include "monitor/base/types.h"
#include "monitor/wire/messages.h"
#include "trainer-hook/hook/snapshots.h"
#include "trainer-hook/reporter/reporter.h"

namespace phaseguard::hook {

struct Options {
  reporter::Options link;
  SnapshotLimits snapshots;
};

// What the trainer does in this step.
struct StepPlan {
  Step step;                 // the step given, or after a rollback the snapshot's
  std::int64_t segment = 0;  // 0, then +1 for each rollback
  double lambda = 0.0;
  std::vector<double> items;             // per sample; empty: `lambda` for all
  std::vector<wire::KnobSetting> knobs;  // every declared knob as it is in force, in declared order
  std::string cause;          // of lambda: "base", "rule:<name>", "operator:<name>", "initial"
  std::int64_t decision = 0;  // id of the daemon's decision; 0: initial value or local guard
  reporter::Source source = reporter::Source::kInitial;
  bool shadow = false;       // the policy only records: raised is what an operator raised
  bool rolled_back = false;  // parameters and optimiser are now those of the snapshot of `step`
  bool checkpoint = false;   // write a checkpoint, then call checkpoint_written()
  bool pause = false;        // wait, then go on
  bool stop = false;         // end training
};

class Hook {
 public:
  // Takes the first snapshot at hello.start_step, then starts the reporter. `state` is called on
  // the training thread and must outlive the hook's last begin_step. Errors: as Reporter::start, or
  // a first snapshot that does not fit the limits.
  [[nodiscard]] static Result<Hook> attach(Options options, wire::Hello hello, TrainerState state);

  StepPlan begin_step(Step step) noexcept;

  // Sends this batch's risks, or with report.origin = kCanary the canaries', and waits for the
  // lambda that answers them, at most `max_wait_s`; begin_step of the same step uses the answer.
  void decide_batch(wire::Report report, Step step, double max_wait_s) noexcept;

  // loss + lambda * kl of the plan in force. kl: scalar, or [B] per sample: loss + mean_i(lambda_i
  // * kl_i), or of a knob declared with form "convex" (loss + lambda * kl) / (1 + lambda), which is
  // alpha * loss + beta * kl with beta = lambda / (1 + lambda). When lambda is 0 for all, `loss`
  // itself comes back and `kl` may be undefined. Throws c10::Error for a wrong shape, as the ops
  // around it do.
  [[nodiscard]] at::Tensor add_penalty(const at::Tensor& loss, const at::Tensor& kl) const;
  [[nodiscard]] bool needs_penalty() const noexcept;  // false: kl need not be computed at all

  // Scalars of the finished step: indices into Hello::signals. Also re-asserts what is applied.
  void end_step(Step completed, const std::vector<reporter::SignalValue>& values) noexcept;
  void report_canaries(Step step, std::vector<wire::Sample> samples) noexcept;
  void report_batch(Step step, std::vector<wire::Sample> samples, std::int64_t batch = 0) noexcept;

  void checkpoint_written(const std::string& detail, bool ok) noexcept;
  // To be stored with a checkpoint of `completed` updates: reporter::Options::lineage of the
  // process that goes on from it. Empty: there is no reporter.
  [[nodiscard]] std::string lineage(Step completed) const noexcept {
    return reporter_.lineage(completed, plan_.segment);
  }
  void finish(const std::string& reason = "finished", double max_flush_s = 0.5) noexcept;

  [[nodiscard]] reporter::Reporter& link() noexcept { return reporter_; }
  [[nodiscard]] const SnapshotRing& snapshots() const noexcept { return snapshots_; }
  [[nodiscard]] const StepPlan& plan() const noexcept { return plan_; }
  [[nodiscard]] std::int64_t failures() const noexcept {
    return failures_;
  }  // snapshots not taken, errors caught

 private:
  Hook(reporter::Reporter reporter, TrainerState state, SnapshotRing snapshots);
  void perform(const wire::Request& request);
  void roll_back(const wire::Request& request);

  reporter::Reporter reporter_;
  TrainerState state_;
  SnapshotRing snapshots_;
  bool convex_ = false;  // form of the knob that lambda is of
  StepPlan plan_;
  std::vector<wire::RequestOutcome> outcomes_;  // to be reported with the next applied
  std::vector<std::int64_t> checkpoints_;       // ids of requests that wait for checkpoint_written
  const reporter::Latched* decided_ = nullptr;  // decide_batch came before begin_step
  std::int64_t failures_ = 0;                   // snapshots that did not fit, caught errors
};

}  // namespace phaseguard::hook
