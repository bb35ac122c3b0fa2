#include "trainer-hook/lab/model/model.h"

#include <ATen/ops/add.h>
#include <ATen/ops/embedding.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/layer_norm.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>

#include "monitor/base/check.h"
#include "trainer-hook/defenses/rules/lora_scale.h"
#include "trainer-hook/lab/model/passes.h"

namespace phaseguard::lab {
namespace {

constexpr double kEmbeddingSd =
    0.2;  // smaller: positions and numbers take far longer to be told apart
constexpr double kNormEpsilon = 1e-5;
std::atomic<std::int64_t> g_passes{0};
constexpr double kAdapterScale =
    0.57735;  // 1/sqrt(3): the sd of the usual uniform(-1, 1)/sqrt(in) for A

at::Tensor random(at::IntArrayRef sizes, double sd, Rng& rng) {
  at::Tensor tensor = at::empty(sizes, at::kFloat);
  auto* data = tensor.data_ptr<float>();
  for (std::int64_t i = 0; i < tensor.numel(); ++i) data[i] = static_cast<float>(sd * rng.normal());
  return tensor;
}

// Sd 1/sqrt(in), so that activations keep their size; what writes to the residual stream is scaled
// down by its depth.
at::Tensor random_linear(std::int64_t out, std::int64_t in, double scale, Rng& rng) {
  return random({out, in}, scale / std::sqrt(static_cast<double>(in)), rng);
}

at::Tensor copy_of(const std::vector<std::int64_t>& values) {
  at::Tensor tensor = at::empty({static_cast<std::int64_t>(values.size())}, at::kLong);
  std::copy(values.begin(), values.end(), tensor.data_ptr<std::int64_t>());
  return tensor;
}

}  // namespace

std::int64_t model_passes() { return g_passes.load(); }

TensorBatch to_tensors(const Batch& batch) {
  TensorBatch out{copy_of(batch.tokens).view({batch.rows, batch.width}), copy_of(batch.at),
                  copy_of(batch.target), copy_of(batch.row),
                  at::empty({static_cast<std::int64_t>(batch.weight.size())}, at::kFloat)};
  std::copy(batch.weight.begin(), batch.weight.end(), out.weight.data_ptr<float>());
  return out;
}

at::Tensor to_tensor(const std::vector<std::vector<Token>>& rows) {
  PHASEGUARD_CHECK(!rows.empty());
  const std::size_t width = rows.front().size();
  std::vector<std::int64_t> flat;
  flat.reserve(rows.size() * width);
  for (const auto& row : rows) {
    PHASEGUARD_CHECK(row.size() == width);
    flat.insert(flat.end(), row.begin(), row.end());
  }
  return copy_of(flat).view(
      {static_cast<std::int64_t>(rows.size()), static_cast<std::int64_t>(width)});
}

Transformer::Transformer(const ModelShape& shape, Rng& rng) : shape_(shape) {
  const std::int64_t d = shape.width;
  const double residual = 1.0 / std::sqrt(2.0 * static_cast<double>(shape.layers));
  embedding_ = random({shape.vocabulary, d}, kEmbeddingSd, rng);
  position_ = random({shape.positions, d}, kEmbeddingSd, rng);
  final_gain_ = at::ones({d}, at::kFloat);
  for (std::int64_t layer = 0; layer < shape.layers; ++layer) {
    Block block;
    block.attention_gain = at::ones({d}, at::kFloat);
    block.mlp_gain = at::ones({d}, at::kFloat);
    block.qkv.weight = random_linear(3 * d, d, 1.0, rng);
    block.out.weight = random_linear(d, d, residual, rng);
    block.up.weight = random_linear(4 * d, d, 1.0, rng);
    block.down.weight = random_linear(d, 4 * d, residual, rng);
    for (Linear* linear : {&block.qkv, &block.out, &block.up, &block.down}) {
      linear->bias = at::zeros({linear->weight.size(0)}, at::kFloat);
    }
    blocks_.push_back(std::move(block));
  }
  causal_ = at::zeros({shape.positions, shape.positions}, at::kFloat);
  auto* mask = causal_.data_ptr<float>();
  for (std::int64_t i = 0; i < shape.positions; ++i) {
    for (std::int64_t j = i + 1; j < shape.positions; ++j) {
      mask[i * shape.positions + j] = -std::numeric_limits<float>::infinity();
    }
  }
}

void Transformer::add_adapter(const LoraShape& lora, Rng& rng) {
  const auto scale =
      defenses::lora_scale(defenses::LoraScaling::kRankStabilised, lora.rank, lora.alpha);
  PHASEGUARD_CHECK(scale.has_value());
  for (auto& [name, tensor] : base_parameters()) tensor.set_requires_grad(false);
  for (Block& block : blocks_) {
    for (Linear* linear : {&block.qkv, &block.out, &block.up, &block.down}) {
      linear->a = random_linear(lora.rank, linear->weight.size(1), kAdapterScale, rng)
                      .set_requires_grad(true);
      linear->b =
          at::zeros({linear->weight.size(0), lora.rank}, at::kFloat).set_requires_grad(true);
    }
  }
  lora_scale_ = *scale;
}

at::Tensor Transformer::apply(const Linear& linear, const at::Tensor& x, Adapter adapter) const {
  at::Tensor y = at::linear(x, linear.weight, linear.bias);
  if (adapter == Adapter::kOff || !has_adapter()) return y;
  return at::add(y, at::linear(at::linear(x, linear.a), linear.b), lora_scale_);
}

at::Tensor Transformer::attend(const Block& block, const at::Tensor& x, std::int64_t rows,
                               std::int64_t width, Adapter adapter) const {
  const std::int64_t heads = shape_.heads, size = shape_.width / heads;
  const at::Tensor qkv =
      apply(block.qkv, x, adapter).view({rows, width, 3, heads, size}).permute({2, 0, 3, 1, 4});
  const at::Tensor q = qkv.select(0, 0), k = qkv.select(0, 1), v = qkv.select(0, 2);
  const at::Tensor mask = causal_.slice(0, 0, width).slice(1, 0, width);
  const double scale = 1.0 / std::sqrt(static_cast<double>(size));
  const at::Tensor scores = at::add(mask, at::matmul(q, k.transpose(-2, -1)), scale);
  const at::Tensor mixed = at::matmul(at::softmax(scores, -1), v);  // [rows, heads, width, size]
  return apply(block.out, mixed.transpose(1, 2).reshape({rows * width, shape_.width}), adapter);
}

at::Tensor Transformer::hidden(const at::Tensor& tokens, Adapter adapter, probe::LayerTap* tap,
                               const AfterBlock& after_block) const {
  const std::int64_t rows = tokens.size(0), width = tokens.size(1);
  PHASEGUARD_CHECK(width <= shape_.positions);
  g_passes += rows;
  const auto show = [&](std::size_t block, const char* part, const at::Tensor& states) {
    if (tap == nullptr) return;
    tap->observe("block" + std::to_string(block) + part, states.view({rows, width, shape_.width}));
  };
  at::Tensor h = at::add(at::embedding(embedding_, tokens), position_.slice(0, 0, width));
  h = h.view({rows * width, shape_.width});
  if (tap != nullptr) tap->observe("embedding", h.view({rows, width, shape_.width}));
  for (std::size_t i = 0; i < blocks_.size(); ++i) {
    const Block& block = blocks_[i];
    at::Tensor x = at::layer_norm(h, {shape_.width}, block.attention_gain, {}, kNormEpsilon);
    const at::Tensor attention = attend(block, x, rows, width, adapter);
    show(i, ".attention", attention);
    h = at::add(h, attention);
    x = at::layer_norm(h, {shape_.width}, block.mlp_gain, {}, kNormEpsilon);
    const at::Tensor mlp = apply(block.down, at::relu(apply(block.up, x, adapter)), adapter);
    show(i, ".mlp", mlp);
    h = at::add(h, mlp);
    if (after_block) {
      h = after_block(static_cast<std::int64_t>(i), h.view({rows, width, shape_.width}))
              .view({rows * width, shape_.width});
    }
    show(i, "", h);
  }
  return h;
}

at::Tensor Transformer::logits(const at::Tensor& hidden_rows) const {
  return at::linear(at::layer_norm(hidden_rows, {shape_.width}, final_gain_, {}, kNormEpsilon),
                    embedding_);
}

at::Tensor Transformer::logits_at(const at::Tensor& tokens, const at::Tensor& at,
                                  Adapter adapter) const {
  return logits(at::index_select(hidden(tokens, adapter), 0, at));
}

std::vector<std::pair<std::string, at::Tensor>> Transformer::base_parameters() const {
  std::vector<std::pair<std::string, at::Tensor>> out{
      {"embedding", embedding_}, {"position", position_}, {"final_gain", final_gain_}};
  for (std::size_t i = 0; i < blocks_.size(); ++i) {
    const std::string prefix = "block" + std::to_string(i) + ".";
    const Block& block = blocks_[i];
    out.emplace_back(prefix + "attention_gain", block.attention_gain);
    out.emplace_back(prefix + "mlp_gain", block.mlp_gain);
    const std::pair<const char*, const Linear*> linears[] = {
        {"qkv", &block.qkv}, {"out", &block.out}, {"up", &block.up}, {"down", &block.down}};
    for (const auto& [name, linear] : linears) {
      out.emplace_back(prefix + name + ".weight", linear->weight);
      out.emplace_back(prefix + name + ".bias", linear->bias);
    }
  }
  return out;
}

std::vector<std::pair<std::string, at::Tensor>> Transformer::adapter_parameters() const {
  std::vector<std::pair<std::string, at::Tensor>> out;
  if (!has_adapter()) return out;
  for (std::size_t i = 0; i < blocks_.size(); ++i) {
    const std::string prefix = "block" + std::to_string(i) + ".";
    const Block& block = blocks_[i];
    const std::pair<const char*, const Linear*> linears[] = {
        {"qkv", &block.qkv}, {"out", &block.out}, {"up", &block.up}, {"down", &block.down}};
    for (const auto& [name, linear] : linears) {
      out.emplace_back(prefix + name + ".lora_a", linear->a);
      out.emplace_back(prefix + name + ".lora_b", linear->b);
    }
  }
  return out;
}

std::int64_t Transformer::parameter_count() const {
  std::int64_t n = 0;
  for (const auto& [name, tensor] : base_parameters()) n += tensor.numel();
  return n;
}

}  // namespace phaseguard::lab
