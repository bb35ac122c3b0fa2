// A table of hidden states, one row a sample: what probes and directions are fitted on. No
// LibTorch.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "monitor/base/result.h"
#include "monitor/base/span.h"

namespace phaseguard::probe {

struct Features {
  std::size_t rows = 0;        // samples
  std::size_t cols = 0;        // hidden width
  std::vector<double> values;  // row-major, rows * cols

  [[nodiscard]] Span<const double> row(std::size_t i) const {
    return Span<const double>(values.data() + i * cols, cols);
  }
};

// Copies row-major values. Error: size is not rows * cols, or rows or cols is 0.
[[nodiscard]] Result<Features> make_features(Span<const float> values, std::size_t rows,
                                             std::size_t cols);
[[nodiscard]] Result<Features> make_features(Span<const double> values, std::size_t rows,
                                             std::size_t cols);

// Error naming the first value that is not finite.
[[nodiscard]] Result<void> check_finite(const Features& features, const std::string& what);

}  // namespace phaseguard::probe
