// The kernel itself, on vectors of 8 floats (compiler vectors: one AVX2 register, or two SSE or
// NEON registers). Compiled twice; PHASEGUARD_JS_ROW names the function. Everything here is local
// to the file that includes it, so that no AVX2 code can be chosen for a processor without it.
//
// Three passes over two rows that stay in cache: maxima, exponentials and their sums, shares. Per
// token, with d = ln p - ln q, a = |d|, s = min(p, q) / max(p, q), m = (p + q) / 2:
//   a < 2:  share = m d^2 G(d^2)                               no cancellation near d = 0
//   a >= 2: share = m (ln 2 - ln(1 + s)) - a min(p, q) / 2     the same function, rearranged
// The polynomials were fitted at Chebyshev nodes; their largest errors stand beside them. Groups of
// four vectors are added in float32, the groups in float64.

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>

#include "canaries/js_rows.h"

namespace phaseguard::canaries::detail {

namespace {

using Floats = float __attribute__((vector_size(32)));
using Ints = std::int32_t __attribute__((vector_size(32)));
using Four = float __attribute__((vector_size(16)));
using Doubles = double __attribute__((vector_size(32)));

constexpr std::size_t kLanes = 8;
constexpr float kHuge = 1e37f;  // beyond it differences of logits overflow
constexpr float kInfinity = std::numeric_limits<float>::infinity();

[[gnu::always_inline]] inline Floats load(const float* p) {
  Floats v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
[[gnu::always_inline]] inline void store(float* p, Floats v) { std::memcpy(p, &v, sizeof v); }
[[gnu::always_inline]] inline Floats all(float x) { return Floats{} + x; }

[[gnu::always_inline]] inline Doubles widened(Floats v) {
  const Four low = __builtin_shufflevector(v, v, 0, 1, 2, 3);
  const Four high = __builtin_shufflevector(v, v, 4, 5, 6, 7);
  return __builtin_convertvector(low, Doubles) + __builtin_convertvector(high, Doubles);
}

// e^x for x <= 0; below -87 (and for -infinity) exactly 0. Relative error 1e-7.
[[gnu::always_inline]] inline Floats exponential(Floats x) {
  const Ints gone = x < all(-87.0f);
  const Floats safe = gone ? all(0.0f) : x;
  const Floats shifter = all(12582912.0f);  // 1.5 * 2^23: adding it rounds to a whole number
  const Floats shifted = safe * 1.44269504088896341f + shifter;
  const Floats whole = shifted - shifter;
  const Floats r = (safe - whole * 0.693359375f) + whole * 2.12194440054690583e-4f;
  Floats y = all(0.0013941108438804987f);  // 2e-9 on |r| <= ln(2)/2
  y = y * r + 0.008375126398132253f;
  y = y * r + 0.04166635289669687f;
  y = y * r + 0.16666415514653618f;
  y = y * r + 0.5000000047117784f;
  y = y * r + 1.0f;
  y = y * r + 1.0f;
  // 2^n: the low bits of `shifted` are n, moved into the exponent field.
  Ints bits;
  std::memcpy(&bits, &shifted, sizeof bits);
  Ints power = (bits << 23) + 0x3f800000;
  Floats scale;
  std::memcpy(&scale, &power, sizeof scale);
  return gone ? all(0.0f) : y * scale;
}

struct Scan {
  float max = -kInfinity;
  bool bad = false;
};

Scan scan(const float* z, std::size_t n) {
  Floats max = all(-kInfinity);
  Ints bad{};
  std::size_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    const Floats v = load(z + i);
    max = v > max ? v : max;
    bad |= v != v;
  }
  Scan out;
  for (std::size_t lane = 0; lane < kLanes; ++lane) {
    if (max[lane] > out.max) out.max = max[lane];
    out.bad = out.bad || bad[lane] != 0;
  }
  for (; i < n; ++i) {
    if (z[i] > out.max) out.max = z[i];
    out.bad = out.bad || z[i] != z[i];
  }
  out.bad = out.bad || out.max == kInfinity || out.max == -kInfinity;
  return out;
}

// A whole block of kBlock logits: the row itself, or its end padded with -infinity (p = 0).
struct Block {
  const float* at = nullptr;
  float padded[kBlock];

  [[gnu::always_inline]] inline void set(const float* z, std::size_t i, std::size_t n) {
    at = z + i;
    if (i + kBlock <= n) return;
    for (std::size_t j = 0; j < kBlock; ++j) padded[j] = i + j < n ? z[i + j] : -kInfinity;
    at = padded;
  }
};

// Writes e^(z - max) and returns the sum.
double exponentials(const float* z, std::size_t n, float max, float* out) {
  Doubles sum{};
  Block block;
  for (std::size_t i = 0; i < n; i += kBlock) {
    block.set(z, i, n);
    Floats group{};
    for (std::size_t j = 0; j < kBlock; j += kLanes) {
      const Floats e = exponential(load(block.at + j) - all(max));
      store(out + i + j, e);
      group += e;
    }
    sum += widened(group);
  }
  return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

[[gnu::always_inline]] inline Floats share(Floats p, Floats q, Floats d) {
  const Floats magnitude = d < all(0.0f) ? -d : d;
  // Also turns NaN (-infinity on both sides, where p = q = 0) into a number.
  const Floats a = magnitude < all(100.0f) ? magnitude : all(100.0f);
  const Floats m = (p + q) * 0.5f;

  const Floats u = a * a;
  Floats g = all(5.8103698419658905e-08f);  // 1.2e-8 on 0..4
  g = g * u - 1.3768699558237182e-06f;
  g = g * u + 1.777747056287632e-05f;
  g = g * u - 0.0001825864621140112f;
  g = g * u + 0.0017349125975468773f;
  g = g * u - 0.015624706652928887f;
  g = g * u + 0.12499998807642773f;
  const Floats near = m * u * g;

  const Floats low = p < q ? p : q;
  const Floats high = p < q ? q : p;
  const Floats s = low / (high + 1e-37f);
  Floats l = all(-0.11952958181597956f);  // ln(1 + s) / s, 3e-10 on 0..e^-2
  l = l * s + 0.1933143234220708f;
  l = l * s - 0.24954620942242373f;
  l = l * s + 0.3333191869986994f;
  l = l * s - 0.49999983726108255f;
  l = l * s + 0.9999999996945758f;
  const Floats far = m * (0.693147180559945309f - l * s) - a * low * 0.5f;
  return a < all(2.0f) ? near : far;
}

}  // namespace

RowResult PHASEGUARD_JS_ROW(const float* model, const float* reference, std::size_t n,
                            float* scratch) {
  const Scan model_scan = scan(model, n);
  const Scan reference_scan = scan(reference, n);
  if (model_scan.bad || reference_scan.bad) return {true, 0.0};
  if (std::fabs(model_scan.max) > kHuge || std::fabs(reference_scan.max) > kHuge) {
    return {false, std::numeric_limits<double>::quiet_NaN()};
  }
  float* e_model = scratch;
  float* e_reference = scratch + scratch_floats(n);
  const double sum_model = exponentials(model, n, model_scan.max, e_model);
  const double sum_reference = exponentials(reference, n, reference_scan.max, e_reference);

  // d = (z_p - z_q) - shift, the shift in two parts so that near-identical rows keep their digits.
  const double shift = (static_cast<double>(model_scan.max) - reference_scan.max) +
                       (std::log(sum_model) - std::log(sum_reference));
  const auto shift_high = static_cast<float>(shift);
  const Floats high = all(shift_high);
  const Floats low = all(static_cast<float>(shift - shift_high));
  const Floats scale_model = all(static_cast<float>(1.0 / sum_model));
  const Floats scale_reference = all(static_cast<float>(1.0 / sum_reference));

  Doubles total{};
  Block p_block, q_block;
  for (std::size_t i = 0; i < n; i += kBlock) {
    p_block.set(model, i, n);
    q_block.set(reference, i, n);
    Floats group{};
    for (std::size_t j = 0; j < kBlock; j += kLanes) {
      const Floats d = ((load(p_block.at + j) - load(q_block.at + j)) - high) - low;
      group += share(load(e_model + i + j) * scale_model,
                     load(e_reference + i + j) * scale_reference, d);
    }
    total += widened(group);
  }
  return {false, (total[0] + total[1]) + (total[2] + total[3])};
}

}  // namespace phaseguard::canaries::detail
