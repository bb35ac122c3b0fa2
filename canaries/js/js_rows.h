// Full-vocabulary divergence of float32 rows and their normalisers, the inner loop of the canary
// signals. Internal to the canaries room: js_full.cpp calls whichever of the builds the processor
// can run. Pure.
#pragma once

#include <cstddef>
#include <vector>

namespace phaseguard::canaries::detail {

// What a row's logits z are divided by: p = e^(z - max) / sum.
struct RowNorm {
  bool bad = false;  // a NaN or +infinity, or a row all -infinity
  double max = 0.0;
  double sum = 0.0;  // within 3e-7 of float64; NaN: logits beyond 1e37, use float64 instead
};
struct RowResult {
  bool bad = false;  // either row is
  double js = 0.0;   // nats, not yet clamped to ln 2; NaN: logits beyond 1e37, use float64 instead
  RowNorm model;
};

inline constexpr std::size_t kBlock = 128;   // floats added in float32 before float64 takes over
inline constexpr std::size_t kChunk = 2048;  // floats of a row that stay in the first-level cache

// Memory of one row, reused between rows: the exponentials, and the largest logit of each chunk.
struct RowScratch {
  std::vector<float> e;
  std::vector<float> maxima;

  void resize(std::size_t n) {
    e.resize((n + kBlock - 1) / kBlock * kBlock);
    maxima.resize(n / kChunk + 1);
  }
};
struct Scratch {
  RowScratch model, reference;
};

// model, reference: n logits.
using RowKernel = RowResult (*)(const float* model, const float* reference, std::size_t n,
                                Scratch& scratch);

// row: n logits.
using NormKernel = RowNorm (*)(const float* row, std::size_t n);

RowNorm norm_row_portable(const float* row, std::size_t n);
RowResult js_row_portable(const float* model, const float* reference, std::size_t n,
                          Scratch& scratch);
#if defined(PHASEGUARD_JS_X86)
RowNorm norm_row_avx2(const float* row, std::size_t n);
RowNorm norm_row_avx512(const float* row, std::size_t n);
RowResult js_row_avx2(const float* model, const float* reference, std::size_t n, Scratch& scratch);
RowResult js_row_avx512(const float* model, const float* reference, std::size_t n,
                        Scratch& scratch);
#endif

}  // namespace phaseguard::canaries::detail
