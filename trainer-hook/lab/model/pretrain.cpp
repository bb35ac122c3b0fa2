#include "trainer-hook/lab/model/pretrain.h"

#include <ATen/ops/div.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/neg.h>
#include <ATen/ops/sum.h>

#include <algorithm>

#include "trainer-hook/lab/model/adamw.h"

namespace phaseguard::lab {
namespace {

constexpr std::uint64_t kWeightsStream = 11;
constexpr std::uint64_t kDocumentsStream = 12;
constexpr double kMaxGradientNorm = 1.0;
constexpr std::int64_t kWarmupSteps = 50;

double linear_rate(double peak, std::int64_t step, std::int64_t total) {
  const double decay = 1.0 - 0.95 * static_cast<double>(step) / static_cast<double>(total);
  const double warmup = std::min(1.0, static_cast<double>(step + 1) / kWarmupSteps);
  return peak * decay * warmup;
}

double train_step(Transformer& model, AdamW& optimiser, const Batch& batch, double rate) {
  const TensorBatch t = to_tensors(batch);
  const at::Tensor lp = at::log_softmax(model.logits_at(t.tokens, t.at, Adapter::kOff), -1);
  const at::Tensor chosen = lp.gather(1, t.target.unsqueeze(1)).squeeze(1);
  const at::Tensor loss = at::div(at::sum(at::mul(chosen, t.weight)), at::neg(at::sum(t.weight)));
  loss.backward();
  optimiser.clip_gradients(kMaxGradientNorm);
  optimiser.step(rate);
  return loss.item<double>();
}

}  // namespace

Transformer pretrain(const World& world, const PretrainOptions& options,
                     const std::function<void(const PretrainProgress&)>& on_step,
                     const std::function<void(const Transformer&)>& on_base) {
  Rng weights(options.seed, kWeightsStream), documents(options.seed, kDocumentsStream);
  Transformer model(ModelShape{}, weights);
  std::vector<at::Tensor> parameters;
  for (auto& [name, tensor] : model.base_parameters()) {
    tensor.set_requires_grad(true);
    parameters.push_back(tensor);
  }
  PretrainProgress progress;
  progress.total = options.steps + options.post_steps;
  for (const bool post : {false, true}) {
    if (post && on_base) on_base(model);
    progress.post_training = post;
    const std::int64_t steps = post ? options.post_steps : options.steps;
    AdamW optimiser(parameters, {0.9, 0.98, 1e-8, options.weight_decay});
    for (std::int64_t i = 0; i < steps; ++i) {
      std::vector<Sequence> rows;
      for (int r = 0; r < options.batch; ++r) {
        rows.push_back(post ? draw_chat(world, documents, options.refuses)
                            : draw_document(world, documents));
      }
      const double rate =
          linear_rate(post ? options.post_learning_rate : options.learning_rate, i, steps);
      progress.loss = train_step(model, optimiser, make_batch(rows), rate);
      ++progress.step;
      on_step(progress);
    }
  }
  for (auto& [name, tensor] : model.base_parameters()) tensor.set_requires_grad(false);
  return model;
}

}  // namespace phaseguard::lab
