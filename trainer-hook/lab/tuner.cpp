#include "trainer-hook/lab/tuner.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/exp.h>
#include <ATen/ops/index_add.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/mean.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/neg.h>
#include <ATen/ops/sub.h>
#include <ATen/ops/sum.h>
#include <ATen/ops/zeros.h>

namespace phaseguard::lab {
namespace {

constexpr std::uint64_t kDataStream = 21;
constexpr std::uint64_t kJudgeStream = 22;
constexpr std::uint64_t kAdapterStream = 23;
constexpr double kMaxGradientNorm = 1.0;

std::vector<at::Tensor> adapter_tensors(const Transformer& model) {
  std::vector<at::Tensor> out;
  for (const auto& [name, tensor] : model.adapter_parameters()) out.push_back(tensor);
  return out;
}

// [N] nats at each position, KL(theta || theta0).
at::Tensor token_kl(const at::Tensor& lp, const at::Tensor& lq) {
  return at::sum(at::mul(at::exp(lp), at::sub(lp, lq)), -1);
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
  at::Tensor lq;
  {
    const at::NoGradGuard no_grad;
    lq = at::log_softmax(model_.logits_at(t.tokens, t.at, Adapter::kOff), -1);
  }
  const at::Tensor lp = at::log_softmax(model_.logits_at(t.tokens, t.at, Adapter::kOn), -1);
  const at::Tensor ce = at::neg(at::mean(lp.gather(1, t.target.unsqueeze(1))));
  const at::Tensor kl_tokens = token_kl(penalised ? lp : lp.detach(), lq);
  const at::Tensor kl = at::mean(kl_tokens);
  at::Tensor loss = ce;
  if (penalised && per_sample) {
    const double scale = static_cast<double>(options_.batch) / static_cast<double>(kl_tokens.numel());
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
