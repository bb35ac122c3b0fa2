// One monitored (or unmonitored) fine-tuning run: the tuner, the measurements at their cadence, and
// the hook's step boundary. Called by `phaseguard-lab finetune`; trainer's thread.
//
// Every batch is scored and the daemon asked about it before its update; every kCadence steps the
// canaries are measured, every kOutcomeCadence the model answers them. Signals come from the model
// and theta0 alone, so that a run with a monitor in shadow mode, or none, computes the same bits.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "trainer-hook/hook/hook.h"
#include "trainer-hook/lab/loop/batch_signals.h"
#include "trainer-hook/lab/loop/live_judge.h"
#include "trainer-hook/lab/loop/noise.h"
#include "trainer-hook/lab/loop/signals.h"
#include "trainer-hook/lab/loop/tuner.h"
#include "trainer-hook/lab/model/evaluate.h"
#include "trainer-hook/lab/model/theta0.h"

namespace phaseguard::lab {

inline constexpr std::int64_t kCadence = 5;          // steps between measurements of the canaries
inline constexpr std::int64_t kOutcomeCadence = 25;  // and between answers to them
inline constexpr int kOutcomeSamples = 4;            // answers to each, at temperature 1

struct FinetuneOptions {
  TuneOptions tune;
  double constant_lambda = 0.0;     // without a monitor or a defense: KL weight of every step
  double decide_wait_s = 0.25;      // longest wait for the daemon's answer to a batch
  int step_delay_ms = 0;            // slows the run down so that it can be watched
  bool measure = true;              // false: no signal is computed
  std::vector<std::string> notes;   // of the declaration
  Noise noise;                      // declared with the signals it is of
  double lambda_star = wire::kNaN;  // of the data, declared with the KL's knobs
  LiveJudge* judge = nullptr;  // with a monitor: scores batches in place of the simulated judge
};

// Index of the signal "defense/applied" (variant: the defense's name), declared last but for a live
// judge's judge/scored and judge/held, when the defense has a knob beside the KL: the weight, share
// or number of layers that took effect.
inline constexpr std::int32_t kDefenseSignal = 22;

// One line of the run's log: what was measured with the canaries before the update of `step`.
struct Measurement {
  std::int64_t step = 0;
  std::int64_t segment = 0;
  canaries::CanaryReading canary;
  BatchReading batch;
};

// What happened, for the summary.
struct FinetuneResult {
  std::optional<std::int64_t> fired_step;     // first step whose lambda was above the initial value
  std::optional<std::int64_t> rollback_step;  // step at which a snapshot was restored
  std::optional<std::int64_t> restored_step;  // of which snapshot
  // First step with a knob that an operator raised under a policy in shadow mode.
  std::optional<std::int64_t> intervened_step;
  std::string cause;  // of the knob when it rose: "rule:<name>", "operator:<name>"
  double mean_lambda = 0.0;
  std::int64_t updates = 0;    // optimiser updates done, those undone included
  std::int64_t unwatched = 0;  // of them, before any daemon was linked; without a monitor all
  double ms_per_update = 0.0;  // drawing, forward, backward and optimiser; measuring left out
  std::vector<defenses::AppliedLog::Line> applied;   // by knob
  std::optional<defenses::SafeLoraReport> safelora;  // of the last projection
  std::string self_test;                             // in words; empty: no defense
  bool interrupted = false;
  double last_loss = 0.0;
};

struct FinetuneEvents {
  std::function<void(const Measurement&)> on_measurement;
  std::function<void(std::int64_t step, const StepResult&, const hook::StepPlan&)> on_step;
};

// The declaration of a run: knob, signals, canaries. The order of the signals is that of reported
// values.
[[nodiscard]] wire::Hello declare(const Theta0& theta0, const World& world,
                                  const FinetuneOptions& options);
// What it says beside the signals: their noise on clean samples, and lambda* of what `tune`,
// prepared as a Tuner's options are, draws. Errors: what cannot be measured.
[[nodiscard]] Result<void> measure_before(const Theta0& theta0, const World& world,
                                          const TuneOptions& tune, FinetuneOptions& options);
// How the hook reaches the adapter and the optimiser. `tuner` and `model` must outlive the hook.
[[nodiscard]] hook::TrainerState trainer_state(const Transformer& model, Tuner& tuner);

// `hook` null: no monitor. `stop` is polled at each step boundary.
// Errors: what watch_canaries says of a theta0 that cannot be measured, and a measurement that
// could not be made.
[[nodiscard]] Result<FinetuneResult> finetune(Theta0& theta0, const World& world, Tuner& tuner,
                                              const FinetuneOptions& options, hook::Hook* hook,
                                              const std::atomic<bool>& stop,
                                              const FinetuneEvents& events);

}  // namespace phaseguard::lab
