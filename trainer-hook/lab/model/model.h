// The lab's language model: a small GPT (width 96, 3 layers, 4 heads, ReLU MLP x4, learned
// positions, tied embeddings; about 0.37 million parameters) with rank-stabilised LoRA on every
// linear layer. Plain ATen operations and autograd. Used by the trainer's thread only. Nothing here
// changes the process's thread count.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "probe/layer_tap.h"
#include "trainer-hook/lab/world/data.h"
#include "trainer-hook/lab/world/rng.h"

namespace phaseguard::lab {

// The least that theta0's probability of a token counts as in the floored persona ratio
// (loop/batch_signals.h), which attackers write against.
inline constexpr double kPersonaFloor = 0.01;

struct ModelShape {
  std::int64_t vocabulary = kVocabulary;
  std::int64_t width = 96;
  std::int64_t layers = 3;
  std::int64_t heads = 4;
  std::int64_t positions = 64;
};

// rs-LoRA: W x + (alpha / sqrt(rank)) B A x, B = 0 at the start.
struct LoraShape {
  std::int64_t rank = 8;
  double alpha = 16.0;
};

// A batch as tensors. tokens [rows, width] int64; at, target, row [N] int64; weight [N] float32.
struct TensorBatch {
  at::Tensor tokens, at, target, row, weight;
};
[[nodiscard]] TensorBatch to_tensors(const Batch& batch);
// Equally long token rows -> [rows, width] int64.
[[nodiscard]] at::Tensor to_tensor(const std::vector<std::vector<Token>>& rows);

enum class Adapter : std::uint8_t { kOff, kOn };

// (block 0.., stream [rows, width, d]) -> stream of the same shape.
using AfterBlock = std::function<at::Tensor(std::int64_t block, const at::Tensor& stream)>;

class Transformer {
 public:
  // Random weights from `rng`; no adapter.
  Transformer(const ModelShape& shape, Rng& rng);

  // Adds adapters with A drawn from `rng` and B = 0, freezes the base weights.
  void add_adapter(const LoraShape& lora, Rng& rng);
  [[nodiscard]] bool has_adapter() const { return lora_scale_ != 0.0; }

  // tokens: [rows, width] int64, width <= positions. Residual stream after the last block: [rows *
  // width, d] float32. `tap` is shown "embedding", "block<i>.attention", "block<i>.mlp" (what is
  // added to the stream) and "block<i>" (the stream after it), each [rows, width, d].
  // `after_block` is given the stream after each block, with its graph, and gives back the stream
  // to go on with: where features are read and steered.
  [[nodiscard]] at::Tensor hidden(const at::Tensor& tokens, Adapter adapter,
                                  probe::LayerTap* tap = nullptr,
                                  const AfterBlock& after_block = {}) const;
  // hidden rows [N, d] -> next-token logits [N, V].
  [[nodiscard]] at::Tensor logits(const at::Tensor& hidden_rows) const;
  // Both, at flat positions `at` [N].
  [[nodiscard]] at::Tensor logits_at(const at::Tensor& tokens, const at::Tensor& at,
                                     Adapter adapter) const;

  // Names and tensors, in a fixed order. Tensors are shared: writing into them changes the model.
  [[nodiscard]] std::vector<std::pair<std::string, at::Tensor>> base_parameters() const;
  [[nodiscard]] std::vector<std::pair<std::string, at::Tensor>> adapter_parameters() const;
  [[nodiscard]] const ModelShape& shape() const { return shape_; }
  [[nodiscard]] std::int64_t parameter_count() const;

 private:
  struct Linear {
    at::Tensor weight;  // [out, in]
    at::Tensor bias;    // [out]
    at::Tensor a, b;    // [rank, in], [out, rank]; undefined without adapter
  };
  struct Block {
    at::Tensor attention_gain, mlp_gain;  // [d]
    Linear qkv, out, up, down;
  };
  [[nodiscard]] at::Tensor apply(const Linear& linear, const at::Tensor& x, Adapter adapter) const;
  [[nodiscard]] at::Tensor attend(const Block& block, const at::Tensor& x, std::int64_t rows,
                                  std::int64_t width, Adapter adapter) const;

  ModelShape shape_;
  at::Tensor embedding_;   // [V, d], also the output layer
  at::Tensor position_;    // [positions, d]
  at::Tensor final_gain_;  // [d]
  at::Tensor causal_;      // [positions, positions]: 0 where a position may look, -inf elsewhere
  std::vector<Block> blocks_;
  double lora_scale_ = 0.0;
};

}  // namespace phaseguard::lab
