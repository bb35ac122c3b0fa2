#include "probe/fit/features.h"

#include <cmath>

#include "monitor/base/text.h"

namespace phaseguard::probe {

namespace {

template <class T>
Result<Features> copied(Span<const T> values, std::size_t rows, std::size_t cols) {
  if (rows == 0 || cols == 0 || values.size() / cols != rows || values.size() % cols != 0) {
    return fail(Errc::kInvalidArgument, "features: expected rows x width values, found " +
                                            std::to_string(values.size()) + " for " +
                                            std::to_string(rows) + " x " + std::to_string(cols));
  }
  Features features;
  features.rows = rows;
  features.cols = cols;
  features.values.assign(values.begin(), values.end());
  return features;
}

}  // namespace

Result<Features> make_features(Span<const float> values, std::size_t rows, std::size_t cols) {
  return copied(values, rows, cols);
}

Result<Features> make_features(Span<const double> values, std::size_t rows, std::size_t cols) {
  return copied(values, rows, cols);
}

Result<void> check_finite(const Features& features, const std::string& what) {
  for (std::size_t i = 0; i < features.values.size(); ++i) {
    if (!std::isfinite(features.values[i])) {
      return fail(Errc::kInvalidArgument,
                  what + ": row " + std::to_string(i / features.cols) + ", column " +
                      std::to_string(i % features.cols) + " (both from 0) is " +
                      number_text(features.values[i]) + "; expected a finite number");
    }
  }
  return {};
}

}  // namespace phaseguard::probe
