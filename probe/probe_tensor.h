// Probes and trait directions on LibTorch tensors. Trainer's thread; records no gradient.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

#include "monitor/base/result.h"
#include "probe/probe.h"

namespace phaseguard::probe {

// hidden: [B, H], any floating dtype, stride and device. Error: not two dimensions or not floating.
[[nodiscard]] Result<Features> features_of(const at::Tensor& hidden);
[[nodiscard]] Result<std::vector<double>> score(const ActivationProbe& probe,
                                                const at::Tensor& hidden);
[[nodiscard]] Result<Drift> drift(const TraitDirection& direction, const at::Tensor& reference,
                                  const at::Tensor& model);

// One row a sample from the states of one layer. states: [B, T, H]; mask: [B, T] of 0/1, 1 where
// the position counts (prompt positions or answer positions; never padding). Error: shapes, or a
// row with no position.
[[nodiscard]] Result<at::Tensor> last_position(const at::Tensor& states, const at::Tensor& mask);
[[nodiscard]] Result<at::Tensor> mean_position(const at::Tensor& states, const at::Tensor& mask);

// Log-probabilities of each answer's tokens, one list a sample, for score_answer (samples.h): run
// it on the logits under the trained prompt and under either persona's. logits: [B, T, V], any
// floating dtype and device, at position t for the token at t + 1; tokens: [B, T] whole numbers;
// answer: [B, T] of 0/1, 1 on the answer's tokens. log-softmax in float64. Errors: shapes; an
// answer that is empty or begins at position 0; a token outside the vocabulary; a log-probability
// that is NaN.
[[nodiscard]] Result<std::vector<std::vector<double>>> answer_log_probs(const at::Tensor& logits,
                                                                        const at::Tensor& tokens,
                                                                        const at::Tensor& answer);

}  // namespace phaseguard::probe
