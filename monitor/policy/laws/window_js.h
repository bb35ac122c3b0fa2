// Left against right: the dissimilarity that window_js compares (docs/POLICY.md, after
// arXiv 2508.20015). Pure; any thread; + - * / only. Used by the laws.
//
// A measurement is `rows` distributions (one per canary) over `columns` outcomes, row after row.
#pragma once

#include <cstddef>
#include <cstdint>

#include "monitor/base/span.h"

namespace phaseguard::policy {

// A row's probabilities may miss their sum of 1 by so much (float32 sums of a vocabulary).
inline constexpr double kRowSumTolerance = 1e-4;
// Numbers that one measurement may have, rows * columns: what an array of protocol 1 holds. A
// window of 32 on each side of a candidate is then 2 MiB.
inline constexpr std::int64_t kMaxRowNumbers = 4096;

// Whether `items` is one or more whole rows of probabilities: each finite, 0..1, summing to 1
// within kRowSumTolerance. `columns` >= 1.
[[nodiscard]] bool are_distributions(phaseguard::Span<const double> items, std::int64_t columns);

// Jensen-Shannon divergence, in nats, of p / weight and q / weight, each `n` long and >= 0; exactly
// 0 for equal rows, symmetric, never negative.
[[nodiscard]] double js_of_sums(const double* p, const double* q, std::size_t n, double weight);

// Mean over the rows of JS(mean of the older half, mean of the newer half) of `window` * 2
// measurements. `ring`: that many measurements of `size` numbers each; `oldest`: the place of the
// oldest one. `scratch`: at least 2 * size numbers, overwritten.
[[nodiscard]] double dissimilarity(phaseguard::Span<const double> ring, std::int64_t window,
                                   std::int64_t size, std::int64_t columns, std::int64_t oldest,
                                   phaseguard::Span<double> scratch);

}  // namespace phaseguard::policy
