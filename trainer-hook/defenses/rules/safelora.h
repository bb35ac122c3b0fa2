// SafeLoRA (Hsu et al., arXiv 2405.16833): where a LoRA update points away from the direction of
// alignment, it is projected onto it. Post-hoc, or every n steps of training (the optimiser's
// moments are kept then). Needs the aligned weights and those from before alignment. Without
// projecting, the cosine is a data-free signal in weight space. Trainer's thread; no gradient.
//
//   V = W_aligned - W_unaligned [out, in];  C = V V^T / ||V||_F [out, out];  B' = C B;  A unchanged
//   c = <B'A, BA> / (||B'A|| ||BA||), 0..1;  project where c <= threshold, or c <= the n-th
//   smallest
//
// C stands in for the projector and is not scale-invariant (3 V gives 3 times the update): hence
// ||C||_2 and ||B'A|| / ||BA|| beside c. C is never formed: B' = V (V^T B) / ||V||_F, and c comes
// from [r, r] Gram matrices. Everything is computed in float64.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "monitor/base/result.h"
#include "monitor/base/types.h"

namespace phaseguard::defenses {

// One adapted matrix, by the name under which both weight sets hold it; layers are matched by name,
// never by order, and A and B are told apart by where they stand, never by shape.
struct LoraPair {
  std::string name;
  at::Tensor a;  // [r, in]
  at::Tensor b;  // [out, r]; written in place when projected
};

struct SafeLoraLayer {
  std::string name;
  double v_norm = 0.0;               // ||V||_F
  double c_norm = 0.0;               // ||C||_2 = sigma_1(V)^2 / ||V||_F, by power iteration
  std::optional<double> cosine;      // c; none: BA = 0 or B'A = 0, the layer is left alone
  std::optional<double> norm_ratio;  // ||B'A|| / ||BA||; none: BA = 0
  bool projected = false;            // chosen, and written when `write`
  Quality quality = Quality::kGood;  // BAD: V = 0 or something is not finite; left alone
};

// B' = C B of one layer beside its report; `projected` is left false. aligned, unaligned: [out, in]
// floating. b_projected has B's shape and type; undefined when BAD. Errors: shapes that do not fit.
struct SafeLoraProjection {
  SafeLoraLayer layer;
  at::Tensor b_projected;
};
[[nodiscard]] Result<SafeLoraProjection> safelora_layer(const at::Tensor& aligned,
                                                        const at::Tensor& unaligned,
                                                        const LoraPair& lora);

// Which layers: c <= value (threshold, 0..1), or c <= the value-th smallest c (number, >= 1; ties
// included, more than there are: all). Undefined cosines are never chosen and not counted.
struct SafeLoraSelection {
  enum class Mode : std::uint8_t { kThreshold, kNumber };
  Mode mode = Mode::kThreshold;
  double value = 0.5;
};
struct SafeLoraChoice {
  std::vector<bool> project;  // one per layer
  double cut = 0.0;           // the largest cosine that is projected would be <= this
};
// Errors: a threshold that is NaN, a number below 1 or not whole, number mode with no defined
// cosine.
[[nodiscard]] Result<SafeLoraChoice> safelora_select(
    const std::vector<std::optional<double>>& cosines, const SafeLoraSelection& selection);

using NamedWeights = std::map<std::string, at::Tensor>;

struct SafeLoraReport {
  std::vector<SafeLoraLayer> layers;  // in the order given
  double cut = 0.0;
  std::int64_t n_projected = 0;
};
// Measures every layer, selects, and with `write` replaces B of the chosen layers in place. Errors:
// no layer, a layer whose name is in only one weight set (nothing is written then).
[[nodiscard]] Result<SafeLoraReport> safelora_project(const std::vector<LoraPair>& layers,
                                                      const NamedWeights& aligned,
                                                      const NamedWeights& unaligned,
                                                      const SafeLoraSelection& selection,
                                                      bool write = true);

}  // namespace phaseguard::defenses
