#include "canaries/js/js_full.h"

#include <cmath>
#include <limits>
#include <vector>

#include "canaries/js/js_math.h"
#include "canaries/js/log_probs.h"

namespace phaseguard::canaries::detail {

namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

struct Kernels {
  RowKernel js;
  NormKernel norm;
};

Kernels kernels() {
#if defined(PHASEGUARD_JS_X86)
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq")) {
    return {js_row_avx512, norm_row_avx512};
  }
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
    return {js_row_avx2, norm_row_avx2};
  }
#endif
  return {js_row_portable, norm_row_portable};
}

const Kernels& runnable() {
  static const Kernels kKernels = kernels();
  return kKernels;
}

Norm in_double(Span<const float> row) {
  const LogProbs wide(row);
  return {wide.bad, wide.max, wide.log_sum};
}

Norm settled(const RowNorm& norm, Span<const float> row) {
  if (norm.bad) return {true, norm.max, kNaN};
  if (row.size() <= kChunk || std::isnan(norm.sum)) return in_double(row);
  return {false, norm.max, std::log(norm.sum)};
}

JsValue in_double(Span<const float> model, Span<const float> reference) {
  const std::vector<double> p(model.begin(), model.end()), q(reference.begin(), reference.end());
  const Pair pair = prepare(Span<const double>(p), Span<const double>(q));
  if (pair.bad) return {kNaN, kNaN, kNaN, Quality::kBad};
  const double js = full(pair);
  return {js, js, js, Quality::kGood};
}

JsValue value_of(const RowResult& row, Span<const float> model, Span<const float> reference) {
  if (row.bad) return {kNaN, kNaN, kNaN, Quality::kBad};
  if (std::isnan(row.js)) return in_double(model, reference);
  const double js = clamped(row.js);
  return {js, js, js, Quality::kGood};
}

}  // namespace

FullRow full_row(Span<const float> model, Span<const float> reference, Scratch& scratch) {
  const RowResult row = runnable().js(model.data(), reference.data(), model.size(), scratch);
  return {value_of(row, model, reference), settled(row.model, model)};
}

Norm norm_of(Span<const float> row) {
  if (row.size() <= kChunk) return in_double(row);
  return settled(runnable().norm(row.data(), row.size()), row);
}

}  // namespace phaseguard::canaries::detail
