// The fast path of a fitted probe: standardisation folded into the weights, so that scoring is one
// product a row. Pure, any thread, no LibTorch. C++17-clean.
#pragma once

#include <cstddef>
#include <vector>

#include "probe/fit/logistic.h"

namespace phaseguard::probe {

// sum_j a_j b_j in float64 over eight interleaved partial sums: the same bits on every machine and
// with every vector width, and no chain of additions to wait for.
[[nodiscard]] double summed_products(const double* a, const double* b, std::size_t n);
[[nodiscard]] double summed_products(const float* a, const double* b, std::size_t n);

struct FoldedModel {
  std::vector<double> weights;  // [H] weight / sd (sd 0: / 1)
  double bias = 0.0;            // bias - sum_j weight_j mean_j / sd_j
};
[[nodiscard]] FoldedModel fold(const LogisticModel& model);

// w.x + b of one raw row of H values. Not finite exactly when the row is not (or overflows).
[[nodiscard]] inline double logit(const FoldedModel& model, const double* row) {
  return summed_products(row, model.weights.data(), model.weights.size()) + model.bias;
}
[[nodiscard]] inline double logit(const FoldedModel& model, const float* row) {
  return summed_products(row, model.weights.data(), model.weights.size()) + model.bias;
}

}  // namespace phaseguard::probe
