// The exact KL penalty toward the frozen reference: full vocabulary, temperature 1, both
// directions, token mean over the optimiser step. Called in the trainer's loss, on its thread;
// differentiable with respect to the model's logits, never with respect to the reference's.
//
//   model_ref: KL(theta || theta0) = sum_v p (lp - lq)        ref_model: KL(theta0 || theta) =
//   sum_v q (lq - lp)
//
// A token masked with -infinity on both sides contributes 0. Mass where the other side has none is
// an infinite divergence: that position is BAD. half and bfloat16 logits are computed in float32.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string_view>

#include "monitor/base/result.h"
#include "monitor/base/types.h"

namespace phaseguard::defenses {

enum class KlDirection : std::uint8_t { kModelRef, kRefModel };
[[nodiscard]] const char* name_of(KlDirection direction);  // "model_ref", "ref_model"
[[nodiscard]] Result<KlDirection> kl_direction(std::string_view name);

// model, reference: [.., V] logits. [..] nats per position, >= 0 up to rounding, +infinity or NaN
// where BAD. Error: shapes differ, V = 0, not floating.
[[nodiscard]] Result<at::Tensor> kl_per_position(const at::Tensor& model,
                                                 const at::Tensor& reference,
                                                 KlDirection direction);

struct KlPenalty {
  at::Tensor value;  // scalar with gradient; undefined when there is nothing to add
  // [B] with gradient: B * sum_t m KL / N, so that its mean is `value`: what Hook::add_penalty
  // takes for one lambda per sample. Undefined where `value` is.
  at::Tensor per_sample;
  double measured = 0.0;             // value as a number, nats per token; NaN when BAD
  std::int64_t n_positions = 0;      // masked positions in this micro-batch
  Quality quality = Quality::kGood;  // BAD: no masked position, or a masked position is BAD
};

// sum_i sum_t m_it KL_it / N. model, reference: [B, T, V]; mask: [B, T] of 0/1, already shifted.
// n_step: N, the masked positions of all micro-batches and ranks of this optimiser step; 0 = this
// call is the whole step. The result must not be divided by the number of micro-batches again.
[[nodiscard]] Result<KlPenalty> kl_token_mean(const at::Tensor& model, const at::Tensor& reference,
                                              const at::Tensor& mask, KlDirection direction,
                                              std::int64_t n_step = 0);

// sum_i w_i sum_t m_it KL_it / N, the same N. weights: [B], finite, >= 0.
[[nodiscard]] Result<KlPenalty> kl_weighted(const at::Tensor& model, const at::Tensor& reference,
                                            const at::Tensor& mask, const at::Tensor& weights,
                                            KlDirection direction, std::int64_t n_step = 0);

// Masks, [B, T] float 0/1. `answer`: positions whose next token has a label (labels: [B, T], -100 =
// none). `attention`: every position that is not padding. `canary`: the last unmasked position.
// `replay` is the answer mask on a batch of theta0's own answers to neutral prompts.
enum class KlMask : std::uint8_t { kAttention, kAnswer, kCanary, kReplay };
[[nodiscard]] const char* name_of(KlMask mask);  // "attention", "answer", "canary", "replay"
[[nodiscard]] Result<KlMask> kl_mask(std::string_view name);
// table: labels for kAnswer and kReplay, the attention mask for kAttention and kCanary.
[[nodiscard]] Result<at::Tensor> mask_of(KlMask mask, const at::Tensor& table);
[[nodiscard]] Result<at::Tensor> answer_mask(const at::Tensor& labels);
[[nodiscard]] Result<at::Tensor> attention_mask(const at::Tensor& attention);
[[nodiscard]] Result<at::Tensor> canary_mask(const at::Tensor& attention);

// CE + lambda KL, and alpha CE + beta KL with alpha = 1 - beta. lambda = beta / (1 - beta).
[[nodiscard]] at::Tensor additive(const at::Tensor& ce, const at::Tensor& kl, double lambda);
[[nodiscard]] at::Tensor convex(const at::Tensor& ce, const at::Tensor& kl, double beta);
[[nodiscard]] Result<double> lambda_of_beta(double beta);    // 0 <= beta < 1
[[nodiscard]] Result<double> beta_of_lambda(double lambda);  // lambda >= 0, finite

// Estimators from tokens x drawn from the model: k1 = -ln r, k2 = (ln r)^2 / 2, k3 = r - 1 - ln r
// with r = q(x)/p(x). On tokens of data they estimate nothing.
//
//   | estimator | mean over x ~ p   | gradient through the sampled value, mean over x ~ p |
//   | k1        | KL(theta||theta0) | 0: no effect at all; refused as a penalty           |
//   | k2        | not a KL          | that of KL(theta||theta0), "model_ref"              |
//   | k3        | KL(theta||theta0) | that of KL(theta0||theta), "ref_model"              |
//
// So: values by k1 or k3, gradients by k2, and exact wherever the logits are at hand.
struct SampledKl {
  at::Tensor k1, k2, k3;  // [..] nats, each with gradient through ln p(x), x fixed
};
// model, reference: [.., V]; tokens: [..] int64.
[[nodiscard]] Result<SampledKl> sampled_kl(const at::Tensor& model, const at::Tensor& reference,
                                           const at::Tensor& tokens);

enum class KlEstimator : std::uint8_t { kK1, kK2, kK3 };
[[nodiscard]] const char* name_of(KlEstimator estimator);  // "k1", "k2", "k3"
// Which divergence its gradient lowers: k2 model_ref, k3 ref_model; k1 none: an error.
[[nodiscard]] Result<KlDirection> gradient_direction(KlEstimator estimator);

// kl_token_mean with an estimator in place of the exact divergence: a penalty for trainers whose
// samples come from theta. tokens: [B, T] int64, the token sampled at each position (read where
// masked). `direction` is the divergence wanted: Error when the estimator's gradient lowers another
// one (k1: none). `measured` is the estimator's mean, for k2 not a KL.
[[nodiscard]] Result<KlPenalty> kl_sampled_mean(const at::Tensor& model,
                                                const at::Tensor& reference,
                                                const at::Tensor& tokens, const at::Tensor& mask,
                                                KlEstimator estimator, KlDirection direction,
                                                std::int64_t n_step = 0);

}  // namespace phaseguard::defenses
