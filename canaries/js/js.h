// Jensen-Shannon divergence in nats between softmax(model) and softmax(reference) of two rows of
// logits: the canary signal (PhaseGuard-KL, eq. 2). Called by js_tensor for the hook and by the
// conformance runner; pure, any thread, no LibTorch. C++17-clean.
//
// Per token, with d = ln p - ln q, delta = tanh(d/2), m = (p+q)/2:
//   f = m/2 [(1+delta) ln(1+delta) + (1-delta) ln(1-delta)] >= 0;     JS = sum over the vocabulary
//   of f.
// The form has no cancellation: identical rows give exactly 0, and near-identical rows are right to
// the last digits in float64 (float32 rows: within 2e-7 of float64). Sums are float64 throughout.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "monitor/base/result.h"
#include "monitor/base/span.h"
#include "monitor/base/types.h"

namespace phaseguard::canaries {

// Which quantity a value is. A threshold belongs to one variant and one k: the choice alone moves
// the value by up to a quarter.
enum class JsVariant {
  kFull,
  kUnionTopkTail,  // S = top-k of either; the rest is one bucket: a lower bound of full
  kRefTopkTail,    // S = top-k of the reference; the rest is one bucket: a lower bound
  kUnionTopkRaw,   // no bucket: a looser lower bound
  kRefTopkRaw,
  kUnionTopkRenorm,  // renormalised inside S: legacy, no bound in either direction
  kRefTopkRenorm,
};
[[nodiscard]] const char* name_of(JsVariant variant);  // "full", "union_topk_tail", ...
[[nodiscard]] Result<JsVariant> js_variant(std::string_view name);
[[nodiscard]] bool needs_k(JsVariant variant);

struct JsValue {
  double value = 0.0;  // nats, 0..ln 2; NaN when BAD
  // Certified: lower <= full divergence <= upper. Both equal `value` for full; for every truncated
  // variant the interval of S = union of both top-k, or of the reference's top-k for ref_*.
  double lower = 0.0;
  double upper = 0.0;
  Quality quality = Quality::kGood;
};

// model, reference: [V] logits. k: 1..V, ignored by kFull. BAD: a NaN or +infinity, a row all
// -infinity, a renorm variant with no mass in S. -infinity is p = 0. Error: lengths differ, V = 0,
// k outside 1..V.
[[nodiscard]] Result<JsValue> js_divergence(Span<const float> model, Span<const float> reference,
                                            JsVariant variant = JsVariant::kFull,
                                            std::size_t k = 256);
[[nodiscard]] Result<JsValue> js_divergence(Span<const double> model, Span<const double> reference,
                                            JsVariant variant = JsVariant::kFull,
                                            std::size_t k = 256);

// P rows at once: model and reference row-major [P, V], one value a row, in order. What a
// measurement of a whole canary set calls; full-vocabulary float32 rows share one scratch buffer.
[[nodiscard]] Result<std::vector<JsValue>> js_divergence_rows(Span<const float> model,
                                                              Span<const float> reference,
                                                              std::size_t rows,
                                                              JsVariant variant = JsVariant::kFull,
                                                              std::size_t k = 256);

// Every truncated variant for one k at once, with what they are made of.
struct JsTruncated {
  std::size_t k = 0;
  std::size_t union_size = 0;
  double union_topk_tail = 0.0, union_topk_raw = 0.0;
  double ref_topk_tail = 0.0, ref_topk_raw = 0.0;
  std::optional<double> union_topk_renorm, ref_topk_renorm;  // empty: no mass in S, undefined
  double tail_model = 0.0, tail_reference = 0.0;  // mass outside the union, summed, never 1 - sum
  double lower = 0.0, upper = 0.0;                // interval of the union
  double ref_lower = 0.0, ref_upper = 0.0;        // interval of the reference's top-k
};
struct JsAnalysis {
  Quality quality = Quality::kGood;  // BAD: every number below is NaN, by_k is empty
  double full = 0.0;
  std::vector<JsTruncated> by_k;  // in the order of ks
};
[[nodiscard]] Result<JsAnalysis> js_analysis(Span<const float> model, Span<const float> reference,
                                             Span<const std::size_t> ks);
[[nodiscard]] Result<JsAnalysis> js_analysis(Span<const double> model, Span<const double> reference,
                                             Span<const std::size_t> ks);

// D_t: the values of P canaries together. One BAD canary makes the mean BAD: a mean over fewer
// prompts is another quantity.
struct JsSummary {
  std::vector<JsValue> per_canary;  // [P], in the set's order
  double mean = 0.0, max = 0.0;     // nats; NaN when BAD
  double mean_lower = 0.0, mean_upper = 0.0;
  Quality quality = Quality::kGood;
};
// Error: no canary.
[[nodiscard]] Result<JsSummary> summarise(std::vector<JsValue> per_canary);

// First-k mode: `per_position` holds P * positions values, canary by canary; each canary's value
// and interval become the means over its positions, BAD when one of them is. Error: positions = 0,
// or not a divisor of the count.
[[nodiscard]] Result<JsSummary> first_k_mean(const std::vector<JsValue>& per_position,
                                             std::size_t positions);
// The variant such a value is declared under: "full_first4", "union_topk_tail_first4".
[[nodiscard]] std::string first_k_name(JsVariant variant, std::size_t positions);

// 1 <= k <= vocabulary, or an error that says so.
[[nodiscard]] Result<void> check_k(std::size_t k, std::size_t vocabulary);

}  // namespace phaseguard::canaries
