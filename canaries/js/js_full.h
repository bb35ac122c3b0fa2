// Full-vocabulary rows of float32 by the kernel that this processor can run; in float64 where
// float32 cannot, and the normaliser also where a row is so short that float64 costs nothing.
// Internal to the canaries room. Pure.
#pragma once

#include "canaries/js/js.h"
#include "canaries/js/js_rows.h"
#include "monitor/base/span.h"

namespace phaseguard::canaries::detail {

// ln p_i = (z_i - max) - log_sum; as LogProbs has it for rows of at most kChunk logits, within 3e-7
// of that for longer ones.
struct Norm {
  bool bad = false;  // a NaN, a +infinity, or no finite logit
  double max = 0.0;
  double log_sum = 0.0;
};
struct FullRow {
  JsValue js;
  Norm model;  // of the same pass
};
// Rows of one length, at least 1.
[[nodiscard]] FullRow full_row(Span<const float> model, Span<const float> reference,
                               Scratch& scratch);
[[nodiscard]] Norm norm_of(Span<const float> row);

}  // namespace phaseguard::canaries::detail
