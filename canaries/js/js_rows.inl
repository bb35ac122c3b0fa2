// The kernel itself, on compiler vectors of PHASEGUARD_JS_LANES floats: 16 is one AVX-512 register,
// 8 one AVX2 register or two of SSE or NEON. Compiled once for each; PHASEGUARD_JS_ROW and
// PHASEGUARD_NORM_ROW name the functions. Everything here is local to the file that includes it, so
// that no code can be chosen for a processor that cannot run it.
//
// Two passes over each pair of rows. First, chunk by chunk in the first-level cache: the chunk's
// maximum, exponentials relative to it and their sum. Then, with both rows normalised, the shares.
// Per token, with d = ln p - ln q, a = |d|, s = min(p, q) / max(p, q), m = (p + q) / 2:
//   a < 2:  share = m d^2 G(d^2)                               no cancellation near d = 0
//   a >= 2: share = m (ln 2 - ln(1 + s)) - a min(p, q) / 2     the same function, rearranged
// The polynomials were fitted at Chebyshev nodes; their largest errors stand beside them. Groups of
// four vectors are added in float32, the groups in float64. A pair of rows is larger than the
// second cache: what the next chunk or block needs is asked for ahead.

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#if defined(__AVX2__)
#include <immintrin.h>
#endif

#include "canaries/js/js_rows.h"

namespace phaseguard::canaries::detail {

namespace {

constexpr std::size_t kLanes = PHASEGUARD_JS_LANES;
using Floats = float __attribute__((vector_size(kLanes * 4)));
using Ints = std::int32_t __attribute__((vector_size(kLanes * 4)));
using Half = float __attribute__((vector_size(kLanes * 2)));
using Doubles = double __attribute__((vector_size(kLanes * 4)));

constexpr float kHuge = 1e37f;  // beyond it differences of logits overflow
constexpr float kInfinity = std::numeric_limits<float>::infinity();

[[gnu::always_inline]] inline Floats load(const float* p) {
  Floats v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
[[gnu::always_inline]] inline void store(float* p, Floats v) { std::memcpy(p, &v, sizeof v); }
[[gnu::always_inline]] inline Floats all(float x) { return Floats{} + x; }

// Asks for the line `ahead` floats behind p, which may lie behind the row's end.
[[gnu::always_inline]] inline void prefetch(const float* p, std::size_t ahead) {
  const auto at = reinterpret_cast<std::uintptr_t>(p) + ahead * sizeof *p;
  // Pointer arithmetic may not leave the row. NOLINTNEXTLINE(performance-no-int-to-ptr)
  __builtin_prefetch(reinterpret_cast<const void*>(at));
}

[[gnu::always_inline]] inline Doubles widened(Floats v) {
  Half low, high;
  std::memcpy(&low, &v, sizeof low);
  std::memcpy(&high, reinterpret_cast<const char*>(&v) + sizeof low, sizeof high);
  return __builtin_convertvector(low, Doubles) + __builtin_convertvector(high, Doubles);
}

[[gnu::always_inline]] inline double summed(Doubles v) {
  double sum = 0.0;
  for (std::size_t lane = 0; lane < kLanes / 2; ++lane) sum += v[lane];
  return sum;
}

// The larger, the smaller, the magnitude, and 1/x to 24 bits. Where one operand of the first two is
// NaN the result is `b`. In a processor's own words, for compilers do not find them.
#if defined(__AVX512F__)
[[gnu::always_inline]] inline Floats larger(Floats a, Floats b) {
  return (Floats)_mm512_max_ps((__m512)a, (__m512)b);
}
[[gnu::always_inline]] inline Floats smaller(Floats a, Floats b) {
  return (Floats)_mm512_min_ps((__m512)a, (__m512)b);
}
[[gnu::always_inline]] inline Floats magnitude(Floats x) {
  return (Floats)_mm512_abs_ps((__m512)x);
}
[[gnu::always_inline]] inline Floats reciprocal(Floats x) {
  const Floats y = (Floats)_mm512_rcp14_ps((__m512)x);
  return y * (2.0f - x * y);
}
#elif defined(__AVX2__)
[[gnu::always_inline]] inline Floats larger(Floats a, Floats b) {
  return (Floats)_mm256_max_ps((__m256)a, (__m256)b);
}
[[gnu::always_inline]] inline Floats smaller(Floats a, Floats b) {
  return (Floats)_mm256_min_ps((__m256)a, (__m256)b);
}
[[gnu::always_inline]] inline Floats magnitude(Floats x) {
  return (Floats)_mm256_andnot_ps(_mm256_set1_ps(-0.0f), (__m256)x);
}
[[gnu::always_inline]] inline Floats reciprocal(Floats x) { return 1.0f / x; }
#else
[[gnu::always_inline]] inline Floats larger(Floats a, Floats b) { return a > b ? a : b; }
[[gnu::always_inline]] inline Floats smaller(Floats a, Floats b) { return a < b ? a : b; }
[[gnu::always_inline]] inline Floats magnitude(Floats x) { return x < all(0.0f) ? -x : x; }
[[gnu::always_inline]] inline Floats reciprocal(Floats x) { return 1.0f / x; }
#endif

constexpr float kLog2e = 1.44269504088896341f;

// e^(z - max) for z <= max. Below 2^-126 (2^-150 with AVX-512) exactly 0, for NaN NaN.
[[gnu::always_inline]] inline Floats exponential(Floats z, float max) {
#if defined(__AVX512F__)
  constexpr float kGone = -200.0f;  // scalef makes 0 of it
#else
  constexpr float kGone = -126.0f;
#endif
  const Floats t = larger(all(kGone), (z - all(max)) * kLog2e);
#if defined(__AVX512F__)
  // t - floor(t); scalef takes the floor itself.
  const Floats r = (Floats)_mm512_reduce_ps((__m512)t, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
  Floats y = all(0.001867130079428683f);  // 8e-8 on 0..1
  y = y * r + 0.009017030295895399f;
  y = y * r + 0.05579991312985779f;
  y = y * r + 0.24016445014454582f;
  y = y * r + 0.6931513118060187f;
  y = y * r + 1.0f;
  return (Floats)_mm512_scalef_ps((__m512)y, (__m512)t);
#else
  const Floats shifter = all(12582912.0f);  // 1.5 * 2^23: adding it rounds to a whole number
  const Floats shifted = t + shifter;
  const Floats r = t - (shifted - shifter);
  Floats y = all(0.0013264726898983552f);  // 9e-8 on |r| <= 1/2
  y = y * r + 0.009671512560660574f;
  y = y * r + 0.055507337442447124f;
  y = y * r + 0.24022242084919312f;
  y = y * r + 0.6931469775984711f;
  y = y * r + 1.0f;
  // The low bits of `shifted` are the whole number; they go into the exponent field.
  Ints bits;
  std::memcpy(&bits, &shifted, sizeof bits);
  const Ints power = (bits << 23) + 0x3f800000;
  Floats scale;
  std::memcpy(&scale, &power, sizeof scale);
  return t == all(kGone) ? all(0.0f) : y * scale;
#endif
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

// One chunk of a row: its largest logit (at least -kHuge) and the sum of its exponentials.
struct Chunk {
  float max = -kHuge;
  double sum = 0.0;
  bool bad = false;  // a NaN or +infinity
};

// Writes e^(z - chunk.max) for n logits, where they are wanted.
template <bool kKeep>
Chunk take_chunk(const float* z, std::size_t n, [[maybe_unused]] float* out) {
  Floats max = all(-kHuge);
  Block block;
  for (std::size_t i = 0; i < n; i += kBlock) {
    block.set(z, i, n);
    for (std::size_t j = 0; j < kBlock; j += kLanes) max = larger(load(block.at + j), max);
  }
  Chunk chunk;
  for (std::size_t lane = 0; lane < kLanes; ++lane) {
    if (max[lane] > chunk.max) chunk.max = max[lane];
  }
  chunk.bad = chunk.max == kInfinity;
  if (chunk.bad) return chunk;
  Doubles sum{};
  for (std::size_t i = 0; i < n; i += kBlock) {
    block.set(z, i, n);
    Floats group{};
    for (std::size_t j = 0; j < kBlock; j += kLanes) {
      prefetch(block.at + j, kChunk);
      const Floats e = exponential(load(block.at + j), chunk.max);
      if constexpr (kKeep) store(out + i + j, e);
      group += e;
    }
    sum += widened(group);
  }
  chunk.sum = summed(sum);
  chunk.bad = std::isnan(chunk.sum);  // a NaN logit shows here, the maximum passes over it
  return chunk;
}

// A whole row. The chunks' own maxima are kept, for their exponentials are relative to them.
struct Row {
  float max = -kHuge;
  double sum = 0.0;  // relative to max
  bool bad = false;  // a NaN or +infinity
  const float* e = nullptr;
  const float* chunk_max = nullptr;

  void add(const Chunk& chunk) {
    if (chunk.max > max) {
      sum *= std::exp(static_cast<double>(max) - chunk.max);
      max = chunk.max;
    }
    sum += chunk.sum * std::exp(static_cast<double>(chunk.max) - max);
  }
  // Logits beyond +-kHuge, or no finite one at all: float64 finds out.
  [[nodiscard]] bool is_huge() const { return !(std::fabs(max) < kHuge); }
  [[nodiscard]] RowNorm norm() const {
    return {bad, max, is_huge() ? std::numeric_limits<double>::quiet_NaN() : sum};
  }

  // What the exponentials of chunk `c` have to be multiplied by.
  [[nodiscard]] float scale(std::size_t c) const {
    return static_cast<float>(std::exp(static_cast<double>(chunk_max[c]) - max) / sum);
  }
};

Row take_row(const float* z, std::size_t n, RowScratch& scratch) {
  scratch.resize(n);
  Row row;
  row.e = scratch.e.data();
  row.chunk_max = scratch.maxima.data();
  std::size_t c = 0;
  for (std::size_t i = 0; i < n; i += kChunk, ++c) {
    const Chunk chunk =
        take_chunk<true>(z + i, n - i < kChunk ? n - i : kChunk, scratch.e.data() + i);
    if (chunk.bad) {
      row.bad = true;
      return row;
    }
    scratch.maxima[c] = chunk.max;
    row.add(chunk);
  }
  return row;
}

[[gnu::always_inline]] inline Floats share(Floats p, Floats q, Floats d) {
  // Also turns NaN (-infinity on both sides, where p = q = 0) into a number.
  const Floats a = smaller(magnitude(d), all(100.0f));
  const Floats both = p + q;  // 2 m

  const Floats u = a * a;
  Floats g = all(2.9051849210829453e-08f);  // G / 2, 6e-9 on 0..4
  g = g * u - 6.884349779118589e-07f;
  g = g * u + 8.88873528143816e-06f;
  g = g * u - 9.12932310560705e-05f;
  g = g * u + 0.00086745627748843865f;
  g = g * u - 0.0078123533264639435f;
  g = g * u + 0.062499994038213865f;
  const Floats near = both * u * g;

  const Floats low = smaller(p, q);
  const Floats s = low * reciprocal(larger(p, q) + 1e-37f);
  Floats l = all(-0.059764790907989785f);  // ln(1 + s) / 2s, 2e-10 on 0..e^-2
  l = l * s + 0.0966571612110336f;
  l = l * s - 0.12477310471121187f;
  l = l * s + 0.1666595934993497f;
  l = l * s - 0.24999991863054129f;
  l = l * s + 0.49999999984728715f;
  const Floats far = both * (0.346573590279972655f - l * s) - a * low * 0.5f;
  return a < all(2.0f) ? near : far;
}

}  // namespace

RowNorm PHASEGUARD_NORM_ROW(const float* row, std::size_t n) {
  Row out;
  for (std::size_t i = 0; i < n && !out.bad; i += kChunk) {
    const Chunk chunk = take_chunk<false>(row + i, n - i < kChunk ? n - i : kChunk, nullptr);
    out.bad = chunk.bad;
    if (!out.bad) out.add(chunk);
  }
  return out.norm();
}

RowResult PHASEGUARD_JS_ROW(const float* model, const float* reference, std::size_t n,
                            Scratch& scratch) {
  const Row p_row = take_row(model, n, scratch.model);
  if (p_row.bad) return {true, 0.0, p_row.norm()};
  const Row q_row = take_row(reference, n, scratch.reference);
  if (q_row.bad) return {true, 0.0, p_row.norm()};
  if (p_row.is_huge() || q_row.is_huge()) {
    return {false, std::numeric_limits<double>::quiet_NaN(), p_row.norm()};
  }
  // d = (z_p - z_q) - shift, the shift in two parts so that near-identical rows keep their digits.
  const double shift =
      (static_cast<double>(p_row.max) - q_row.max) + (std::log(p_row.sum) - std::log(q_row.sum));
  const auto shift_high = static_cast<float>(shift);
  const Floats high = all(shift_high);
  const Floats low = all(static_cast<float>(shift - shift_high));

  Doubles total{};
  Block p_block, q_block;
  for (std::size_t c = 0, begin = 0; begin < n; ++c, begin += kChunk) {
    const std::size_t end = n - begin < kChunk ? n : begin + kChunk;
    const Floats p_scale = all(p_row.scale(c));
    const Floats q_scale = all(q_row.scale(c));
    for (std::size_t i = begin; i < end; i += kBlock) {
      p_block.set(model, i, n);
      q_block.set(reference, i, n);
      Floats group{};
      for (std::size_t j = 0; j < kBlock; j += kLanes) {
        for (const float* next :
             {p_block.at + j, q_block.at + j, p_row.e + i + j, q_row.e + i + j}) {
          prefetch(next, 2 * kBlock);
        }
        const Floats d = ((load(p_block.at + j) - load(q_block.at + j)) - high) - low;
        group += share(load(p_row.e + i + j) * p_scale, load(q_row.e + i + j) * q_scale, d);
      }
      total += widened(group);
    }
  }
  return {false, summed(total), p_row.norm()};
}

}  // namespace phaseguard::canaries::detail
