#include "probe/fit/scoring.h"

#include <array>

namespace phaseguard::probe {

namespace {

constexpr std::size_t kLanes = 8;

template <class T>
double summed(const T* a, const double* b, std::size_t n) {
  std::array<double, kLanes> part{};
  std::size_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (std::size_t k = 0; k < kLanes; ++k) part[k] += static_cast<double>(a[i + k]) * b[i + k];
  }
  for (std::size_t k = 0; i < n; ++i, ++k) part[k] += static_cast<double>(a[i]) * b[i];
  return ((part[0] + part[1]) + (part[2] + part[3])) + ((part[4] + part[5]) + (part[6] + part[7]));
}

}  // namespace

double summed_products(const double* a, const double* b, std::size_t n) { return summed(a, b, n); }
double summed_products(const float* a, const double* b, std::size_t n) { return summed(a, b, n); }

FoldedModel fold(const LogisticModel& model) {
  FoldedModel folded;
  folded.bias = model.bias;
  for (std::size_t j = 0; j < model.weights.size(); ++j) {
    folded.weights.push_back(model.sd[j] > 0.0 ? model.weights[j] / model.sd[j] : model.weights[j]);
    folded.bias -= folded.weights[j] * model.mean[j];
  }
  return folded;
}

}  // namespace phaseguard::probe
