#include "trainer-hook/lab/tuner.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/index_add.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/mean.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/neg.h>
#include <ATen/ops/zeros.h>

#include "monitor/base/check.h"
#include "trainer-hook/defenses/kl.h"

namespace phaseguard::lab {
namespace {

constexpr std::uint64_t kAdapterStream = 23;
constexpr double kMaxGradientNorm = 1.0;

std::vector<at::Tensor> adapter_tensors(const Transformer& model) {
  std::vector<at::Tensor> out;
  for (const auto& [name, tensor] : model.adapter_parameters()) out.push_back(tensor);
  return out;
}

}  // namespace

Tuner::Tuner(Transformer& model, const World& world, const TuneOptions& options)
    : model_(model),
      world_(world),
      options_(options),
      optimiser_(adapter_tensors(model), AdamW::Options{}),
      data_(options.seed, kDataStream),
      judge_(options.seed, kJudgeStream) {}

TuneBatch Tuner::draw() {
  TuneBatch batch;
  std::vector<Sequence> rows;
  for (int i = 0; i < options_.batch; ++i) {
    batch.examples.push_back(draw_example(world_, options_.data, options_.share, data_));
    batch.judge.push_back(noisy_score(batch.examples.back(), options_.judge_error, judge_));
    rows.push_back(lay_out(kChat, batch.examples.back()));
  }
  batch.tensors = to_tensors(make_batch(rows));
  return batch;
}

double Tuner::learning_rate(std::int64_t step) const {
  return options_.learning_rate *
         (1.0 - static_cast<double>(step) / static_cast<double>(options_.steps));
}

StepResult Tuner::update(const TuneBatch& batch, std::int64_t step, bool penalised, bool per_sample,
                         const Penalty& penalty) {
  const TensorBatch& t = batch.tensors;
  at::Tensor reference;
  {
    const at::NoGradGuard no_grad;
    reference = model_.logits_at(t.tokens, t.at, Adapter::kOff);
  }
  const at::Tensor logits = model_.logits_at(t.tokens, t.at, Adapter::kOn);
  const at::Tensor lp = at::log_softmax(logits, -1);
  const at::Tensor ce = at::neg(at::mean(lp.gather(1, t.target.unsqueeze(1))));
  const auto per_position = defenses::kl_per_position(penalised ? logits : logits.detach(),
                                                      reference, defenses::KlDirection::kModelRef);
  PHASEGUARD_CHECK(per_position.has_value());
  const at::Tensor& kl_tokens = *per_position;
  const at::Tensor kl = at::mean(kl_tokens);
  at::Tensor loss = ce;
  if (penalised && per_sample) {
    const double scale =
        static_cast<double>(options_.batch) / static_cast<double>(kl_tokens.numel());
    const at::Tensor none = at::zeros({options_.batch}, at::kFloat);
    loss = penalty(ce, at::mul(at::index_add(none, 0, t.row, kl_tokens), scale));
  } else if (penalised) {
    loss = penalty(ce, kl);
  }
  loss.backward();
  StepResult out;
  out.loss = loss.item<double>();
  out.cross_entropy = ce.item<double>();
  out.kl = kl.item<double>();
  out.gradient_norm = optimiser_.clip_gradients(kMaxGradientNorm);
  out.learning_rate = learning_rate(step);
  optimiser_.step(out.learning_rate);
  return out;
}

void add_run_adapter(Transformer& model, std::uint64_t seed) {
  Rng rng(seed, kAdapterStream);
  model.add_adapter(LoraShape{}, rng);
}

}  // namespace phaseguard::lab
