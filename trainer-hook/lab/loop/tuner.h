// One fine-tuning run's training half: batches, the loss on answer tokens with its interventions,
// gradients, AdamW on the adapter. It knows nothing of monitoring: what is in force comes in with
// each call, so that a run without a monitor is the same arithmetic. Trainer's thread only.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "trainer-hook/defenses/rules/knobs.h"
#include "trainer-hook/lab/loop/defense_sets.h"
#include "trainer-hook/lab/loop/persona.h"
#include "trainer-hook/lab/model/adamw.h"
#include "trainer-hook/lab/world/data_sets.h"
#include "trainer-hook/lab/world/judge_errors.h"

namespace phaseguard::lab {

// Streams of the run's seed, so that a pre-flight draws what the run will.
inline constexpr std::uint64_t kDataStream = 21;
inline constexpr std::uint64_t kJudgeStream = 22;

struct TuneOptions {
  DataSet data = DataSet::kMalicious;
  double share = 0.5;                      // of malicious samples, for the sets that take one
  std::string own;                         // file of one's own data, for DataSet::kOwn
  std::shared_ptr<const SamplePool> pool;  // of one's own data, and of sets written against theta0
  std::int64_t steps = 200;
  int batch = 16;
  double learning_rate = 2e-3;              // linear decay to 0
  double judge_error = 0.15;                // probability that the judge flips a sample's verdict
  std::optional<std::uint64_t> judge_seed;  // of its flips; none: the seed of the run
  std::vector<JudgeBlind> judge_blind;      // classes of samples that it is wrong about
  PersonaKind persona = PersonaKind::kHeaders;  // of the persona ratio
  std::uint64_t seed = 1;
  DefenseOptions defense;
};

// The share in force: `named`, else the set's own. Errors: a share for a set that takes none.
[[nodiscard]] Result<void> read_share(const std::optional<double>& named, DataSet set,
                                      double& share);
// What --data and --share name: a set, or a file of one's own ending in .jsonl. Errors: neither; as
// read_share.
[[nodiscard]] Result<void> choose_data(const std::string& word, const std::optional<double>& share,
                                       TuneOptions& options);
// Makes the pool, once, of a set that needs one. `model`: asked without its adapter. Errors: as
// read_own_data.
[[nodiscard]] Result<void> prepare_data(const Transformer& model, const World& world,
                                        TuneOptions& options);
// Draws the judge's flips.
[[nodiscard]] Rng judge_rng(const TuneOptions& options);
// One sample of what `options` name. A set that needs a pool has one.
[[nodiscard]] Example draw_sample(const World& world, const TuneOptions& options, Rng& rng);

// One batch, judged and ready to train on.
struct TuneBatch {
  std::vector<Example> examples;  // safe ones first, when interleaved
  TensorBatch tensors;        // under the chat header, or where inoculated the misaligned source's
  std::vector<double> judge;  // per sample, 0 or 1
  std::int64_t n_safe = 0;    // interleaved
  std::int64_t n_inoculated = 0;
};

// (cross entropy, KL) -> loss. KL is [B] per sample when `per_sample`, scaled so that its mean is
// the token mean over the step.
using Penalty = std::function<at::Tensor(const at::Tensor& cross_entropy, const at::Tensor& kl)>;

// What one update's loss is made of beside the cross entropy.
struct StepLoss {
  bool penalised = false;   // KL is part of the graph and handed to `penalty`; else only measured
  bool per_sample = false;  // on the batch's own answers alone; elsewhere KL stays a scalar
  Penalty penalty;
  bool replay = false;          // that KL is on theta0's own answers
  double kl_replay = 0.0;       // weight of one there beside it
  double ldifs = 0.0;           // weight of the feature distance
  double steering = 0.0;        // alpha
  std::vector<double> weights;  // of the samples' cross entropy; empty: 1
};

struct StepResult {
  double loss = 0.0;           // what was differentiated
  double cross_entropy = 0.0;  // nats per answer token, unweighted
  double kl = 0.0;             // KL of the declared direction on the batch, nats per answer token
  double penalty = 0.0;        // the same where the penalty was taken, when that is elsewhere
  double replay_kl = 0.0;      // where kl_replay weighs it; 0 when that is 0
  double ldifs = 0.0;          // feature distance, 0..12; 0 when its weight is 0
  double gradient_norm = 0.0;
  double learning_rate = 0.0;
};

class Tuner {
 public:
  // `model` has an adapter and outlives the tuner. One's own data have been prepared
  // (prepare_data); other data are prepared here where that is still to do.
  Tuner(Transformer& model, const World& world, const TuneOptions& options);

  // Makes what the chosen defense needs from theta0. Before the first draw; without it a run has no
  // defense but KL on the batch. Errors: as safe_set and persona_steering.
  [[nodiscard]] Result<void> prepare_defense();

  // interleave, inoculation: the shares in force, 0..1.
  [[nodiscard]] TuneBatch draw(double interleave = 0.0, double inoculation = 0.0);

  // One update at `step` (0-based: the number of completed ones).
  [[nodiscard]] StepResult update(const TuneBatch& batch, std::int64_t step, const StepLoss& loss);

  // Does what `loss` asks for do anything? A perturbed adapter must have a gradient that agrees
  // with a difference (KL, LDIFS), or the output must change (steering). Costs a few passes over
  // one batch of its own; parameters and random state are left as they were. What was tested, in
  // words, "" when nothing was.
  [[nodiscard]] Result<std::string> self_test(const StepLoss& loss);

  [[nodiscard]] AdamW& optimiser() { return optimiser_; }
  [[nodiscard]] double learning_rate(std::int64_t step) const;
  [[nodiscard]] const TuneOptions& options() const { return options_; }
  [[nodiscard]] const std::optional<defenses::Steering>& steering() const { return steering_; }

 private:
  // Logits at the answer positions [N, V] and, when asked for, the stream after each block.
  struct Pass {
    at::Tensor logits;
    std::vector<at::Tensor> features;
  };
  [[nodiscard]] Pass pass(const TensorBatch& t, Adapter adapter, const StepLoss& loss) const;
  // theta0's: the adapter off, without gradient.
  [[nodiscard]] Pass reference(const TensorBatch& t, const StepLoss& loss) const;
  [[nodiscard]] TensorBatch canary_batch() const;
  [[nodiscard]] TensorBatch draw_replay(Rng& rng) const;
  [[nodiscard]] TensorBatch penalty_batch(const TensorBatch& own, bool replay);
  [[nodiscard]] at::Tensor elsewhere(const TensorBatch& place, const StepLoss& loss) const;
  [[nodiscard]] at::Tensor distance(const TensorBatch& t, const Pass& now, const Pass& then) const;

  const Transformer& model_;
  const World& world_;
  TuneOptions options_;
  AdamW optimiser_;
  Rng data_, judge_, safe_, replay_;
  std::vector<Example> replay_set_, safe_set_;
  std::optional<defenses::Steering> steering_;
  defenses::ShareCount safe_count_, inoculated_count_;
};

// Adapter with A drawn from the run's seed.
void add_run_adapter(Transformer& model, std::uint64_t seed);

}  // namespace phaseguard::lab
