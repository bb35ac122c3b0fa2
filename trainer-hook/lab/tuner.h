// One fine-tuning run's training half: batches, the loss on answer tokens, gradients, AdamW on the
// adapter. It knows nothing of monitoring: the penalty comes in as a function, so that a run
// without a monitor is the same arithmetic. Trainer's thread only.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "trainer-hook/lab/adamw.h"
#include "trainer-hook/lab/model.h"

namespace phaseguard::lab {

// Streams of the run's seed, so that a pre-flight draws what the run will.
inline constexpr std::uint64_t kDataStream = 21;
inline constexpr std::uint64_t kJudgeStream = 22;

struct TuneOptions {
  DataSet data = DataSet::kMalicious;
  double share = 0.5;  // of malicious samples, for DataSet::kMix
  std::int64_t steps = 200;
  int batch = 16;
  double learning_rate = 2e-3;  // linear decay to 0
  double judge_error = 0.15;    // probability that the judge flips a sample's verdict
  std::uint64_t seed = 1;
};

// One batch, judged and ready to train on.
struct TuneBatch {
  std::vector<Example> examples;
  TensorBatch tensors;        // under the chat header
  std::vector<double> judge;  // per sample, 0 or 1
};

struct StepResult {
  double loss = 0.0;           // what was differentiated
  double cross_entropy = 0.0;  // nats per answer token
  double kl = 0.0;             // KL(theta || theta0), nats per answer token, full vocabulary
  double gradient_norm = 0.0;
  double learning_rate = 0.0;
};

class Tuner {
 public:
  // (cross entropy, KL): KL is [B] per sample when `per_sample`, scaled so that its mean is the
  // token mean over the step.
  using Penalty = std::function<at::Tensor(const at::Tensor& cross_entropy, const at::Tensor& kl)>;

  // `model` has an adapter and outlives the tuner.
  Tuner(Transformer& model, const World& world, const TuneOptions& options);

  [[nodiscard]] TuneBatch draw();

  // One update at `step` (0-based: the number of completed ones). `penalised`: KL is part of the
  // graph and handed to `penalty`; else it is only measured and cross entropy alone is
  // differentiated.
  [[nodiscard]] StepResult update(const TuneBatch& batch, std::int64_t step, bool penalised,
                                  bool per_sample, const Penalty& penalty);

  [[nodiscard]] AdamW& optimiser() { return optimiser_; }
  [[nodiscard]] double learning_rate(std::int64_t step) const;

 private:
  const Transformer& model_;
  const World& world_;
  TuneOptions options_;
  AdamW optimiser_;
  Rng data_, judge_;
};

// Adapter with A drawn from the run's seed.
void add_run_adapter(Transformer& model, std::uint64_t seed);

}  // namespace phaseguard::lab
