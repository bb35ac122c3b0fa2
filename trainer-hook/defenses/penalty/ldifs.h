// LDIFS: the l2 distance in feature space between the model in training and the frozen reference
// (Mukhoti et al., arXiv 2308.13320; as a defense in Kaczer et al., arXiv 2508.06249). Called in
// the trainer's loss, on its thread; differentiable with respect to the model's features, never the
// reference's.
//
//   per sample and layer: x = features with padded positions set to 0, flattened [T * H]
//   u = x / ||x||, v = y / ||y||;   distance = sum over layers of ||u - v||^2;   batch mean
//
// Each layer gives 0..4. At theta = theta0 value and gradient are 0: test with test_penalty of
// self_test.h, which perturbs theta first.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <limits>
#include <vector>

#include "monitor/base/result.h"
#include "monitor/base/types.h"

namespace phaseguard::defenses {

// Blocks whose output (the residual stream after the block) is compared: floor(i (L - 1) / (points
// - 1)), i = 0..points - 1, without repeats; points = 1: the last. 28 blocks, 5 points: 0, 6, 13,
// 20, 27. Errors: blocks < 1, points < 1.
[[nodiscard]] Result<std::vector<std::int64_t>> ldifs_layers(std::int64_t blocks,
                                                             std::int64_t points = 5);

struct LdifsPenalty {
  at::Tensor value;       // scalar with gradient, 0..4 * layers; undefined when BAD
  at::Tensor per_sample;  // [B] with gradient; its mean is `value`; undefined when BAD
  double measured = std::numeric_limits<double>::quiet_NaN();  // value as a number
  Quality quality = Quality::kBad;  // BAD: a sample's features are all 0 or not finite in a layer
};

// model, reference: one [B, T, H] tensor a layer, floating, of one shape a layer; half and bfloat16
// are computed in float32. mask: [B, T] of 0/1 (0 = padding), or undefined for none.
//
// n_step: samples of the whole optimiser step (all micro-batches and ranks); 0 = this call is all
// of it. With accumulation the value is sum_i d_i / n_step and must not be divided again.
//
// Errors: no layer, another number of layers, shapes that differ, features of the model without a
// graph while gradients are recorded (detached, or computed under no-grad: a penalty without
// effect).
[[nodiscard]] Result<LdifsPenalty> ldifs_distance(const std::vector<at::Tensor>& model,
                                                  const std::vector<at::Tensor>& reference,
                                                  const at::Tensor& mask = {},
                                                  std::int64_t n_step = 0);

}  // namespace phaseguard::defenses
